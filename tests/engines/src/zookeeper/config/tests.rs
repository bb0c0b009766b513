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
