//! The way to the Mesos masters, out of the configuration.

use std::path::PathBuf;

use lathe_coordination::{StoreError, group, without_password};
use lathe_mesos::address::Url;
use lathe_mesos::scheduler::Endpoint;
use lathe_mesos::{Credentials, detector};
use lathe_tls::{ClientTls, TlsError};
use tokio::sync::watch;

use crate::config::Mesos;

/// Why there is no way.
#[derive(Debug, thiserror::Error)]
pub enum MastersError {
    #[error("the secret of the Mesos principal in {path} cannot be read")]
    Secret { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("masters cannot be looked for at {group}")]
    Group { group: String, source: StoreError },
}

/// Reads the files that the configuration names.
///
/// # Errors
/// Where one of them is not there or of no use.
pub fn endpoint(config: &Mesos) -> Result<Endpoint, MastersError> {
    let credentials = match &config.secret_file {
        Some(path) => {
            let secret = std::fs::read_to_string(path)
                .map_err(|source| MastersError::Secret { path: path.clone(), source })?;
            // Standalone's file may have more lines: one for each who may call it.
            let mut lines = secret.lines().map(str::trim);
            let secret = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
            let secret = secret.unwrap_or_default().to_owned();
            Some(Credentials { principal: config.principal.clone(), secret })
        }
        None => None,
    };
    let tls = config.ca_file.as_deref().map(ClientTls::trusting).transpose()?;
    let announced = config.group.as_deref().map(follow).transpose()?;
    Ok(Endpoint { masters: config.masters.clone(), credentials, tls, announced })
}

/// The leading master as the group has it, for as long as anybody asks.
fn follow(group: &str) -> Result<watch::Receiver<Option<Url>>, MastersError> {
    let named = without_password(group);
    let mut members = group::follow(group)
        .map_err(|source| MastersError::Group { group: named.clone(), source })?;
    let (told, announced) = watch::channel(None);
    tokio::spawn(async move {
        loop {
            let found = tokio::select! {
                members = members.next() => detector::leader(&members),
                () = told.closed() => return,
            };
            let leader = found.unwrap_or_else(|error| {
                tracing::warn!(group = %named, %error, "the group says nothing of use");
                None
            });
            match &leader {
                Some(master) => tracing::info!(group = %named, %master, "leads the masters"),
                None => tracing::warn!(group = %named, "no master is announced"),
            }
            told.send_replace(leader);
        }
    });
    Ok(announced)
}
