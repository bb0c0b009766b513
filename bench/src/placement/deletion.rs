//! Whether each statement that a refusal names is needed: a case without it has a placement.
//!
//! Owns what a case without a statement is, apart from the engine's own relaxations: the file is changed, or what
//! runs. A plan counts when the judge accepts it.

use lathe_placement::{Options, Reason, Refusal, Verdict, place, verify};
use lathe_topology::{Code, Diagnostic, Resources, Topology, parse};

use super::case::Case;

/// A scene that a plan is made for.
#[derive(Clone)]
struct Scene {
    case: Case,
    topology: Topology,
    options: Options,
}

impl Scene {
    fn can_be_placed(&self) -> bool {
        let given = std::slice::from_ref(&self.topology);
        let (cluster, running) = (&self.case.cluster, &self.case.running);
        match place(cluster, given, running, &self.options) {
            Verdict::Placed(plan) => verify(cluster, given, running, &self.options, &plan).is_ok(),
            _ => false,
        }
    }

    /// The scenes that one has without a statement; any of them will do. `tasks = n` left out is any
    /// smaller number.
    fn without(&self, reason: &Reason) -> Vec<Self> {
        let mut other = self.clone();
        let Some(path) = &reason.task else {
            let running = &mut other.case.running.instances;
            running.retain(|one| Some(&one.topology) != reason.topology.as_ref());
            return vec![other];
        };
        let Some(task) = other.topology.tasks.iter_mut().find(|task| task.path == *path) else {
            return Vec::new();
        };
        if reason.statement.starts_with("tasks = ") {
            let all = task.count;
            let fewer = [all.saturating_sub(1), all / 2, 1, 0].into_iter().filter(|n| *n < all);
            let with = |count: u32| {
                let mut other = self.clone();
                let tasks = &mut other.topology.tasks;
                tasks.iter_mut().filter(|task| task.path == *path).for_each(|t| t.count = count);
                other
            };
            return fewer.map(with).collect();
        }
        let before = task.biases.len();
        task.biases.retain(|bias| Some(&bias.span) != reason.span.as_ref());
        if task.biases.len() < before {
            return vec![other];
        }
        if reason.statement.starts_with("resources") {
            task.resources =
                Resources { cpus_milli: 0, mem_bytes: 0, disk_bytes: 0, ports: Vec::new() };
        } else {
            other.options.max_moves = u32::MAX;
        }
        vec![other]
    }
}

/// The named statements without which there is no placement either; all of them where none is named.
pub(super) fn needless(case: &Case, topology: &Topology, refusal: &Refusal) -> Vec<String> {
    if refusal.reasons.is_empty() {
        return vec!["nothing is named".to_owned()];
    }
    let options = Options { repairs: false, ..Options::default() };
    let scene = Scene { case: case.clone(), topology: topology.clone(), options };
    let helps = |reason: &&Reason| scene.without(reason).iter().any(Scene::can_be_placed);
    let idle = refusal.reasons.iter().filter(|reason| !helps(reason));
    idle.map(|reason| reason.statement.clone()).collect()
}

/// The same of a file that contradicts itself: the rules at the places that are shown.
pub(super) fn needless_in(case: &Case, text: &str, found: &[Diagnostic]) -> Vec<String> {
    let errors = found.iter().filter(|one| one.code == Code::CONTRADICTION);
    let spans = errors.flat_map(|one| &one.labels).map(|label| label.span.clone());
    let mut idle = Vec::new();
    for span in spans {
        let (before, rule, after) = (&text[..span.start], &text[span.clone()], &text[span.end..]);
        // A list may end with a comma, and may not begin with one.
        let rest = after.trim_start_matches([',', ' ']);
        let helps = parse("case", &format!("{before}{rest}")).is_ok_and(|checked| {
            let options = Options { repairs: false, ..Options::default() };
            Scene { case: case.clone(), topology: checked.topology, options }.can_be_placed()
        });
        if !helps {
            idle.push(rule.to_owned());
        }
    }
    idle
}

#[cfg(test)]
mod tests {
    use super::super::case::made;
    use super::super::tables::file;
    use super::*;

    fn refused(name: &str) -> (Case, Topology, Refusal) {
        let case = made(name).unwrap();
        let topology = parse("case", &file(&case.tables)).unwrap().topology;
        let options = Options { repairs: false, ..Options::default() };
        let given = [topology.clone()];
        let verdict = place(&case.cluster, &given, &case.running, &options);
        let (Verdict::Impossible(refusal) | Verdict::Blocked(refusal)) = verdict else {
            panic!("{name}: {verdict:?}")
        };
        (case, topology, refusal)
    }

    #[test]
    fn every_named_statement_is_needed_and_another_one_is_not() {
        for name in
            ["room:bad:50", "closure:bad:100", "zone:bad:100", "ports:bad:100", "pinned:bad:10"]
        {
            let (case, topology, mut refusal) = refused(&format!("impossible:{name}:1"));
            assert_eq!(needless(&case, &topology, &refusal), [""; 0], "{name}");
            let idle = topology.tasks.iter().find(|task| task.path.as_str().starts_with('n'));
            let reason = Reason {
                task: idle.map(|task| task.path.clone()),
                statement: "tasks = 1".to_owned(),
                ..refusal.reasons[0].clone()
            };
            refusal.reasons.push(reason);
            assert_eq!(needless(&case, &topology, &refusal), ["tasks = 1"], "{name}");
        }
    }

    #[test]
    fn of_a_file_that_contradicts_itself_either_rule_may_go() {
        let case = made("impossible:cycle:bad:10:1").unwrap();
        let (always, never) = ("[\"b\", \"always\"]", "[\"a\", \"never\"]");
        let table = |name: &str, rule: &str| {
            format!(
                "[task.{name}]\ncrate = \"it\"\nversion = \"1.0.0\"\ntask = \"it\"\ntasks = 1\nbiases = [{rule}]\n"
            )
        };
        let text = format!("{}{}", table("a", always), table("b", never));
        let found = parse("case", &text).unwrap_err();
        assert_eq!(needless_in(&case, &text, &found), [""; 0]);
    }
}
