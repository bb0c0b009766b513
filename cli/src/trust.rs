//! Whom this command trusts by TLS, and as whom it shows itself: flags, environment, configuration.

use std::path::PathBuf;

use lathe_tls::{ClientTls, TlsError};

use crate::failure::{BAD_INPUT, Failure, chain};

/// Files in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trust {
    /// The authorities by one of which a listener has to be signed.
    pub authorities: Option<PathBuf>,
    /// A certificate for listeners that want one, and its key.
    pub own: Option<(PathBuf, PathBuf)>,
}

impl Trust {
    /// The same in use; without authorities nobody is trusted.
    pub(crate) fn client(&self) -> Result<ClientTls, Failure> {
        let made = match (&self.authorities, &self.own) {
            (None, _) => ClientTls::nobody(),
            (Some(authorities), None) => ClientTls::trusting(authorities),
            (Some(authorities), Some((certificate, key))) => {
                ClientTls::showing(authorities, certificate, key)
            }
        };
        made.map_err(|error: TlsError| Failure::new(chain(&error)).with_code(BAD_INPUT))
    }
}
