//! Templates: one text, one context, bounded work.
//!
//! Owns the sandbox. A template reads no file, no clock and no environment; a name that is not there is an
//! error; maps are walked in order, so the same state renders to the same bytes.

mod objects;

use std::fmt;
use std::io;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use serde::{Serialize, Serializer};

use crate::snapshot::Input;

/// Steps of one rendering.
const FUEL: u64 = 20_000_000;
/// Bytes that one rendering may have.
pub(crate) const OUTPUT_BYTES_MAX: usize = 16 << 20;
/// Bytes of a template.
pub(crate) const SOURCE_BYTES_MAX: usize = 1 << 20;
/// Loops and macros within one another.
const DEPTH_MAX: usize = 100;

/// A template that was read once and checked.
#[derive(Clone)]
pub struct Template {
    name: Arc<str>,
    source: Arc<str>,
    environment: Arc<Environment<'static>>,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Serialize for Template {
    /// The text alone: a file that was moved is the same template.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

/// Why a template cannot be used, or renders to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{template}{}: {problem}", line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct RenderError {
    /// The template's name.
    pub template: String,
    /// Counted from 1, where it is known.
    pub line: Option<usize>,
    /// In the words of the template engine.
    pub problem: String,
}

/// What a template is told beside its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) hook: String,
    /// The state may be old: no registry is heard.
    pub(crate) stale: bool,
    pub(crate) age_ms: u64,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// It is too long, or its words make no sense.
    pub fn parse(name: &str, source: &str) -> Result<Self, RenderError> {
        if source.len() > SOURCE_BYTES_MAX {
            let problem = format!("longer than {SOURCE_BYTES_MAX} bytes");
            return Err(RenderError { template: name.to_owned(), line: None, problem });
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_syntax(syntax());
        environment.set_recursion_limit(DEPTH_MAX);
        environment.set_fuel(Some(FUEL));
        let added = environment.add_template_owned(name.to_owned(), source.to_owned());
        added.map_err(|error| told(name, &error))?;
        Ok(Self { name: name.into(), source: source.into(), environment: Arc::new(environment) })
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn render(
        &self,
        input: &Arc<Input>,
        setting: &Setting,
    ) -> Result<Vec<u8>, RenderError> {
        let failed = |error: &minijinja::Error| told(&self.name, error);
        let template = self.environment.get_template(&self.name).map_err(|e| failed(&e))?;
        let mut out = Bounded(Vec::new());
        template.render_captured_to(context(input, setting), &mut out).map_err(|e| failed(&e))?;
        Ok(out.0)
    }
}

/// A line with nothing but a block leaves no empty line, as people expect of configuration files.
fn syntax() -> SyntaxConfig {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    builder.build().expect("the usual delimiters are allowed")
}

fn told(template: &str, error: &minijinja::Error) -> RenderError {
    let mut problem = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    if let Some(cause) = std::error::Error::source(error) {
        problem.push_str(&format!(": {cause}"));
    }
    RenderError { template: template.to_owned(), line: error.line(), problem }
}

fn context(input: &Arc<Input>, setting: &Setting) -> Value {
    context! {
        hook => setting.hook.as_str(),
        history => input.history.as_str(),
        version => input.version,
        stale => setting.stale,
        age_ms => setting.age_ms,
        groups => objects::groups(input),
        entries => objects::entries(input),
    }
}

struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT_BYTES_MAX {
            let problem = format!("it renders to more than {OUTPUT_BYTES_MAX} bytes");
            return Err(io::Error::other(problem));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
