//! What people see: questions that are asked, colours, a view that moves, lines that fit.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::path::Path;

use lathe_system::{Lathe, Running, SOON, Scripts, Signal, Terminal, until};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Without what moves the cursor or colours words.
fn plain(shown: &str) -> String {
    let mut text = String::new();
    let mut rest = shown;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        text.push_str(before);
        let end = after.find(|c: char| c.is_ascii_alphabetic()).map_or(after.len(), |at| at + 1);
        rest = &after[end..];
    }
    text + rest
}

/// A task whose names are too long for 80 columns, on every host.
const LONG: &str = "warehouse.of_all_things.that_people_order.recommendations.v12";

fn started() -> Lathe {
    let mut lathe = Lathe::new();
    let keys = "tasks = 3\ntags = [\"s\"]\nbiases = [[\"s\", \"avoid\"]]";
    let scripts = Scripts::default().with(LONG, "exec sleep 100000", keys);
    let file = scripts.write(&lathe.folder().join("shop.toml"));
    lathe.up(&[text(&file)]);
    lathe.all_ready(3);
    lathe
}

fn terminal(lathe: &Lathe, arguments: &[&str]) -> Terminal {
    let mut command = lathe.command();
    command.args(arguments);
    Terminal::start(command, 80, 24)
}

#[test]
fn a_terminal_is_asked_coloured_redrawn_and_never_overrun() {
    let lathe = started();
    let (code, shown) = terminal(&lathe, &["status"]).finish(SOON);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("\u{1b}[32mready\u{1b}[0m"), "{shown}");
    let lines = plain(&shown);
    assert!(lines.contains('…') && lines.contains("#2.1"), "{lines}");
    assert!(lines.lines().all(|line| line.trim_end().chars().count() <= 80), "{lines}");
    for commands in [&["doctor"][..], &["hosts"], &["events"], &["lookup", LONG]] {
        let (_, shown) = terminal(&lathe, commands).finish(SOON);
        for line in plain(&shown).lines().flat_map(|line| line.split('\r')) {
            // What cannot be broken stays whole: a path, an address, a name to be copied.
            let long = line.split_whitespace().any(|word| word.chars().count() > 40);
            assert!(long || line.chars().count() <= 80, "{commands:?}: {line}");
        }
    }
    let mut command = lathe.command();
    command.args(["status"]).env("NO_COLOR", "1");
    let (_, shown) = Terminal::start(command, 80, 24).finish(SOON);
    assert!(!shown.contains("\u{1b}["), "{shown}");

    // No is no, and yes is yes.
    let scale = ["scale", LONG, "2"];
    let mut asked = terminal(&lathe, &scale);
    asked.wait_for("Go on? [y/N]", SOON);
    asked.type_in("\n");
    let (code, shown) = asked.finish(SOON);
    assert_eq!(code, Some(3), "{shown}");
    assert_eq!(lathe.all_ready(3).incarnations().len(), 3);
    let mut asked = terminal(&lathe, &scale);
    asked.wait_for("Go on? [y/N]", SOON);
    asked.type_in("y\n");
    let (code, shown) = asked.finish(SOON);
    assert_eq!(code, Some(0), "{shown}");
    lathe.all_ready(2);

    // A page of its own, given back at the end; 24 lines hold it.
    let watching = terminal(&lathe, &["status", "--watch"]);
    watching.wait_for("Ctrl-C ends this view", SOON);
    let before = watching.shown().len();
    lathe.lathe(&["scale", LONG, "3"]).with_code(0);
    watching.wait_for("#2.2", SOON);
    assert!(watching.shown()[..before].starts_with("\u{1b}[?1049h"), "another page");
    watching.signal(Signal::INT);
    let (code, shown) = watching.finish(SOON);
    assert_eq!(code, Some(0), "{shown}");
    until("the terminal is given back", SOON, || shown.contains("\u{1b}[?1049l").then_some(()));
}

#[test]
fn what_goes_on_ends_when_nobody_reads_it_any_more() {
    let lathe = started();
    for arguments in ["status --watch", "events -f", "watch s"] {
        let mut command = lathe.command_of(Path::new("/bin/sh"));
        let program = lathe.command().get_program().to_owned();
        let line = format!("{} {arguments} | head -n 1", program.to_str().unwrap());
        command.args(["-c", &line]);
        let piped = Running::start(command);
        // Each of these writes sooner or later, and then there is nobody.
        until("its end", SOON, || {
            lathe.lathe(&["restart", "--yes", &format!("{LONG}#0")]).with_code(0);
            let out = piped.out();
            let shell = piped.process_if_running();
            (!out.is_empty() && shell.is_none()).then_some(())
        });
        let outcome = piped.finish(SOON).with_code(0);
        assert_eq!(outcome.out.lines().count(), 1, "{}", outcome.out);
    }
}
