//! Target: all files of an offline plan at once, read by the command's reader and by the checker's.

use lathe_api::inventory;
use lathe_certify::{Certificate, Rejected, Scene, check};
use lathe_placement::{Options, Running, Verdict, place_proved, verify};

/// What stands between the topology, the hosts and what runs.
const BETWEEN: &str = "\n===\n";
/// Beyond this it is read and not planned: a look at one input has to stay short.
const HOSTS: usize = 30;
const INSTANCES: u64 = 100;

/// A topology, hosts, and what runs. Where all are good, a plan is made, and what is claimed of it
/// is checked by the reader that shares nothing with the engine's.
pub(super) fn files(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split(BETWEEN);
    let mut part = || parts.next().unwrap_or_default();
    let (file, hosts, runs) = (part(), part(), part());
    let Ok(checked) = lathe_topology::parse("shop", file) else { return };
    let given = [checked.topology];
    let Ok(cluster) = inventory::hosts(hosts.as_bytes()) else { return };
    let running = match runs {
        "" => Running::default(),
        runs => match inventory::running(runs.as_bytes(), &given) {
            Ok(read) => read.value,
            Err(_) => return,
        },
    };
    let cluster = cluster.value;
    let instances: u64 = given[0].tasks.iter().map(|task| u64::from(task.count)).sum();
    let instances = instances + running.instances.len() as u64;
    if cluster.hosts.len() > HOSTS || instances > INSTANCES {
        return;
    }
    let options = Options { budget_steps: 20_000, max_moves: 1, ..Options::default() };
    let (verdict, certificate) = place_proved(&cluster, &given, &running, &options);
    if let Verdict::Placed(plan) = &verdict {
        verify(&cluster, &given, &running, &options, plan).expect("a plan that holds");
    }
    let Some(certificate) = certificate else { return };
    let runs = Some(runs).filter(|runs| !runs.is_empty());
    let scene = Scene::read(&[("shop".to_owned(), file.to_owned())], hosts, runs, [0, 0]);
    let scene = scene.expect("what is planned can be read by the checker");
    let text = serde_json::to_string(&certificate).expect("plain values");
    let certificate: Certificate = serde_json::from_str(&text).expect("the form of certificates");
    if let Err(Rejected::Wrong(why)) = check(&scene, &certificate, 20_000) {
        panic!("{why}: {text}");
    }
}
