//! The plan, on what HAProxy shows; the talk is tested with the real program.

use super::*;

fn server(name: &str, address: &str, serves: bool) -> Server {
    Server { name: name.to_owned(), address: address.parse().ok(), serves }
}

fn wanted(addresses: &[&str]) -> BTreeSet<SocketAddr> {
    addresses.iter().map(|address| address.parse().unwrap()).collect()
}

fn planned(servers: &[Server], addresses: &[&str]) -> Vec<String> {
    plan("b", servers, &wanted(addresses)).unwrap()
}

#[test]
fn what_haproxy_shows_is_read_by_its_names() {
    let shown = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_port\n\
        3 b 1 s1 127.0.0.1 2 4 8081\n3 b 2 s2 ::1 0 5 1\n3 b 3 s3 - 0 8 0\n\n";
    let servers = read(shown).unwrap();
    let expected = [
        server("s1", "127.0.0.1:8081", true),
        server("s2", "[::1]:1", false),
        server("s3", "", false),
    ];
    assert_eq!(servers, expected);
    for other in [
        "",
        "Can't find backend.\n",
        "1\n# be_id srv_name\n3 s1\n",
        "1\n# srv_name srv_addr srv_port srv_admin_state\ns1 a\n",
    ] {
        assert_eq!(read(other), None, "{other}");
    }
}

#[test]
fn who_serves_stays_who_is_new_comes_before_who_left_goes() {
    let servers = [
        server("s1", "10.0.0.1:80", true),
        server("s2", "10.0.0.2:80", true),
        server("s3", "127.0.0.1:1", false),
    ];
    assert_eq!(planned(&servers, &["10.0.0.1:80", "10.0.0.2:80"]), Vec::<String>::new());
    let expected = [
        "set server b/s3 addr 10.0.0.3 port 90",
        "set server b/s3 state ready",
        "set server b/s2 state maint",
    ];
    assert_eq!(planned(&servers, &["10.0.0.1:80", "10.0.0.3:90"]), expected);
    assert_eq!(
        planned(&servers, &[]),
        ["set server b/s1 state maint", "set server b/s2 state maint"]
    );
}

#[test]
fn without_a_spare_server_one_that_left_gives_its_place() {
    let servers = [server("s1", "10.0.0.1:80", true)];
    let expected = ["set server b/s1 addr ::1 port 90", "set server b/s1 state ready"];
    assert_eq!(planned(&servers, &["[::1]:90"]), expected);
    let problem = plan("b", &servers, &wanted(&["10.0.0.1:1", "10.0.0.1:2"])).unwrap_err();
    assert!(problem.contains("has 1 servers, and 2 are wanted"), "{problem}");
}

#[test]
fn of_two_servers_with_one_address_one_stays() {
    let servers = [server("s1", "10.0.0.1:80", true), server("s2", "10.0.0.1:80", true)];
    assert_eq!(planned(&servers, &["10.0.0.1:80"]), ["set server b/s2 state maint"]);
}

#[test]
fn a_name_cannot_bring_a_command_of_its_own() {
    assert!(is_name("web.cache-1_a:b"));
    for name in ["", "a b", "a;b", "a\nb", "a/b"] {
        assert!(!is_name(name), "{name:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_answer_breaks_the_reader(text in "([#a-z_0-9.: -]{0,20}\n){0,6}", wide in ".{0,200}") {
        let head = "1\n# srv_name srv_addr srv_port srv_admin_state\n";
        for answer in [text.clone(), wide, format!("{head}{text}")] {
            if let Some(servers) = read(&answer) {
                let planned = plan("b", &servers, &wanted(&["10.0.0.1:80"]));
                proptest::prop_assert!(planned.is_ok() || servers.is_empty());
            }
        }
    }
}
