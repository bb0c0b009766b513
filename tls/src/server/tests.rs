//! Files that are replaced while a server runs.

use tokio::net::TcpListener;

use super::*;
use crate::ClientTls;
use crate::client::tests::file;

/// Copies a certificate and its key to where a server reads them.
fn put(name: &str, to: &ServerFiles) {
    fs::copy(file(&format!("{name}.pem")), &to.certificate).unwrap();
    fs::copy(file(&format!("{name}.key")), &to.key).unwrap();
}

#[tokio::test]
async fn files_that_were_replaced_are_used_and_those_of_no_use_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let files = ServerFiles {
        certificate: folder.path().join("server.pem"),
        key: folder.path().join("server.key"),
        client_authorities: None,
    };
    put("server", &files);
    let server = ServerTls::load(files.clone()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = server.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = serving.accept(stream).await;
        }
    });
    let shake = async |authority: &str| {
        let tls = ClientTls::trusting(&file(authority)).unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        tls.connect("localhost", stream).await.is_ok()
    };
    let seen = mark(&files);
    assert!(shake("ca.pem").await);
    assert_eq!(server.look(seen.clone()), seen);

    fs::write(&files.key, "no key").unwrap();
    let seen = server.look(seen);
    assert!(shake("ca.pem").await, "what can be used stays in use");

    put("renewed", &files);
    server.look(seen);
    assert!(!shake("ca.pem").await);
    assert!(shake("other-ca.pem").await);
}

#[test]
fn a_key_of_another_certificate_is_refused_at_once() {
    let files = ServerFiles {
        certificate: file("server.pem"),
        key: file("renewed.key"),
        client_authorities: None,
    };
    let error = ServerTls::load(files).unwrap_err();
    assert!(matches!(error, TlsError::Pair { .. }), "{error}");
}
