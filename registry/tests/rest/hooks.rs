//! Hooks of registries: real programs, on what a real store says.

use std::path::Path;

use hyper::StatusCode;
use lathe_catalog::State;
use lathe_hooks::monitor::{Kind, Rule};
use serde_json::Value;

use crate::rig::{Rig, entry, until};

/// A hook that notes each event on a line of its own.
fn note(path: &Path, on: &[Kind]) -> Rule {
    let script = "for one in $LATHE_EVENTS; do echo \"$one\" >> \"$NOTES\"; done; echo noted";
    with(script, path, on)
}

fn with(script: &str, path: &Path, on: &[Kind]) -> Rule {
    let mut rule = Rule::new("note", on);
    let mut recipe = (*rule.recipe).clone();
    recipe.command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    recipe.env.insert("NOTES".to_owned(), path.display().to_string());
    rule.recipe = recipe.into();
    rule
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

async fn idle(rig: &Rig) -> Value {
    until(|| async { rig.get("/v1/hooks/note").await.1["standing"] == "idle" }).await;
    rig.get("/v1/hooks/note").await.1
}

#[tokio::test]
async fn without_hooks_there_are_none() {
    let rig = Rig::start().await;
    assert_eq!(rig.get("/v1/hooks").await, (StatusCode::OK, Value::Array(Vec::new())));
    assert_eq!(rig.get("/v1/hooks/note").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_program_is_told_of_what_happens_and_how_it_ended_is_shown() {
    let notes = tempfile::NamedTempFile::new().unwrap();
    let rule = note(notes.path(), &[Kind::Started, Kind::Died]);
    let rig = Rig::with(|config| config.hooks = vec![rule]).await;
    idle(&rig).await;
    rig.put(&[entry("a#0.1", State::Ready, 1), entry("a#1.1", State::Starting, 1)]).await;
    until(|| async { lines(notes.path()) == ["started:a#0.1"] }).await;
    rig.delete("a#0.1", 2).await;
    until(|| async { lines(notes.path()) == ["started:a#0.1", "died:a#0.1"] }).await;
    let status = idle(&rig).await;
    assert_eq!((&status["owner"], &status["runs"]), (&rig.url.clone().into(), &2.into()));
    let last = &status["past"][1];
    assert_eq!(
        (&last["ok"], &last["output"], &last["events"]),
        (&true.into(), &"noted\n".into(), &1.into())
    );
    assert_eq!(
        rig.metric("lathe_registry_hook_programs_total{hook=\"note\",outcome=\"ok\"}").await,
        2
    );
    assert_eq!(rig.metric("lathe_registry_hook_runs{hook=\"note\"}").await, 2);
}

#[tokio::test]
async fn of_two_registries_one_runs_it_and_the_other_goes_on_when_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes");
    let rule = note(&notes, &[Kind::Died]);
    let rig = Rig::with(|config| config.hooks = vec![rule.clone()]).await;
    let second = rig.second_with(|config| config.hooks = vec![rule]).await;
    let before: Vec<_> =
        (0..9).map(|slot| entry(&format!("a#{slot}.1"), State::Ready, 1)).collect();
    rig.put(&before).await;
    for slot in 0..4 {
        rig.delete(&format!("a#{slot}.1"), slot + 2).await;
    }
    until(|| async { lines(&notes).len() >= 4 }).await;
    idle(&rig).await;
    // Whoever it was that ran it so far: the rig's goes on, and finds what it has seen nobody take up.
    second.stop().await;
    for slot in 4..8 {
        rig.delete(&format!("a#{slot}.1"), slot + 2).await;
    }
    until(|| async { lines(&notes).len() >= 8 }).await;
    let status = idle(&rig).await;
    assert_eq!(status["owner"], rig.url.as_str());
    let mut noted = lines(&notes);
    noted.sort();
    let expected: Vec<String> = (0..8).map(|slot| format!("died:a#{slot}.1")).collect();
    assert_eq!(noted, expected);
}

#[tokio::test]
async fn what_fails_is_tried_again_with_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes");
    // The first try says nothing but that it was.
    let script = "echo \"$LATHE_RUN $LATHE_REASON $LATHE_EVENTS\" >> \"$NOTES\"; \
                  [ \"$LATHE_REASON\" = retry ]";
    let rule = with(script, &notes, &[Kind::Died]);
    let rig = Rig::with(|config| config.hooks = vec![rule]).await;
    rig.put(&[entry("a#0.1", State::Ready, 1)]).await;
    idle(&rig).await;
    rig.delete("a#0.1", 2).await;
    until(|| async { lines(&notes).len() == 2 }).await;
    assert_eq!(lines(&notes), ["1 events died:a#0.1", "1 retry died:a#0.1"]);
    let status = idle(&rig).await;
    assert_eq!((&status["past"][0]["tries"], &status["failures"]), (&2.into(), &0.into()));
}

#[tokio::test]
async fn what_happened_while_it_was_away_is_told_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes");
    let rule = note(&notes, &[Kind::Died]);
    let mut rig = Rig::with(|config| config.hooks = vec![rule.clone()]).await;
    rig.put(&[entry("a#0.1", State::Ready, 1), entry("a#1.1", State::Ready, 1)]).await;
    // It is in the store that they were seen.
    until(|| async {
        let page = rig.store.get("/lathe/hooks/seen/note.a.0").await.unwrap();
        page.is_some_and(|page| String::from_utf8_lossy(&page.data).matches("ready").count() == 2)
    })
    .await;
    rig.stop_registry().await;
    rig.delete("a#1.1", 2).await;
    let second = rig.second_alone(|config| config.hooks = vec![rule]).await;
    until(|| async { lines(&notes) == ["died:a#1.1"] }).await;
    second.stop().await;
}
