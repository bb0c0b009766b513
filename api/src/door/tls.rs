//! The keys by which a daemon's file says how it speaks TLS.
//!
//! Owns their names, which are the same in every file, which of them need which, and the listener beside the
//! plain one: tasks and executors speak no TLS, so those whom they ask listen for others at a second address.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use lathe_tls::{ClientTls, ServerFiles, ServerTls, TlsError};
use lathe_topology::Code;
use lathe_topology::document::Reader;
use tokio::net::TcpListener;

use super::{BindError, Limits, Listener, bind, serve};

/// As whom a listener shows itself, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles(ServerFiles);

/// Whom one trusts who asks by TLS, and as whom one shows oneself: files in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// The authorities by one of which the other side has to be signed; without them nobody is trusted.
    pub authorities: Option<PathBuf>,
    /// A certificate for those who want one, and its key.
    pub own: Option<(PathBuf, PathBuf)>,
}

impl Trust {
    /// Reads `ca_file`, `cert_file` and `cert_key_file`; one of the last two without the other is refused.
    pub fn read(reader: &mut Reader) -> Self {
        let mut path = |key| reader.optional_string(key).map(PathBuf::from);
        let (authorities, certificate, key) =
            (path("ca_file"), path("cert_file"), path("cert_key_file"));
        if certificate.is_some() != key.is_some() {
            let named = if certificate.is_some() { "cert_file" } else { "cert_key_file" };
            let message = "`cert_file` and `cert_key_file` belong together, and one is not named";
            reader.refuse(Code::CONFIG_WRONG_VALUE, named, message);
        }
        Self { authorities, own: certificate.zip(key) }
    }

    /// The same in use.
    ///
    /// # Errors
    /// Where a file is of no use.
    pub fn client(&self) -> Result<ClientTls, TlsError> {
        match (&self.authorities, &self.own) {
            (None, _) => ClientTls::nobody(),
            (Some(authorities), None) => ClientTls::trusting(authorities),
            (Some(authorities), Some((certificate, key))) => {
                ClientTls::showing(authorities, certificate, key)
            }
        }
    }
}

/// A listener for TLS beside the plain one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsDoor {
    /// `tls_listen`: its address.
    pub listen: SocketAddr,
    /// Its files.
    pub files: TlsFiles,
}

/// Why a listener with TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsDoorError {
    /// A file is of no use.
    #[error("the files of TLS cannot be used")]
    Files(#[from] TlsError),
    /// It cannot listen.
    #[error(transparent)]
    Bind(#[from] BindError),
}

impl TlsFiles {
    /// Reads `tls_cert` (the certificate with its chain), `tls_key` (its key) and `tls_client_ca` (whose
    /// certificates clients have to have, if they have to have one); what does not go together is refused.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let mut path = |key| reader.optional_string(key).map(PathBuf::from);
        let (certificate, key, clients) =
            (path("tls_cert"), path("tls_key"), path("tls_client_ca"));
        let lacks = match (&certificate, &key) {
            (Some(_), None) => Some(("tls_cert", "`tls_cert` is named, and `tls_key` is not")),
            (None, Some(_)) => Some(("tls_key", "`tls_key` is named, and `tls_cert` is not")),
            (None, None) if clients.is_some() => Some((
                "tls_client_ca",
                "`tls_client_ca` is named, and there is no TLS to ask clients in",
            )),
            _ => None,
        };
        if let Some((key, message)) = lacks {
            let help = "name `tls_cert` and `tls_key`, in PEM: the certificate with its chain, and its key";
            reader.refuse_with_help(Code::CONFIG_WRONG_VALUE, key, message, help);
        }
        Some(Self(ServerFiles {
            certificate: certificate?,
            key: key?,
            client_authorities: clients,
        }))
    }

    /// What a listener shows.
    ///
    /// # Errors
    /// Where a file is of no use.
    pub fn server(&self) -> Result<ServerTls, TlsError> {
        ServerTls::load(self.0.clone())
    }

    /// The keys that are set, as a configuration file has them.
    pub fn keys(&self) -> impl Iterator<Item = (&'static str, String)> {
        let clients = self.0.client_authorities.as_ref();
        let all = [
            ("tls_cert", Some(&self.0.certificate)),
            ("tls_key", Some(&self.0.key)),
            ("tls_client_ca", clients),
        ];
        all.into_iter().filter_map(|(key, path)| Some((key, path?.display().to_string())))
    }
}

impl TlsDoor {
    /// Reads `tls_listen` and the files; one without the other is refused.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let listen = reader.optional_parsed("tls_listen");
        let named = reader.has("tls_cert");
        let files = TlsFiles::read(reader);
        if listen.is_some() && !named {
            let help = "name `tls_cert` and `tls_key` too";
            let message = "`tls_listen` is named, and there is no certificate";
            reader.refuse_with_help(Code::CONFIG_WRONG_VALUE, "tls_listen", message, help);
        }
        if listen.is_none() && named && !reader.has("tls_listen") {
            let help = "name the address too, as in `tls_listen = \"0.0.0.0:4743\"`";
            let message = "`tls_cert` is named, and no address to use it at";
            reader.refuse_with_help(Code::CONFIG_WRONG_VALUE, "tls_cert", message, help);
        }
        Some(Self { listen: listen?, files: files? })
    }

    /// Listens.
    ///
    /// # Errors
    /// [`TlsDoorError`]
    pub async fn bind(&self) -> Result<Listener, TlsDoorError> {
        let tls = self.files.server()?;
        // Whoever comes is encrypted, so it may be any address.
        Ok(Listener::new(bind(self.listen, true).await?, Some(tls)))
    }

    /// The keys of the door and of its files, as a configuration file has them.
    pub fn keys(&self) -> impl Iterator<Item = (&'static str, String)> {
        [("tls_listen", self.listen.to_string())].into_iter().chain(self.files.keys())
    }
}

/// Serves the same at the plain listener and, where there is one, at that for TLS, until `shutdown` says so.
pub async fn serve_both<F>(
    plain: TcpListener,
    tls: Option<Listener>,
    router: Router,
    limits: Limits,
    shutdown: impl Fn() -> F,
) where
    F: Future<Output = ()>,
{
    let both = async {
        if let Some(tls) = tls {
            serve(tls, router.clone(), limits.clone(), shutdown()).await;
        }
    };
    tokio::join!(serve(plain, router.clone(), limits.clone(), shutdown()), both);
}

#[cfg(test)]
mod tests {
    //! Keys that do not go together.

    use lathe_topology::document::Document;

    use super::*;

    fn read(text: &str) -> Result<Option<TlsDoor>, String> {
        let mut reader = Document::parse(text).unwrap().reader();
        let door = TlsDoor::read(&mut reader);
        let told = |problems: Vec<lathe_topology::Diagnostic>| problems[0].message.clone();
        reader.finish().map(|()| door).map_err(told)
    }

    #[test]
    fn a_certificate_of_ones_own_has_its_key() {
        let read = |text: &str| {
            let mut reader = Document::parse(text).unwrap().reader();
            let trust = Trust::read(&mut reader);
            reader.finish().map(|()| trust).map_err(|problems| problems[0].message.clone())
        };
        assert_eq!(read("").unwrap(), Trust::default());
        assert!(read("cert_file = \"c\"\ncert_key_file = \"k\"").unwrap().own.is_some());
        assert!(read("cert_key_file = \"k\"").unwrap_err().contains("belong together"));
    }

    #[test]
    fn address_certificate_and_key_are_named_together() {
        let text =
            "tls_listen = \"0.0.0.0:1\"\ntls_cert = \"c\"\ntls_key = \"k\"\ntls_client_ca = \"a\"";
        let door = read(text).unwrap().unwrap();
        let keys: Vec<_> = door.keys().map(|(key, _)| key).collect();
        assert_eq!(keys, ["tls_listen", "tls_cert", "tls_key", "tls_client_ca"]);
        assert_eq!(read("").unwrap(), None);
        for (text, told) in [
            ("tls_cert = \"c\"", "`tls_key` is not"),
            ("tls_key = \"k\"", "`tls_cert` is not"),
            ("tls_client_ca = \"a\"", "no TLS to ask clients in"),
            ("tls_listen = \"0.0.0.0:1\"", "there is no certificate"),
            ("tls_cert = \"c\"\ntls_key = \"k\"", "no address to use it at"),
            ("tls_listen = \"x\"\ntls_cert = \"c\"\ntls_key = \"k\"", "tls_listen"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(told), "{message}");
        }
    }
}
