//! Artifacts that come, do not come, or come wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::digest::Hasher;
use super::*;
use crate::test_server::{Reply, TestServer};

const CONTENT: &[u8] = b"#!/bin/sh\nexit 0\n";

fn digest_of(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(bytes);
    hasher.finish()
}

struct Fixture {
    folder: tempfile::TempDir,
    cache: Cache,
}

impl Fixture {
    fn new(bytes_max: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().join("cache"), bytes_max).unwrap();
        Self { folder, cache }
    }

    fn wanted(&self, content: &[u8], urls: &[&str]) -> Wanted {
        Wanted {
            artifact: ArtifactRef {
                sha256: digest_of(content).to_string(),
                size: u64::try_from(content.len()).unwrap(),
                urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            },
            secret: "hush".to_owned(),
            target: self.folder.path().join("sandbox/bin/program"),
            seed: 1,
        }
    }

    /// The names of the artifacts in the cache.
    fn entries(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path().join("cache")).unwrap();
        let names = names.map(|item| item.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.len() == 64).collect()
    }

    fn leftovers(&self) -> usize {
        let names = fs::read_dir(self.folder.path().join("cache")).unwrap();
        names
            .filter(|item| {
                item.as_ref().unwrap().file_name().to_string_lossy().starts_with("incoming")
            })
            .count()
    }
}

#[tokio::test]
async fn an_artifact_is_downloaded_once_and_lies_executable_in_the_sandbox() {
    let server = TestServer::start(|_| Reply::ok(CONTENT)).await;
    let fixture = Fixture::new(u64::MAX);
    let wanted = fixture.wanted(CONTENT, &[&server.url]);
    fetch(&fixture.cache, &wanted).await.unwrap();
    fetch(&fixture.cache, &wanted).await.unwrap();
    assert_eq!(fs::read(&wanted.target).unwrap(), CONTENT);
    assert_eq!(fs::metadata(&wanted.target).unwrap().permissions().mode() & 0o777, 0o555);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].to_lowercase().contains("authorization: bearer hush\r\n"));
    assert_eq!(fixture.leftovers(), 0);
}

#[tokio::test]
async fn many_executors_at_once_download_once() {
    let server = TestServer::start(|_| Reply::ok(CONTENT)).await;
    let fixture = Fixture::new(u64::MAX);
    let mut all = Vec::new();
    for number in 0..8 {
        let (cache, mut wanted) = (fixture.cache.clone(), fixture.wanted(CONTENT, &[&server.url]));
        wanted.target = fixture.folder.path().join(format!("box-{number}/program"));
        all.push(tokio::spawn(async move { fetch(&cache, &wanted).await }));
    }
    for one in all {
        one.await.unwrap().unwrap();
    }
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_wrong_digest_is_refused_and_not_kept() {
    let server = TestServer::start(|_| Reply::ok(b"#!/bin/sh\nexit 1\n")).await;
    let fixture = Fixture::new(u64::MAX);
    let wanted = fixture.wanted(CONTENT, &[&server.url]);
    let failure = Failure::from(fetch(&fixture.cache, &wanted).await.unwrap_err());
    assert!(failure.message.contains("something with the digest"), "{}", failure.message);
    assert!(!failure.permanent);
    assert!(!wanted.target.exists());
    assert!(fixture.entries().is_empty());
    assert_eq!((fixture.leftovers(), server.requests().len()), (0, 1));
}

#[tokio::test]
async fn a_truncated_stream_is_tried_again() {
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    let server = TestServer::start(move |_| match counting.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::truncated(CONTENT),
        1 => Reply::status("503 Service Unavailable", b""),
        _ => Reply::ok(CONTENT),
    })
    .await;
    let fixture = Fixture::new(u64::MAX);
    fetch(&fixture.cache, &fixture.wanted(CONTENT, &[&server.url])).await.unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_stream_that_stays_truncated_says_how_much_came() {
    let server = TestServer::start(|_| Reply::truncated(CONTENT)).await;
    let fixture = Fixture::new(u64::MAX);
    let wanted = fixture.wanted(CONTENT, &[&server.url]);
    let failure = Failure::from(fetch(&fixture.cache, &wanted).await.unwrap_err());
    assert!(failure.message.contains("8 bytes instead of 17"), "{}", failure.message);
    assert_eq!(fixture.leftovers(), 0);
}

#[tokio::test]
async fn more_than_was_promised_is_refused() {
    let server = TestServer::start(|_| Reply::ok(&vec![0; 1 << 20])).await;
    let fixture = Fixture::new(u64::MAX);
    let wanted = fixture.wanted(CONTENT, &[&server.url]);
    let failure = Failure::from(fetch(&fixture.cache, &wanted).await.unwrap_err());
    assert!(failure.message.contains("instead of 17"), "{}", failure.message);
}

#[tokio::test]
async fn the_next_address_helps_and_a_hopeless_one_is_asked_once() {
    let missing = TestServer::start(|_| Reply::status("404 Not Found", b"")).await;
    let good = TestServer::start(|_| Reply::ok(CONTENT)).await;
    let fixture = Fixture::new(u64::MAX);
    let urls = ["ftp://nowhere/", &missing.url, &good.url];
    fetch(&fixture.cache, &fixture.wanted(CONTENT, &urls)).await.unwrap();

    let fixture = Fixture::new(u64::MAX);
    let wanted = fixture.wanted(CONTENT, &urls[..2]);
    let failure = Failure::from(fetch(&fixture.cache, &wanted).await.unwrap_err());
    assert!(failure.message.contains("404"), "{}", failure.message);
    assert!(failure.message.contains("not an http address"), "{}", failure.message);
    assert_eq!(missing.requests().len(), 2, "one for each fetch");
}

#[tokio::test]
async fn a_senseless_specification_is_refused_for_good() {
    let fixture = Fixture::new(u64::MAX);
    let good = fixture.wanted(CONTENT, &["http://127.0.0.1:1/"]);
    let with = |change: &dyn Fn(&mut ArtifactRef)| {
        let mut artifact = good.artifact.clone();
        change(&mut artifact);
        Wanted { artifact, ..fixture.wanted(CONTENT, &[]) }
    };
    for wanted in [
        with(&|artifact| artifact.sha256 = "../../etc/passwd".to_owned()),
        with(&|artifact| artifact.sha256 = artifact.sha256.to_uppercase()),
        with(&|artifact| artifact.size = 0),
        with(&|artifact| artifact.size = SIZE_MAX + 1),
        with(&|artifact| artifact.urls.clear()),
    ] {
        let failure = Failure::from(fetch(&fixture.cache, &wanted).await.unwrap_err());
        assert!(failure.permanent, "{}", failure.message);
    }
}

#[tokio::test]
async fn a_cached_artifact_that_changed_is_downloaded_again() {
    let server = TestServer::start(|_| Reply::ok(CONTENT)).await;
    let fixture = Fixture::new(u64::MAX);
    let wanted = fixture.wanted(CONTENT, &[&server.url]);
    fetch(&fixture.cache, &wanted).await.unwrap();
    // A task writes to its own program: the link in its sandbox is the entry of the cache.
    fs::set_permissions(&wanted.target, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&wanted.target, b"#!/bin/sh\nexit 7\n").unwrap();
    let mut other = fixture.wanted(CONTENT, &[&server.url]);
    other.target = fixture.folder.path().join("other/program");
    fetch(&fixture.cache, &other).await.unwrap();
    assert_eq!(fs::read(&other.target).unwrap(), CONTENT);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn the_least_recently_used_goes_first() {
    let server = TestServer::start(|request| {
        let letter = request.split(['/', ' ']).nth(2).unwrap().to_owned();
        Reply::ok(letter.repeat(1000).as_bytes())
    })
    .await;
    let fixture = Fixture::new(2_500);
    let get = async |letter: &str| {
        let url = format!("{}/{letter}", server.url);
        fetch(&fixture.cache, &fixture.wanted(letter.repeat(1000).as_bytes(), &[&url])).await
    };
    let set_age = |letter: &str, seconds: u64| {
        let name = digest_of(letter.repeat(1000).as_bytes()).to_string();
        let file = fs::File::open(fixture.folder.path().join("cache").join(name)).unwrap();
        let age = Duration::from_secs(seconds);
        file.set_modified(std::time::SystemTime::now() - age).unwrap();
    };
    get("a").await.unwrap();
    get("b").await.unwrap();
    set_age("a", 100);
    set_age("b", 200);
    get("c").await.unwrap();
    let mut left = fixture.entries();
    left.sort();
    let name = |letter: &str| digest_of(letter.repeat(1000).as_bytes()).to_string();
    let mut expected = [name("a"), name("c")];
    expected.sort();
    assert_eq!(left, expected);
}

#[test]
fn a_lock_keeps_others_out_until_it_is_given_back() {
    let fixture = Fixture::new(u64::MAX);
    let digest = digest_of(CONTENT);
    let lock = fixture.cache.try_lock(&digest).unwrap();
    assert!(lock.is_some());
    assert!(fixture.cache.try_lock(&digest).unwrap().is_none());
    drop(lock);
    assert!(fixture.cache.try_lock(&digest).unwrap().is_some());
}

#[test]
fn files_abandoned_by_dead_processes_go_and_fresh_ones_stay() {
    let fixture = Fixture::new(u64::MAX);
    let folder = fixture.folder.path().join("cache");
    for (name, hours) in [("incoming-1-0", 2), ("incoming-2-0", 0)] {
        let file = fs::File::create(folder.join(name)).unwrap();
        let age = Duration::from_secs(hours * 3600);
        file.set_modified(std::time::SystemTime::now() - age).unwrap();
    }
    let incoming = fixture.cache.begin().unwrap();
    std::io::Write::write_all(&mut incoming.file().unwrap(), CONTENT).unwrap();
    fixture.cache.keep(incoming, &digest_of(CONTENT)).unwrap();
    assert!(!folder.join("incoming-1-0").exists());
    assert!(folder.join("incoming-2-0").exists());
}

#[test]
fn the_program_has_the_crates_name_when_that_is_a_plain_one() {
    assert_eq!(program_path("my_lb"), Path::new("bin/my_lb"));
    for odd in ["", "../../sh", "a/b", "a b", &"x".repeat(65)] {
        assert_eq!(program_path(odd), Path::new("bin/program"), "{odd}");
    }
}
