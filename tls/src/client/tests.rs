//! What is said of files that are of no use, and whom a client believes.

use std::path::PathBuf;

use tokio::net::TcpListener;

use super::*;
use crate::{ServerFiles, ServerTls};

pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

#[test]
fn files_of_no_use_are_named() {
    let wrong = |name: &str| ClientTls::trusting(&file(name)).unwrap_err().to_string();
    assert!(wrong("missing.pem").contains("missing.pem"));
    assert!(wrong("README.md").contains("no certificate in"), "{}", wrong("README.md"));
    assert!(wrong("server.key").contains("no certificate in"), "{}", wrong("server.key"));
    let showing = |certificate: &str, key: &str| {
        ClientTls::showing(&file("ca.pem"), &file(certificate), &file(key)).unwrap_err()
    };
    let mixed = showing("client.pem", "server.key");
    assert!(matches!(mixed, TlsError::Pair { .. }), "{mixed}");
    assert!(mixed.to_string().contains("client.pem"), "{mixed}");
    let no_key = showing("client.pem", "client.pem");
    assert!(matches!(no_key, TlsError::Key { .. }), "{no_key}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let files = ServerFiles {
        certificate: file("server.pem"),
        key: file("server.key"),
        client_authorities: None,
    };
    let server = ServerTls::load(files).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = server.accept(stream).await;
        }
    });
    let tls = ClientTls::trusting(&file("ca.pem")).unwrap();
    let shake = async |host: &str| {
        let stream = TcpStream::connect(address).await.unwrap();
        tls.connect(host, stream).await.map(|_| ())
    };
    shake("127.0.0.1").await.unwrap();
    shake("localhost").await.unwrap();
    for other in ["127.0.0.2", "[::1]", "elsewhere"] {
        let error = shake(other).await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    let nobody = ClientTls::nobody().unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    nobody.connect("localhost", stream).await.unwrap_err();
}
