//! Programs in Go: a module of a pinned digest, built by the Go of the machine.
//!
//! Owns how a module becomes a program. It must not know what the program does.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::say::say;
use crate::{Code, Failure, cache, tool};

const HINT: &str = "it takes `go`, Go 1.24 or newer, in PATH";
/// Ten minutes of a core may be an hour where others work too.
const LONGEST: Duration = Duration::from_secs(2 * 3_600);
/// The module itself is not written to, so the description that is changed lies beside the program.
const BUILD: [&str; 5] = ["build", "-mod=mod", "-trimpath", "-buildvcs=false", "-modfile"];
/// The whole list of what it imports, with digests, is the module's own.
const DESCRIPTION: [&str; 2] = ["go.mod", "go.sum"];

/// What is to be had.
#[derive(Debug)]
pub(crate) struct Program {
    /// Of the file.
    pub(crate) name: &'static str,
    pub(crate) module: &'static str,
    pub(crate) version: &'static str,
    /// The digest of the module's files, as `go.sum` has it.
    pub(crate) sum: &'static str,
    /// Replacements of its description that lead to folders which only its authors have; the versions
    /// that it asks for are taken.
    pub(crate) not_replaced: &'static [&'static str],
}

impl Program {
    /// Its file. Blocks while it is fetched and built.
    pub(crate) fn provide(&self) -> Result<PathBuf, Failure> {
        let made_from =
            [&[self.module, self.version, self.sum], self.not_replaced, &BUILD].concat();
        let key = cache::key(&self.full_name(), &made_from);
        Ok(cache::provide(&key, |home| self.build(home))?.join(self.name))
    }

    fn full_name(&self) -> String {
        format!("{}-{}", self.name, self.version.trim_start_matches('v'))
    }

    fn build(&self, home: &Path) -> Result<(), Failure> {
        let name = self.full_name();
        say(&format!("fetching {name}"));
        let module = format!("{}@{}", self.module, self.version);
        let log = home.join("fetch.log");
        let ended = go(&["mod", "download", "-json", &module], home, &log)?;
        let said =
            fs::read_to_string(&log).map_err(|error| Failure::system(log.display(), error))?;
        let fetched = said_of(&said);
        let told = fetched["Error"].as_str().map(str::to_owned);
        if let Some(why) = ended.err().map(|failed| told.unwrap_or(failed.account)) {
            let hint = "it comes from where Go is configured to fetch modules: is that reachable from here?";
            return Err(Failure::new(
                Code::Download,
                format!("{name} cannot be fetched: {why}"),
                hint,
            ));
        }
        if fetched["Sum"] != self.sum {
            let what =
                format!("{name} is not what it should be: {} is not {}", fetched["Sum"], self.sum);
            let hint =
                "the list of modules may have another one; take Go's copy of it away and try again";
            return Err(Failure::new(Code::Checksum, what, hint));
        }
        let sources = Path::new(fetched["Dir"].as_str().unwrap_or_default());
        self.describe(sources, home)?;
        say(&format!("building {name}; it may take many minutes, this once"));
        let (description, program) = (home.join(DESCRIPTION[0]), home.join(self.name));
        let mut words = BUILD.map(OsStr::new).to_vec();
        words.extend([
            description.as_os_str(),
            OsStr::new("-o"),
            program.as_os_str(),
            OsStr::new("."),
        ]);
        self.go(&words, sources, &home.join("build.log"))
    }

    /// Its description, without the replacements.
    fn describe(&self, sources: &Path, home: &Path) -> Result<(), Failure> {
        for file in DESCRIPTION {
            // The original may not be written to, and nor may a copy of the file as it is.
            let text = fs::read(sources.join(file));
            let written = text.and_then(|text| fs::write(home.join(file), text));
            written.map_err(|error| Failure::system(sources.join(file).display(), error))?;
        }
        for other in self.not_replaced {
            let words = ["mod", "edit", "-dropreplace", other, DESCRIPTION[0]].map(OsStr::new);
            self.go(&words, home, &home.join("edit.log"))?;
        }
        Ok(())
    }

    fn go(&self, words: &[&OsStr], dir: &Path, log: &Path) -> Result<(), Failure> {
        go(words, dir, log)?.map_err(|failed| {
            let what = format!("{} cannot be built: {}", self.full_name(), failed.account);
            Failure::new(Code::Build, what, HINT)
        })
    }
}

fn go(
    words: &[impl AsRef<OsStr>],
    dir: &Path,
    log: &Path,
) -> Result<Result<(), tool::Failed>, Failure> {
    let words = words.iter().map(AsRef::as_ref);
    let words: Vec<&OsStr> = std::iter::once(OsStr::new("go")).chain(words).collect();
    tool::run_within(LONGEST, &words, dir, log, HINT)
}

/// What Go says of a module as JSON, with lines for people around it.
fn said_of(text: &str) -> Value {
    let from = text.find("\n{").map_or(0, |at| at + 1);
    let upto = text.rfind('}').map_or(0, |at| at + 1);
    text.get(from..upto).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::said_of;

    #[test]
    fn what_is_said_of_a_module_is_found_among_lines_for_people() {
        let said = "{\n\t\"Sum\": \"h1:x=\"\n}\n";
        for text in [said.to_owned(), format!("go: downloading {{it}} v1\n{said}go: done\n")] {
            assert_eq!(said_of(&text)["Sum"], "h1:x=", "{text}");
        }
        assert!(said_of("go: no such module").is_null());
        assert!(said_of("}\n{").is_null());
    }
}
