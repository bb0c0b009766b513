//! Tests of the fetcher.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

fn uri(value: &str) -> command_info::Uri {
    command_info::Uri { value: value.to_owned(), ..command_info::Uri::default() }
}

struct Place {
    _dir: tempfile::TempDir,
    fetcher: Fetcher,
    sandboxes: [PathBuf; 2],
    outside: PathBuf,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let [cache, one, two, outside] = ["cache", "one", "two", "outside"].map(|name| {
        let path = dir.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    });
    Place { fetcher: Fetcher::new(&cache), sandboxes: [one, two], outside, _dir: dir }
}

/// Answers every request with `head` and `body`, and counts them.
async fn server(head: &'static str, body: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (format!("http://{address}"), count)
}

#[tokio::test]
async fn a_local_file_is_linked_into_sandboxes_and_followed_when_it_changes() {
    let place = place();
    let file = place.outside.join("tool");
    fs::write(&file, "first").unwrap();
    let mut wanted = uri(&format!("file://{}", file.display()));
    wanted.executable = Some(true);
    place.fetcher.fetch(&wanted, &place.sandboxes[0]).await.unwrap();
    let fetched = place.sandboxes[0].join("tool");
    let metadata = fs::metadata(&fetched).unwrap();
    assert_eq!(metadata.mode() & 0o777, 0o755);
    assert_eq!(metadata.nlink(), 2, "the other name is in the cache");
    fs::write(&file, "second!").unwrap();
    place.fetcher.fetch(&wanted, &place.sandboxes[1]).await.unwrap();
    assert_eq!(fs::read_to_string(fetched).unwrap(), "first");
    assert_eq!(fs::read_to_string(place.sandboxes[1].join("tool")).unwrap(), "second!");
}

#[tokio::test]
async fn a_cached_uri_is_fetched_once() {
    let place = place();
    let (url, count) = server("HTTP/1.1 200 OK", "contents").await;
    let mut wanted = uri(&format!("{url}/a/tool?x=1"));
    wanted.cache = Some(true);
    for sandbox in &place.sandboxes {
        place.fetcher.fetch(&wanted, sandbox).await.unwrap();
        assert_eq!(fs::read_to_string(sandbox.join("tool")).unwrap(), "contents");
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_cannot_be_had_leaves_nothing_behind() {
    let place = place();
    let (url, _) = server("HTTP/1.1 404 Not Found", "no").await;
    let fails = [
        format!("{url}/tool"),
        "ftp://127.0.0.1/tool".to_owned(),
        "https://127.0.0.1/tool".to_owned(),
        "/no/such/file".to_owned(),
        format!("{url}/"),
    ];
    for value in fails {
        assert!(place.fetcher.fetch(&uri(&value), &place.sandboxes[0]).await.is_err(), "{value}");
    }
    let mut escaping = uri(&format!("{url}/tool"));
    escaping.output_file = Some("../tool".to_owned());
    let refused = place.fetcher.fetch(&escaping, &place.sandboxes[0]).await;
    assert!(matches!(refused, Err(FetchError::Name(_))));
    let archive = place.fetcher.fetch(&uri(&format!("{url}/a.tgz")), &place.sandboxes[0]).await;
    assert!(matches!(archive, Err(FetchError::Archive)));
    assert_eq!(fs::read_dir(&place.sandboxes[0]).unwrap().count(), 0);
}
