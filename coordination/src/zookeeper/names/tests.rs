//! Names of znodes: each record has one, no two have the same, and each is read back.

use proptest::prelude::*;

use super::*;

#[test]
fn records_are_marked_leaves_in_plain_folders() {
    assert_eq!(record("/lathe"), "/=lathe");
    assert_eq!(record("/lathe/tasks/http.lb"), "/lathe/tasks/=http.lb");
    assert_eq!(folder("/lathe/tasks"), "/lathe/tasks");
    assert_eq!(folder("/"), "/");
    assert_eq!(folders_above("/lathe/tasks/http.lb"), ["/lathe", "/lathe/tasks"]);
    assert!(folders_above("/lathe").is_empty());
    assert_eq!(child("/", "a"), "/a");
    assert_eq!(child("/a", "b"), "/a/b");
}

#[test]
fn folders_that_look_like_marks_are_escaped() {
    assert_eq!(record("/=a/b"), "/~=a/=b");
    assert_eq!(record("/~a/b"), "/~~a/=b");
    assert_eq!(record("/zookeeper/quota"), "/~zookeeper/=quota");
    assert_ne!(record("/a"), folder("/=a"));
}

#[test]
fn what_is_no_record_is_none() {
    assert_eq!(node("/"), Node::Folder("/".to_owned()));
    assert_eq!(node(COMMIT), Node::Other);
    assert_eq!(node(HISTORY), Node::Other);
    assert_eq!(node("/zookeeper/quota"), Node::Other);
    assert_eq!(node("/a/="), Node::Other);
    assert_eq!(node("/=a/b"), Node::Other);
}

proptest! {
    #[test]
    fn every_name_is_read_back(path in "(/[=~!a-c.]{1,4}){1,5}") {
        prop_assert_eq!(node(&record(&path)), Node::Record(path.clone()));
        prop_assert_eq!(node(&folder(&path)), Node::Folder(path.clone()));
        prop_assert_ne!(record(&path), folder(&path));
    }
}
