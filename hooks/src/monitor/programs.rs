//! Running the program of a registry's hook: as an agent's, but for what it is told.
//!
//! Owns its variables; what comes on its standard input is `Told` as JSON.

use tokio::sync::watch;

use super::exchange::Told;
use super::rule::Rule;
use crate::engine::End;
use crate::program::{Program, Stdin};

/// Bytes of all names of events in a variable: systems take twice as many.
const NAMES_BYTES_MAX: usize = 64 * 1024;

impl Rule {
    /// Runs the hook's program to its end, or until it is stopped. It ends with the *thread* that began it, so
    /// it belongs on one that lasts as long as the process.
    pub async fn run(&self, told: &Told, stop: watch::Receiver<bool>) -> End {
        let mut program = Program::of(&self.recipe, &self.recipe.command);
        let window = told.window_ms.map(|ms| ms.to_string()).unwrap_or_default();
        for (name, value) in [
            ("LATHE_REASON", told.reason.as_str().to_owned()),
            ("LATHE_RUN", told.run.to_string()),
            ("LATHE_HISTORY", told.history.clone()),
            ("LATHE_REGISTRY", told.registry.clone()),
            ("LATHE_COUNT", told.count.to_string()),
            ("LATHE_LEFT_OUT", told.left_out.to_string()),
            ("LATHE_WAITING", told.waiting.to_string()),
            ("LATHE_WINDOW_MS", window),
            ("LATHE_EVENTS", names(told)),
        ] {
            program.env.insert(name.to_owned(), value);
        }
        let text = serde_json::to_vec(told).expect("what is told has text keys only");
        program.stdin = Some(Stdin::Text(text));
        program.run(stop).await
    }

    /// Tells the program of `on_failure`.
    pub async fn tell_failure(
        &self,
        problem: String,
        gave_up: bool,
        stop: watch::Receiver<bool>,
    ) -> End {
        let mut program = Program::of(&self.recipe, &self.recipe.on_failure);
        program.env.insert("LATHE_PROBLEM".to_owned(), problem);
        program.env.insert("LATHE_GAVE_UP".to_owned(), u8::from(gave_up).to_string());
        program.run(stop).await
    }
}

/// The names of the events, as far as they go into a variable.
fn names(told: &Told) -> String {
    let mut names = String::new();
    for event in &told.events {
        if names.len() + event.id.len() >= NAMES_BYTES_MAX {
            break;
        }
        if !names.is_empty() {
            names.push(' ');
        }
        names.push_str(&event.id);
    }
    names
}

#[cfg(test)]
mod tests {
    //! A real program, and what it sees.

    use std::sync::Arc;

    use super::super::event::Kind;
    use super::super::exchange::Why;
    use super::*;
    use crate::recipe::Recipe;

    fn told() -> Told {
        let event = |slot: u32| super::super::Event {
            id: format!("died:page#{slot}.1"),
            kind: Kind::Died,
            at_ms: 7,
            topology: "site".to_owned(),
            task: "page".to_owned(),
            slot: Some(slot),
            incarnation: Some(format!("page#{slot}.1")),
            host: None,
            version: None,
            reason: None,
            deliberate: false,
            never_ready: false,
            late: false,
            parts: Vec::new(),
        };
        Told {
            hook: "note".to_owned(),
            reason: Why::Events,
            run: 3,
            history: "h".to_owned(),
            registry: "http://a".to_owned(),
            count: 2,
            left_out: 0,
            waiting: 1,
            window_ms: None,
            events: vec![event(0), event(1)],
        }
    }

    #[tokio::test]
    async fn a_program_gets_variables_and_json_and_nothing_else() {
        let script = "env | sort | grep -v '^\\(PWD\\|SHLVL\\|_\\)='; cat";
        let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let recipe = Arc::new(Recipe { command, ..Recipe::new("note", &[]) });
        let rule = Rule { recipe, ..Rule::new("note", &[Kind::Died]) };
        let (_stop, stopped) = watch::channel(false);
        let end = rule.run(&told(), stopped).await;
        assert!(end.ok, "{end:?}");
        let (variables, json) = end.output.split_once('{').unwrap();
        let names: Vec<&str> =
            variables.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        let expected = [
            "LATHE_COUNT",
            "LATHE_EVENTS",
            "LATHE_HISTORY",
            "LATHE_HOOK",
            "LATHE_LEFT_OUT",
            "LATHE_REASON",
            "LATHE_REGISTRY",
            "LATHE_RUN",
            "LATHE_WAITING",
            "LATHE_WINDOW_MS",
            "PATH",
        ];
        assert_eq!(names, expected);
        assert!(variables.contains("LATHE_EVENTS=died:page#0.1 died:page#1.1\n"), "{variables}");
        let json: serde_json::Value = serde_json::from_str(&format!("{{{json}")).unwrap();
        assert_eq!((&json["run"], &json["events"][1]["kind"]), (&3.into(), &"died".into()));
    }

    #[test]
    fn names_of_very_many_events_do_not_become_too_long() {
        let mut told = told();
        told.events = std::iter::repeat_n(told.events[0].clone(), 100_000).collect();
        assert!(names(&told).len() <= NAMES_BYTES_MAX);
    }
}
