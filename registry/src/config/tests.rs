//! Tests of flags and file.

use super::*;

fn flags() -> Flags {
    Flags {
        store: Some("local:/run/s.sock".to_owned()),
        key_file: Some("/run/key".into()),
        ..Flags::default()
    }
}

fn from(text: &str) -> Result<Config, ConfigError> {
    Config::from_source(&flags(), Some((Path::new("registry.toml"), text)))
}

#[test]
fn flags_alone_are_enough() {
    let config = Config::from_source(&flags(), None).unwrap();
    assert_eq!(config.listen, "127.0.0.1:0".parse().unwrap());
    assert_eq!(config.limits, directory::Limits::default());
}

#[test]
fn flags_win_over_the_file() {
    let config = from("store = \"local:/other\"\nlisten = \"127.0.0.1:7\"").unwrap();
    assert_eq!(config.store, "local:/run/s.sock");
    assert_eq!(config.listen.port(), 7);
}

#[test]
fn every_problem_is_told_at_once() {
    let text = "listne = \"127.0.0.1:0\"\nwatchers_max = 0\nsuspect_after = \"1ms\"\n\
        log_format = \"xml\"\nadvertise = \"ftp://x\"\nwait_max = \"2h\"\nmax_age = 1";
    let problems = from(text).unwrap_err().to_string();
    for part in [
        "listne",
        "watchers_max",
        "suspect_after",
        "log_format",
        "advertise",
        "wait_max",
        "max_age",
    ] {
        assert!(problems.contains(part), "{part} is not in:\n{problems}");
    }
    let bare = Config::from_source(&Flags::default(), None).unwrap_err();
    assert_eq!(bare.problems.len(), 2, "{bare}");
}

#[test]
fn an_address_that_others_reach_needs_a_word() {
    let problems = from("listen = \"0.0.0.0:80\"").unwrap_err().to_string();
    assert!(problems.contains("LT0504"), "{problems}");
    let config = from("listen = \"0.0.0.0:80\"\ninsecure = true").unwrap();
    assert!(config.insecure);
}

#[test]
fn what_is_printed_says_the_same() {
    let text = "listen = \"127.0.0.1:9\"\nhosts = [\"registry.test\"]\nsuspect_after = \"4s\"\n\
        advertise = \"http://registry.test:9\"\nwatchers_max = 9\nlog_format = \"json\"\n\
        watchers_per_address_max = 3\nrequests_per_second = 0\nwait_max = \"2s\"\nmax_age = \"1h\"";
    let config = from(text).unwrap();
    assert_eq!((config.watchers_per_address_max, config.requests_per_second), (3, 0));
    assert_eq!((config.wait_max_ms, config.max_age_ms), (2000, 3_600_000));
    assert_eq!(config.limits.liveness.suspect_after_ms, 4000);
    let again =
        Config::from_source(&Flags::default(), Some((Path::new("printed.toml"), &config.print())));
    assert_eq!(again.unwrap(), config);
}

#[test]
fn one_that_is_placed_is_told_its_address_and_secrets_and_nothing_of_that_by_its_file() {
    let placed = Flags { placed: true, insecure: true, ..flags() };
    let read = |text| Config::from_source(&placed, Some((Path::new("placed.toml"), text)));
    let text = "listen = \"127.0.0.1:1\"\nstore = \"zk://a\"\nadvertise = \"http://a:1\"";
    let problems = read(text).unwrap_err().to_string();
    for part in ["LT0502", "placed.toml:1", "`listen`", "`store`", "`advertise`"] {
        assert!(problems.contains(part), "{part} is not in:\n{problems}");
    }
    let config = read("wait_max = \"2s\"\n").unwrap();
    assert!(config.insecure && config.wait_max_ms == 2000);
}

#[test]
fn dns_is_off_until_an_address_is_named() {
    assert_eq!(from("").unwrap().dns, None);
    let text = "dns = \"127.0.0.1:53\"\ndns_zone = \"lathe.test\"\ndns_ttl = \"5s\"";
    let config = from(text).unwrap();
    let dns = lathe_dns::Settings {
        listen: "127.0.0.1:53".parse().unwrap(),
        zone: "lathe.test".to_owned(),
        ttl_ms: 5000,
    };
    assert_eq!(config.dns.as_ref(), Some(&dns));
    let printed = config.print();
    assert_eq!(from(&printed).unwrap(), config, "{printed}");
    let wrong = "dns = \"here\"\ndns_zone = \"a..b\"\ndns_ttl = \"1ms\"";
    let problems = from(wrong).unwrap_err().to_string();
    for part in ["`dns` is not", "dns_zone", "dns_ttl"] {
        assert!(problems.contains(part), "{part} is not in:\n{problems}");
    }
    let open = from("dns = \"0.0.0.0:53\"").unwrap_err().to_string();
    assert!(open.contains("`dns`: LT0504"), "{open}");
}

#[test]
fn hooks_are_printed_as_they_are_read() {
    let text = "[hook.series]\non = [\"died\"]\ntags = [\"web\"]\nshell = \"note\"\n\
        [hook.series.env]\nWHERE = \"here\"\n[hook.alarm]\non = [\"died\", \"unhealthy\"]\n\
        count = 5\nwindow = \"1h\"\ncommand = [\"mail\", \"ops\"]\ndeliberate = true";
    let config = from(text).unwrap();
    assert_eq!(config.hooks.len(), 2);
    let printed = config.print();
    assert_eq!(from(&printed).unwrap(), config, "{printed}");
    let wrong = "[hook.a]\non = [\"dead\"]\ncount = 5";
    let problems = from(wrong).unwrap_err().to_string();
    for part in ["LT0502", "known are started", "no command", "belong together"] {
        assert!(problems.contains(part), "{part} is not in:\n{problems}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let flags = Flags { config: Some("/nowhere/registry.toml".into()), ..flags() };
    let problems = Config::load(&flags).unwrap_err().to_string();
    assert!(problems.contains("/nowhere/registry.toml"), "{problems}");
}
