//! Tests of the file beside: what is drawn of a small plan.

use lathe_placement::{Host, Options, Verdict, place};

use super::*;

fn picture() -> Picture {
    let text = "[defaults]\ncrate = \"it\"\nversion = \"1.0.0\"\ntask = \"it\"\n\
        [task.db]\ncrate = \"it\"\ntasks = 1\n\
        [task.web]\ncrate = \"it\"\ntasks = 2\nbiases = [[\"web\", \"never\"], [\"db\", \"prefer\"]]";
    picture_of(text)
}

fn picture_of(text: &str) -> Picture {
    picture_on(text, &["h<1>", "h2"])
}

fn picture_on(text: &str, names: &[&str]) -> Picture {
    let topologies = [lathe_topology::parse("shop", text).expect("a good file").topology];
    let capacity = lathe_placement::Capacity {
        cpus_milli: 4_000,
        mem_bytes: 8 << 30,
        disk_bytes: 8 << 30,
        ports: vec![(31_000, 31_999)],
    };
    let host =
        |name: &str| Host { name: name.to_owned(), capacity: capacity.clone(), ..Host::default() };
    let cluster = Cluster { hosts: names.iter().map(|name| host(name)).collect() };
    let running = Running::default();
    let verdict = place(&cluster, &topologies, &running, &Options::default());
    let Verdict::Placed(plan) = verdict else { panic!("{verdict:?}") };
    Picture::new(&cluster, &topologies, &running, &plan)
}

#[test]
fn each_host_is_a_column_and_what_is_not_as_wished_is_marked() {
    let text = text(&picture(), Some(40));
    let marked = text.lines().filter(|line| line.contains("B!")).count();
    assert_eq!(marked, 1, "one of the two webs has the db beside it:\n{text}");
    assert!(text.contains("B web: 2, 1 of 2 soft rules as wished"), "{text}");
    assert!(text.ends_with("score 50 of at most 100") || text.contains("score 50"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
}

#[test]
fn the_drawing_is_whole_and_names_are_safe_in_it() {
    let svg = svg(&picture());
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("h&lt;1&gt;") && !svg.contains("h<1>"));
    let marks = |class: &str| svg.matches(&format!("class='{class}'/></g>")).count();
    assert_eq!((marks("good"), marks("bad")), (1, 1), "one web has the db beside it:\n{svg}");
    assert_eq!(svg.matches("<path d='M").count(), 4, "and two that explain them");
    assert_eq!(svg.matches("class='new'").count(), 4, "three are started, and one explains");
    assert_eq!(svg.matches("<g").count(), svg.matches("</g>").count());
}

#[test]
fn hosts_stand_in_the_order_in_which_people_count_them() {
    let mut names = vec!["h10", "h2", "h1", "rack2-h1", "rack10-h1", "h1b", "", "h02"];
    names.sort_by_cached_key(|name| counted(name));
    assert_eq!(names, ["", "h1", "h1b", "h02", "h2", "h10", "rack2-h1", "rack10-h1"]);
}

#[test]
fn an_instance_without_the_attribute_of_a_domain_is_not_taken_for_two() {
    let text = "[defaults]\ncrate = \"it\"\nversion = \"1.0.0\"\ntask = \"it\"\n\
        [task.web]\ncrate = \"it\"\ntasks = 2\nbiases = [[\"web\", \"avoid\", \"rack\"]]";
    let drawn = picture_of(text).columns;
    assert!(drawn.iter().flat_map(|column| &column.cells).all(|cell| cell.met == 1), "{drawn:?}");
}

#[test]
fn of_many_hosts_those_with_nothing_on_them_are_counted() {
    let source = "[defaults]\ncrate = \"it\"\nversion = \"1.0.0\"\ntask = \"it\"\n\
        [task.web]\ncrate = \"it\"\ntasks = 3\nbiases = [[\"web\", \"never\"]]";
    let names: Vec<String> = (0..100).map(|at| format!("h{at}")).collect();
    let drawn = picture_on(source, &names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(drawn.columns.len(), 3);
    let shown = text(&drawn, None);
    assert!(shown.contains("97 hosts more with nothing on them"), "{shown}");
    assert!(!shown.contains('!'), "it wishes nothing: {shown}");
    assert!(svg(&drawn).contains("3 instances on 100 hosts; 97 hosts more"));
}

#[test]
fn tasks_have_letters_of_their_own() {
    let all: BTreeSet<String> = (0..2_000).map(letters).collect();
    assert_eq!(all.len(), 2_000);
    assert_eq!([0, 25, 26, 701, 702].map(letters), ["A", "Z", "AA", "ZZ", "AAA"]);
}
