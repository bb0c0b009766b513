//! What the hooks would do now: registries are asked once, and nothing is changed.
//!
//! Owns the asking and what is printed. It uses no data folder, so it may be run beside the agent.

use std::io::Write as _;

use lathe_hooks::{Preview, Snapshot};
use lathe_tls::{ClientTls, TlsError};

use crate::config::Config;
use crate::copy::{Copy, Wish};
use crate::stream;

/// Why it cannot be said.
#[derive(Debug, thiserror::Error)]
pub enum DryRunError {
    /// No registry is named.
    #[error("no registry is named: what agents tell each other is not asked for here")]
    Nobody,
    /// No registry answers everything.
    #[error("no registry answers: {0}")]
    Silent(String),
    /// The files of TLS cannot be used.
    #[error("the files of TLS cannot be used")]
    Tls(#[from] TlsError),
    /// Some hooks would fail; what the others would do was printed.
    #[error("{0}")]
    Hooks(String),
    /// Nobody reads.
    #[error("nobody reads what would be done")]
    Write(#[from] std::io::Error),
}

/// Asks the registries in turn until one has answered everything that hooks look at, and prints what each hook
/// would do.
///
/// # Errors
/// [`DryRunError`]
pub async fn dry_run(config: &Config) -> Result<(), DryRunError> {
    let tls = config.trust.client()?;
    let mut why = None;
    for registry in &config.registries {
        match heard(config, (registry, &tls)).await {
            Ok((snapshot, age_ms)) => return told(config, &snapshot, age_ms),
            Err(problem) => why = Some(format!("{registry}: {problem}")),
        }
    }
    Err(why.map_or(DryRunError::Nobody, DryRunError::Silent))
}

/// What one registry says of all groups of hooks, and how old that is, in milliseconds.
async fn heard(config: &Config, from: (&str, &ClientTls)) -> Result<(Snapshot, u64), String> {
    let mut copy = Copy::default();
    let mut oldest_ms = 0;
    for group in config.hooks.iter().flat_map(|hook| &hook.groups) {
        let wish = Wish::Group(group.clone());
        let (news, age_ms) = stream::ask(from, ("", None), &wish, None).await?;
        let news = news.ok_or("it says that nothing is new to who knows nothing")?;
        if copy.history().is_empty() {
            copy = Copy::of(news.history());
        }
        if news.history() != copy.history() {
            return Err("its store was made anew just now; ask again".to_owned());
        }
        copy.take(news, &config.selection);
        oldest_ms = oldest_ms.max(age_ms);
    }
    let snapshot = Snapshot { history: copy.history().to_owned(), groups: copy.groups().clone() };
    Ok((snapshot, oldest_ms))
}

fn told(config: &Config, snapshot: &Snapshot, age_ms: u64) -> Result<(), DryRunError> {
    let mut out = std::io::stdout();
    if config.hooks.is_empty() {
        writeln!(out, "there are no hooks")?;
    }
    let mut failed = Vec::new();
    for hook in &config.hooks {
        match Preview::of(hook, snapshot, (false, age_ms)) {
            Ok(Some(preview)) => write!(out, "{preview}")?,
            Ok(None) => writeln!(out, "{}: not all of its groups are known", hook.name)?,
            Err(problem) => failed.push(format!("{}: {problem}", hook.name)),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(DryRunError::Hooks(failed.join("; "))) }
}
