//! The part of the configuration that says which Mesos, and who we are there.

use std::path::{Path, PathBuf};

use lathe_topology::document::Reader;

use super::Flags;

/// Mesos and our place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mesos {
    /// `host:port`, `http://…` or `https://…`.
    pub masters: Vec<String>,
    /// Where masters announce themselves: `zk://…/mesos`.
    pub group: Option<String>,
    pub principal: String,
    /// The first line that says something is the principal's secret.
    pub secret_file: Option<PathBuf>,
    /// The authorities (PEM) that masters and agents are trusted by, for `https`.
    pub ca_file: Option<PathBuf>,
    pub role: String,
    /// Whom tasks run as.
    pub user: String,
    /// The framework's name.
    pub name: String,
}

impl Mesos {
    pub(super) fn read(file: &mut Reader, flags: &Flags) -> Self {
        let in_file = file.list("masters");
        let mut masters = if flags.masters.is_empty() { in_file } else { flags.masters.clone() };
        // One of several groups would be left out: they stay, and are refused as no masters.
        let group = masters.iter().position(|master| master.starts_with("zk://"));
        let group = group.map(|at| masters.remove(at));
        let mut path = |flag: &Option<PathBuf>, key| {
            let in_file = file.optional_string(key).map(PathBuf::from);
            flag.clone().or(in_file)
        };
        Self {
            masters,
            group,
            secret_file: path(&flags.mesos_secret_file, "mesos_secret_file"),
            ca_file: path(&flags.mesos_ca_file, "mesos_ca_file"),
            principal: file.string("principal", "lathe"),
            role: file.string("role", "lathe"),
            user: file.string("user", &current_user()),
            name: file.string("name", "lathe"),
        }
    }

    pub(super) fn print(&self, table: &mut toml::Table) {
        let mut put = |key: &str, value: toml::Value| table.insert(key.to_owned(), value);
        let text = |path: &Path| toml::Value::String(path.display().to_string());
        let masters: Vec<String> = self.group.iter().chain(&self.masters).cloned().collect();
        put("masters", masters.into());
        put("principal", self.principal.clone().into());
        if let Some(path) = &self.secret_file {
            put("mesos_secret_file", text(path));
        }
        if let Some(path) = &self.ca_file {
            put("mesos_ca_file", text(path));
        }
        put("role", self.role.clone().into());
        put("user", self.user.clone().into());
        put("name", self.name.clone().into());
    }
}

fn current_user() -> String {
    std::env::var("USER").ok().filter(|user| !user.is_empty()).unwrap_or_else(|| "root".to_owned())
}
