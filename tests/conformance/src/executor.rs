//! The processes of executors, found by what their agent told them.

use std::fs;

use lathe_engines::until;

/// A running executor.
#[derive(Clone, Debug)]
pub struct Executor {
    pid: u32,
    framework: String,
    executor: String,
}

/// The executors of a framework that run now, by name.
pub fn executors_of(framework: &str) -> Vec<Executor> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let program = fs::read_link(entry.path().join("exe")).unwrap_or_default();
        let ours = program.to_string_lossy().contains("scripted-executor");
        if ours
            && variable(pid, "MESOS_FRAMEWORK_ID").as_deref() == Some(framework)
            && let Some(executor) = variable(pid, "MESOS_EXECUTOR_ID")
        {
            found.push(Executor { pid, framework: framework.to_owned(), executor });
        }
    }
    found
}

impl Executor {
    /// Waits until it runs.
    pub async fn of(framework: &str, executor: &str) -> Self {
        let look = || async {
            executors_of(framework).into_iter().find(|found| found.executor == executor)
        };
        until("an executor to run", look).await.unwrap()
    }

    /// What its agent has told it.
    pub fn variable(&self, name: &str) -> Option<String> {
        variable(self.pid, name)
    }

    /// Ends it at once.
    pub fn kill(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }

    /// Waits until it runs no more.
    pub async fn ended(&self) {
        let look = || async {
            let all = executors_of(&self.framework);
            (!all.iter().any(|found| found.pid == self.pid)).then_some(())
        };
        until("the end of an executor", look).await.unwrap();
    }
}

fn variable(pid: u32, name: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let prefix = format!("{name}=");
    let text = String::from_utf8_lossy(&environment).into_owned();
    text.split('\0').find_map(|entry| entry.strip_prefix(&prefix).map(str::to_owned))
}
