//! The story of a time series and an alarm: a registry notes every death, too many of them within an hour
//! raise an alarm, and the registry that notes them is killed in the midst of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lathe_system::{SOON, Scripts, Several, Signal, until};

/// Instances of the one task.
const PAGES: usize = 9;
/// Long before a busy machine keeps an executor from beating.
const SUSPECT_AFTER: &str = "10s";

/// A program that adds a line to the series for each event, and stays while a file is there; one that
/// notes what raised it.
fn hooks(series: &Path, hold: &Path, alarms: &Path) -> String {
    let (series, hold, alarms) = (series.display(), hold.display(), alarms.display());
    format!(
        "[hook.series]\non = [\"died\"]\ntags = [\"page\"]\nshell = '''\n\
         for one in $LATHE_EVENTS; do echo \"$one\" >> {series}; done\n\
         while [ -e {hold} ]; do sleep 0.05; done\n'''\n\
         [hook.alarm]\non = [\"died\"]\ncount = 5\nwindow = \"1h\"\n\
         shell = 'echo \"$LATHE_REASON $LATHE_COUNT\" >> {alarms}'\n"
    )
}

struct Stage {
    several: Several,
    series: PathBuf,
    hold: PathBuf,
    alarms: PathBuf,
    died: BTreeSet<String>,
}

impl Stage {
    fn start() -> Self {
        let mut several = Several::start(1, 3, 1);
        let leader = several.leader(None);
        let [series, hold, alarms] =
            ["series", "hold", "alarms"].map(|name| several.folder().join(name));
        several.hooks_of_registries(hooks(&series, &hold, &alarms));
        several.registries(3, SUSPECT_AFTER);
        let scripts =
            Scripts::default().with("page", "exec sleep 100000", &format!("tasks = {PAGES}\n"));
        let file = scripts.write(&several.folder().join("pages.toml"));
        let file = file.to_str().expect("the path is a text");
        several.lathe(leader, &["submit", "--yes", file]).with_code(0);
        let _ = several.all_ready(leader, PAGES);
        several.share(PAGES as u64, |_| ());
        let stage = Self { several, series, hold, alarms, died: BTreeSet::new() };
        stage.rest();
        stage
    }

    /// The process of an instance is killed; its instance starts anew.
    fn kill(&mut self, incarnation: &str) {
        let task = self.several.tasks().remove(incarnation).expect("it runs");
        task.signal(Signal::KILL);
        self.died.insert(format!("died:{incarnation}"));
    }

    /// Each registry that runs shows that nothing of these hooks waits or runs.
    fn rest(&self) {
        until("hooks that have nothing to do", SOON, || {
            let all = self.several.running_registries();
            all.iter().all(|registry| self.is_idle(*registry)).then_some(())
        });
    }

    fn is_idle(&self, registry: usize) -> bool {
        let Some((200, hooks)) = self.several.look_up(registry, "/v1/hooks") else { return false };
        let hooks = hooks.as_array().expect("a list");
        hooks.iter().all(|hook| hook["standing"] == "idle" && hook["waiting"] == 0)
    }

    /// The registry that runs a program of the series.
    fn runner(&self) -> usize {
        until("a run", SOON, || {
            let all = self.several.running_registries();
            let (_, hook) = self.several.look_up(*all.first()?, "/v1/hooks/series")?;
            let because = hook["because"].as_str().filter(|_| hook["standing"] == "running")?;
            let url = because.rsplit(' ').next()?.to_owned();
            all.into_iter().find(|registry| self.several.registry_url(*registry) == url)
        })
    }

    fn noted(&self) -> Vec<String> {
        lines(&self.series)
    }

    /// Everybody who died is in the series.
    fn all_noted(&self) {
        until("all deaths in the series", SOON, || {
            let noted: BTreeSet<String> = self.noted().into_iter().collect();
            noted.is_superset(&self.died).then_some(())
        });
    }
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_death_is_noted_by_one_registry_and_too_many_raise_an_alarm() {
    let mut stage = Stage::start();
    assert_eq!(stage.noted(), Vec::<String>::new(), "what starts is no death");

    // While nobody is killed, each death is there once.
    for slot in 0..3 {
        stage.kill(&format!("page#{slot}.1"));
    }
    stage.all_noted();
    stage.rest();
    assert_eq!(stage.noted().len(), 3, "{:?}", stage.noted());
    assert_eq!(lines(&stage.alarms), Vec::<String>::new());

    // The registry whose program has noted a death, and has not ended, is killed.
    std::fs::write(&stage.hold, "").expect("a file");
    stage.kill("page#3.1");
    stage.all_noted();
    let killed = stage.runner();
    stage.several.end_registry(killed, Signal::KILL);
    // What happens until another one takes over is not missed either.
    stage.kill("page#4.1");
    std::fs::remove_file(&stage.hold).expect("it is there");
    stage.all_noted();
    stage.rest();
    let noted = stage.noted();
    let twice = noted.iter().filter(|one| *one == "died:page#3.1").count();
    assert_eq!(twice, 2, "its run was taken over: {noted:?}");
    let mut once: Vec<&String> = noted.iter().filter(|one| *one != "died:page#3.1").collect();
    once.sort();
    let died: Vec<&String> = stage.died.iter().filter(|one| *one != "died:page#3.1").collect();
    assert_eq!(once, died);

    // Five within the hour: one alarm, and not another one with the sixth.
    assert_eq!(lines(&stage.alarms), ["alarm 5"]);
    stage.several.start_registry(killed);
    stage.kill("page#5.1");
    stage.all_noted();
    stage.rest();
    assert_eq!(lines(&stage.alarms), ["alarm 5"]);
    let runs = stage.several.running_registries().into_iter().map(|registry| {
        let (_, hook) = stage.several.look_up(registry, "/v1/hooks/alarm").expect("it answers");
        (hook["runs"].clone(), hook["counted"].clone())
    });
    assert!(runs.into_iter().all(|told| told == (1.into(), 6.into())));

    // With none of them there, too.
    for registry in stage.several.running_registries() {
        stage.several.end_registry(registry, Signal::KILL);
    }
    stage.kill("page#6.1");
    let leader = stage.several.leader(None);
    until("its next life", SOON, || stage.several.tasks().contains_key("page#6.2").then_some(()));
    let _ = stage.several.all_ready(leader, PAGES);
    stage.several.start_registry(0);
    stage.all_noted();
    stage.rest();
    assert_eq!(stage.noted().len(), 8, "{:?}", stage.noted());
}
