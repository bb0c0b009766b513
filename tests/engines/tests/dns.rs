//! The registry's DNS before `dig`, a client that knows nothing of Lathe nor of its library.

#[path = "registry/rig.rs"]
mod rig;

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use lathe_catalog::State;
use lathe_dns::Settings;
use lathe_engines::block_on;
use tokio::task::spawn_blocking;

use rig::{Registry, instance};

/// What `dig` prints of a question.
async fn dig(server: SocketAddr, words: &str) -> String {
    let mut command = Command::new("dig");
    command.arg(format!("@{}", server.ip())).args(["-p", &server.port().to_string()]);
    // Datagrams may be lost; that is no fault of the answer.
    command.args(["+tries=5", "+time=10"]).args(words.split(' ')).stdin(Stdio::null());
    let output = spawn_blocking(move || command.output()).await.expect("it does not panic");
    let output = output.expect("`dig` runs; Debian's package `bind9-dnsutils` brings it");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{words}: {text}");
    text
}

async fn short(server: SocketAddr, words: &str) -> Vec<String> {
    let text = dig(server, &format!("+short {words}")).await;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Thirty that are ready, and one that is suspect.
fn instances() -> Vec<lathe_coordination::Op> {
    let many = (0..30)
        .flat_map(|slot| instance("http.lb", &format!("http.lb#{slot}.1"), slot, State::Ready));
    many.chain(instance("batch.one", "batch.one#0.1", 0, State::Suspect)).collect()
}

#[test]
fn dig_is_answered_as_it_expects() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let registry = Registry::start(folder.path(), instances(), |config| {
            let listen = "127.0.0.1:0".parse().expect("an address");
            config.dns = Some(Settings { listen, zone: "lathe".to_owned(), ttl_ms: 2000 });
        });
        let dns = registry.await.addresses.dns.expect("it answers DNS");

        assert_eq!(short(dns, "3.http.lb.lathe A").await, ["127.0.0.4"]);
        assert_eq!(
            short(dns, "_http._tcp.3.http.lb.lathe SRV").await,
            ["0 1 31003 3.http.lb.lathe."]
        );
        // By a datagram some of them, by a connection all.
        assert_eq!(short(dns, "http.lb.lathe A").await.len(), 16);
        assert_eq!(short(dns, "+tcp http.lb.lathe A").await.len(), 30);

        // What does not fit is asked for again by a connection, without being told to.
        let cut = dig(dns, "+noedns +ignore http.lb.lathe SRV").await;
        assert!(cut.contains("flags: qr aa tc rd;") && cut.contains("ANSWER: 0"), "{cut}");
        let whole = dig(dns, "+noedns http.lb.lathe SRV").await;
        assert!(whole.contains("Truncated, retrying in TCP mode"), "{whole}");
        assert!(whole.contains("ANSWER: 30,") && whole.contains("(TCP)"), "{whole}");

        // Nothing there, and nothing of that kind there; both say for how long that may be believed.
        let nobody = dig(dns, "nobody.lathe A").await;
        assert!(nobody.contains("status: NXDOMAIN") && nobody.contains("SOA"), "{nobody}");
        for words in ["batch.one.lathe A", "http.lb.lathe AAAA", "lb.lathe A"] {
            let nothing = dig(dns, words).await;
            assert!(
                nothing.contains("status: NOERROR") && nothing.contains("ANSWER: 0"),
                "{nothing}"
            );
            assert!(nothing.contains("SOA"), "{nothing}");
        }
        let strange = dig(dns, "example.org A").await;
        assert!(strange.contains("status: REFUSED"), "{strange}");
        let newer = dig(dns, "+edns=1 +noednsnegotiation http.lb.lathe A").await;
        assert!(newer.contains("status: BADVERS"), "{newer}");
    });
}
