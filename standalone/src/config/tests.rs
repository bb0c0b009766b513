//! Tests of the configuration.

use super::*;

fn load(flags: &Flags, text: &str) -> Result<Config, ConfigError> {
    Config::from_source(flags, Some((Path::new("standalone.toml"), text)))
}

fn data() -> Flags {
    Flags { data: Some("/data".into()), ..Flags::default() }
}

#[test]
fn without_a_word_there_are_three_hosts() {
    let config = Config::load(&data()).unwrap();
    let names: Vec<_> = config.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["host-1", "host-2", "host-3"]);
    assert_eq!(config.hosts[0].cpus_milli, 4_000);
    assert_eq!(config.store_socket, Path::new("/data/run/store.sock"));
}

#[test]
fn a_flag_describes_the_first_host_and_the_others_are_plain() {
    let host = vec!["rack=r1,cpus=0.5,mem=1GiB,ports=100-199+300".to_owned()];
    let config = Config::load(&Flags { host, hosts: Some(2), ..data() }).unwrap();
    assert_eq!(config.hosts.len(), 2);
    let first = &config.hosts[0];
    assert_eq!(first.attributes["rack"], "r1");
    assert_eq!(first.cpus_milli, 500);
    assert_eq!(first.mem_bytes, 1 << 30);
    assert_eq!(first.ports, [(100, 199), (300, 300)]);
}

#[test]
fn the_printed_configuration_says_the_same_when_it_is_read() {
    let text = "data = \"/d\"\n[[host]]\nname = \"a\"\ncpus = \"1.5\"\n\
                [host.attributes]\nrack = \"r1\"\n[[host]]\nports = \"5-6\"\n";
    let config = load(&Flags::default(), text).unwrap();
    assert_eq!(config.hosts[1].name, "host-2");
    assert_eq!(load(&Flags::default(), &config.print()).unwrap(), config);
}

#[test]
fn all_problems_are_told_at_once() {
    let text = "hostz = 3\nlisten = \"0.0.0.0:80\"\n[[host]]\ncpus = \"many\"\nports = \"9-1\"\n\
                [[host]]\nname = \"host-1\"\n";
    let told = load(&Flags::default(), text).unwrap_err().to_string();
    for part in ["hostz", "loopback", "many", "9-1", "two hosts", "--data"] {
        assert!(told.contains(part), "{part} is missing in:\n{told}");
    }
}
