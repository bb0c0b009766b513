//! The way to the Mesos masters, out of the configuration.

use std::path::PathBuf;

use lathe_mesos::Credentials;
use lathe_mesos::scheduler::Endpoint;
use lathe_mesos::tls::{Tls, TlsError};

use crate::config::Mesos;

/// Why there is no way.
#[derive(Debug, thiserror::Error)]
pub enum MastersError {
    #[error("the secret of the Mesos principal in {path} cannot be read")]
    Secret { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Tls(#[from] TlsError),
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
    let tls = config.ca_file.as_deref().map(Tls::trusting).transpose()?;
    Ok(Endpoint { masters: config.masters.clone(), credentials, tls, ..Endpoint::default() })
}
