//! The command lines of masters and agents.

use super::*;
use crate::AgentSpec;

fn words(recipe: &Recipe) -> Vec<String> {
    recipe.args.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

#[test]
fn flags_of_all_go_over_the_usual_ones_and_flags_of_one_over_those_of_all() {
    let folder = Folder::new(None, "flags").unwrap();
    let mut spec = MesosSpec {
        masters: 3,
        zookeeper: Some("zk://127.0.0.1:1/mesos".to_owned()),
        agents: vec![AgentSpec::with("rack:r1")],
        ..MesosSpec::default()
    };
    spec.master_flags.insert("allocation_interval".to_owned(), "1secs".to_owned());
    spec.agent_flags.insert("hostname".to_owned(), "all".to_owned());
    let place = Place { home: Path::new("home"), folder: &folder, number: 1 };
    let master = words(&master(&spec, &place, 5050).unwrap());
    assert!(master.contains(&"--allocation_interval=1secs".to_owned()), "{master:?}");
    assert!(master.contains(&"--quorum=2".to_owned()), "{master:?}");
    assert!(master.contains(&"--zk_session_timeout=2000ms".to_owned()), "{master:?}");

    spec.agents[0].flags.insert("hostname".to_owned(), "one".to_owned());
    let agent = words(&agent(&spec, &place, 5051, "zk://…", (20_000, 20_099)).unwrap());
    assert!(agent.contains(&"--hostname=one".to_owned()), "{agent:?}");
    assert!(agent.contains(&"--attributes=rack:r1".to_owned()), "{agent:?}");
    let resources = "--resources=cpus:4;mem:4096;disk:4096;ports:[20000-20099]".to_owned();
    assert!(agent.contains(&resources), "{agent:?}");
}

#[test]
fn an_agent_that_names_ports_gets_no_others_and_no_flag_is_given_twice() {
    let folder = Folder::new(None, "flags").unwrap();
    let mut spec = MesosSpec::default();
    spec.agents[0].resources = "ports:[1-2];cpus:1".to_owned();
    let place = Place { home: Path::new("home"), folder: &folder, number: 1 };
    let agent = words(&agent(&spec, &place, 5051, "127.0.0.1:5050", (3, 4)).unwrap());
    assert!(agent.contains(&"--resources=ports:[1-2];cpus:1".to_owned()), "{agent:?}");
    let mut names: Vec<&str> = agent.iter().filter_map(|word| word.split('=').next()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "{agent:?}");
}

#[test]
fn no_two_agents_share_a_port_and_none_leaves_its_range() {
    for count in [1, 8, 9, 60] {
        let spec = MesosSpec::of_agents(count);
        let ports: Vec<(u16, u16)> =
            (0..count).map(|index| spec.task_ports(20_000, index).unwrap()).collect();
        assert!(ports.windows(2).all(|pair| pair[0].1 < pair[1].0), "{ports:?}");
        assert!(
            ports.iter().all(|(first, last)| (20_000..21_000).contains(first) && first <= last)
        );
        assert!(ports[count - 1].1 < 21_000, "{ports:?}");
    }
    assert!(MesosSpec::of_agents(1).task_ports(20_000, 10).is_err());
}
