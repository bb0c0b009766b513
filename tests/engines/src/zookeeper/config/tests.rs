//! The file of a ZooKeeper server.

use super::*;

#[test]
fn a_server_on_its_own_has_no_peers_and_one_of_three_has_all_three() {
    let folder = Folder::new(None, "config").unwrap();
    let alone = ZooKeeperSpec::default();
    let text = lines(&alone, &members(&alone, &folder).unwrap(), 0, Path::new("data"));
    assert!(!text.contains("server."), "{text}");
    assert!(text.contains("forceSync=no\n"), "{text}");

    let three = ZooKeeperSpec { force_sync: true, ..ZooKeeperSpec::ensemble_of(3) };
    let members = members(&three, &folder).unwrap();
    let text = lines(&three, &members, 2, Path::new("data"));
    assert_eq!(text.lines().filter(|line| line.starts_with("server.")).count(), 3, "{text}");
    assert!(text.contains(&format!("clientPort={}\n", members[2].client.number)), "{text}");
    assert!(text.contains("forceSync=yes\n"), "{text}");
}

#[test]
fn a_server_on_a_host_of_its_own_listens_there_and_is_started_there() {
    let folder = Folder::new(None, "config").unwrap();
    let place = |last| ZooKeeperPlace {
        address: Ipv4Addr::new(10, 0, 0, last),
        within: ["ip", "netns", "exec", "there"].map(Into::into).into(),
    };
    let spec = ZooKeeperSpec::on(vec![place(1), place(2)]);
    let members = members(&spec, &folder).unwrap();
    assert_eq!(members[1].client().to_string(), "10.0.0.2:2181");
    let text = lines(&spec, &members, 1, Path::new("data"));
    assert!(text.contains("clientPortAddress=10.0.0.2\n"), "{text}");
    assert!(text.contains("server.1=10.0.0.1:2888:3888\n"), "{text}");
    let recipe = recipe(&spec, &members, 1, &folder, "jars").unwrap();
    let words = recipe.words();
    assert_eq!(words[..4], ["ip", "netns", "exec", "there"]);
    assert!(words[4].to_string_lossy().ends_with("java"), "{words:?}");
    assert_eq!(words[words.len() - 2], MAIN);
}
