//! Where the scheduler is, and what is shown to it: flag, environment, configuration, a running
//! `lathe up`, in this order.

use std::path::{Path, PathBuf};

use lathe_api::door::Trust;
use lathe_api::rest::Endpoints;
use lathe_topology::document::Document;
use lathe_topology::render;

use crate::args::Find;
use crate::failure::{BAD_INPUT, Failure, UNREACHABLE};
use crate::home::{Home, config_home};

/// Larger configuration files are refused.
const CONFIG_BYTES_MAX: u64 = 64 * 1024;

/// A scheduler as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub scheduler: String,
    pub token_file: Option<PathBuf>,
    /// Whom to trust where it speaks TLS.
    pub trust: Trust,
    /// What named it.
    pub by: String,
    /// Of the `lathe up` that it belongs to, where it belongs to one of this home.
    pub endpoints: Option<Endpoints>,
}

/// The user's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Config {
    scheduler: Option<String>,
    token_file: Option<PathBuf>,
    trust: Trust,
}

/// Whom to trust, for listeners that are named by themselves.
pub(crate) fn trust(find: &Find) -> Result<Trust, Failure> {
    Ok(trust_among(find, &Config::read(&config_home()?.join("config.toml"))?))
}

/// A flag wins over the configuration, file by file.
fn trust_among(find: &Find, config: &Config) -> Trust {
    let own = find.cert_file.clone().zip(find.cert_key_file.clone());
    Trust {
        authorities: find.ca_file.clone().or_else(|| config.trust.authorities.clone()),
        own: own.or_else(|| config.trust.own.clone()),
    }
}

impl Found {
    pub(crate) fn of(find: &Find) -> Result<Self, Failure> {
        let home = Home::find(find.home.as_deref())?;
        let path = config_home()?.join("config.toml");
        let config = Config::read(&path)?;
        Self::among(find, &config, &path, home.endpoints())
    }

    fn among(
        find: &Find,
        config: &Config,
        path: &Path,
        up: Option<Endpoints>,
    ) -> Result<Self, Failure> {
        let (scheduler, by) = match (&find.scheduler, &config.scheduler, &up) {
            (Some(url), _, _) => (url.clone(), "--scheduler or LATHE_SCHEDULER".to_owned()),
            (None, Some(url), _) => (url.clone(), path.display().to_string()),
            (None, None, Some(up)) => {
                (up.scheduler.clone(), format!("`lathe up`, process {}", up.pid))
            }
            (None, None, None) => {
                return Err(Failure::new("no scheduler was found")
                    .with_code(UNREACHABLE)
                    .with_hint("start one with `lathe up`, or name one by --scheduler"));
            }
        };
        let endpoints = up.filter(|up| same(&up.scheduler, &scheduler));
        // A token is for the scheduler that it was given with, and is shown to no other.
        let of_config = config
            .token_file
            .clone()
            .filter(|_| config.scheduler.as_ref().is_none_or(|url| same(url, &scheduler)));
        let of_home = || endpoints.as_ref().map(|up| PathBuf::from(&up.token_file));
        let token_file = find.token_file.clone().or(of_config).or_else(of_home);
        let trust = trust_among(find, config);
        Ok(Self { scheduler, token_file, trust, by, endpoints })
    }
}

fn same(one: &str, other: &str) -> bool {
    // Without a scheme it is plain; the same address by TLS is another listener.
    let bare = |url: &str| url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    bare(one) == bare(other)
}

impl Config {
    /// A file that is not there says nothing.
    fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let failed = |error: &std::io::Error| Failure::io(&shown, error).with_code(BAD_INPUT);
        let meta = match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            meta => meta.map_err(|error| failed(&error))?,
        };
        if meta.len() > CONFIG_BYTES_MAX {
            let text = format!("{shown} has {} bytes; {CONFIG_BYTES_MAX} are allowed", meta.len());
            return Err(Failure::new(text).with_code(BAD_INPUT));
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
        Self::parse(&shown.to_string(), &text)
    }

    fn parse(shown: &str, text: &str) -> Result<Self, Failure> {
        let wrong = |problems: Vec<lathe_topology::Diagnostic>| {
            Failure::new(format!("the configuration is wrong\n{}", render(shown, text, &problems)))
                .with_code(BAD_INPUT)
        };
        let mut reader = Document::parse(text).map_err(wrong)?.reader();
        let scheduler = reader.optional_string("scheduler");
        let token_file = reader.optional_string("token_file").map(PathBuf::from);
        let trust = Trust::read(&mut reader);
        reader.finish().map_err(wrong)?;
        Ok(Self { scheduler, token_file, trust })
    }
}

#[cfg(test)]
mod tests;
