//! What the scheduler itself refuses: code, sentence, something to try, and no write. The texts are in
//! `tests/ui`.

use lathe_topology::Code;

use super::rig::{Rig, page};
use crate::framework::command::Answer;
use crate::framework::event::{Edit, Question};

const TEXTS: [(Code, &str); 7] = [
    (Code::TASK_NOT_IN_BINARY, include_str!("../../../tests/ui/LT0303.txt")),
    (Code::TASK_OWNED_ELSEWHERE, include_str!("../../../tests/ui/LT0401.txt")),
    (Code::UNKNOWN_TOPOLOGY, include_str!("../../../tests/ui/LT0403.txt")),
    (Code::ARTIFACT_MISSING, include_str!("../../../tests/ui/LT0404.txt")),
    (Code::UNKNOWN_TASK, include_str!("../../../tests/ui/LT0405.txt")),
    (Code::NO_SUCH_REVISION, include_str!("../../../tests/ui/LT0406.txt")),
    (Code::NOT_AN_OWN_KEY, include_str!("../../../tests/ui/LT0407.txt")),
];

/// The last answer: its code and sentence. Nothing may have been written for it.
fn refused(rig: &mut Rig) -> (Code, String) {
    assert!(rig.unwritten().is_empty(), "a refusal writes nothing");
    let Some(Answer::Refused(refused)) = rig.answers.last() else { panic!("{:?}", rig.answers) };
    assert!(!refused.refusal.hint.is_empty(), "nothing to try: {refused:?}");
    let reason = &refused.refusal.reasons[0];
    let (code, refusal) = (reason.code, &refused.refusal);
    let text =
        format!("{}[{code}]: {}\nhelp: {}\n", refused.verdict, refusal.sentence, refusal.hint);
    let stored = TEXTS.iter().find(|(of, _)| *of == code).map(|(_, text)| *text);
    assert_eq!(Some(text.as_str()), stored, "{code}");
    (reason.code, refused.refusal.sentence.clone())
}

#[test]
fn a_binary_that_was_not_sent_along_is_named() {
    let mut rig = Rig::running(&page(1));
    let mut submission = rig.submission(&page(2));
    submission.artifacts.clear();
    rig.ask(Question::Plan { edit: Edit::Source(submission), max_moves: 0 });
    let (code, sentence) = refused(&mut rig);
    assert_eq!(code, Code::ARTIFACT_MISSING);
    assert_eq!(sentence, "no binary of crate `app` 1.0.0 was sent along");
}

#[test]
fn a_task_that_no_binary_has_is_named_with_those_that_it_has() {
    let mut rig = Rig::running(&page(1));
    let source = page(2).replace("my::Page", "my::Other");
    let edit = Edit::Source(rig.submission(&source));
    rig.ask(Question::Plan { edit, max_moves: 0 });
    let (code, sentence) = refused(&mut rig);
    assert_eq!(code, Code::TASK_NOT_IN_BINARY);
    assert!(sentence.contains("`my::Other`") && sentence.contains("my::Page"), "{sentence}");
}

#[test]
fn a_task_of_another_topology_has_its_code() {
    let mut rig = Rig::running(&page(1));
    let edit = Edit::Source(rig.submission_named("second", &page(1)));
    rig.ask(Question::Plan { edit, max_moves: 0 });
    assert_eq!(refused(&mut rig).0, Code::TASK_OWNED_ELSEWHERE);
}

#[test]
fn a_topology_that_is_not_there_is_named_with_those_that_are() {
    let mut rig = Rig::running(&page(1));
    let edit = Edit::Pause { topology: "nobody".to_owned(), paused: true };
    rig.ask(Question::Plan { edit, max_moves: 0 });
    let (code, sentence) = refused(&mut rig);
    assert_eq!(code, Code::UNKNOWN_TOPOLOGY);
    assert!(sentence.contains("`nobody`"), "{sentence}");
}

#[test]
fn what_is_changed_by_hand_must_be_there() {
    let task = "nothing".to_owned();
    let own = |key: &str| Edit::Set {
        task: "page".to_owned(),
        key: key.to_owned(),
        value: Some(serde_json::json!("other")),
    };
    for (edit, code) in [
        (Edit::Scale { task, count: 4 }, Code::UNKNOWN_TASK),
        (
            Edit::Rollback { topology: "first".to_owned(), revision: Some(99) },
            Code::NO_SUCH_REVISION,
        ),
        (own("crate"), Code::NOT_AN_OWN_KEY),
    ] {
        let mut rig = Rig::running(&page(1));
        rig.ask(Question::Plan { edit, max_moves: 0 });
        assert_eq!(refused(&mut rig).0, code);
    }
}
