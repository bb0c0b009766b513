//! The files of an agent: what LIST_FILES and READ_FILE give, and refuse.

use bytes::Bytes;
use lathe_mesos::Limits;
use lathe_mesos::address::Url;
use lathe_mesos::operator::{CallError, Client};
use lathe_mesos::v1::TaskState;
use lathe_mesos::v1::agent;
use lathe_mesos::v1::agent::call::Type;

use crate::messages::{accept, executor_info, task_info};
use crate::{Framework, Stage};

struct Sandbox {
    client: Client,
    agent: Url,
    path: String,
}

impl Sandbox {
    async fn ask(&self, call: agent::Call) -> Result<agent::Response, u16> {
        match self.client.agent_call(&self.agent, call).await {
            Ok(answer) => Ok(answer),
            Err(CallError::Refused(refusal)) => Err(refusal.status),
            Err(error) => panic!("{error}"),
        }
    }

    async fn list(&self, path: &str) -> Result<Vec<String>, u16> {
        let list_files = Some(agent::call::ListFiles { path: path.to_owned() });
        let call =
            agent::Call { r#type: Some(Type::ListFiles.into()), list_files, ..Default::default() };
        let infos = self.ask(call).await?.list_files.unwrap().file_infos;
        Ok(infos.into_iter().map(|info| info.path).collect())
    }

    async fn read(
        &self,
        path: &str,
        offset: u64,
        length: Option<u64>,
    ) -> Result<(u64, Bytes), u16> {
        let read_file = Some(agent::call::ReadFile { path: path.to_owned(), offset, length });
        let call =
            agent::Call { r#type: Some(Type::ReadFile.into()), read_file, ..Default::default() };
        let read = self.ask(call).await?.read_file.unwrap();
        Ok((read.size, read.data))
    }
}

async fn sandbox(stage: &Stage, framework: &mut Framework) -> Sandbox {
    let offer = framework.offer(0).await;
    let mut task = task_info(&offer, "one", "{}");
    // More than one answer gives, and a way out.
    let fill = "printf 0123456789 > digits; mkdir folder; ln -s /etc out; \
                head -c 200000 /dev/zero > zeros";
    task.executor = Some(executor_info("one", Some(fill)));
    framework.call(accept(&[&offer], vec![task])).await;
    framework.update("one", TaskState::TaskStarting).await;
    framework.update("one", TaskState::TaskRunning).await;
    let address = offer.url.unwrap().address;
    let url = format!("http://{}:{}/slave(1)", address.ip(), address.port);
    Sandbox {
        client: Client::new(stage.endpoint(), Limits::default()).unwrap(),
        agent: Url::parse(&url, 5051).unwrap(),
        path: format!("/frameworks/{}/executors/one/runs/latest", framework.id().value),
    }
}

/// By the path that begins with `/frameworks`.
pub async fn a_sandbox_is_read_and_nothing_beside_it(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let sandbox = sandbox(stage, &mut framework).await;
    let at = |name: &str| format!("{}/{name}", sandbox.path);
    let listed = sandbox.list(&sandbox.path).await.unwrap();
    for name in ["stdout", "stderr", "digits", "folder", "zeros", "scripted-executor"] {
        assert!(listed.contains(&at(name)), "{name} of {listed:?}");
    }
    assert_eq!(sandbox.list(&at("folder")).await, Ok(Vec::new()));

    let digits = at("digits");
    let text = |text: &'static str| Ok((10, Bytes::from_static(text.as_bytes())));
    assert_eq!(sandbox.read(&digits, 0, None).await, text("0123456789"));
    assert_eq!(sandbox.read(&digits, 3, Some(4)).await, text("3456"));
    assert_eq!(sandbox.read(&digits, 8, Some(100)).await, text("89"));
    assert_eq!(sandbox.read(&digits, 10, None).await, text(""));
    assert_eq!(sandbox.read(&digits, 1000, Some(1)).await, text(""), "beyond the end");
    assert_eq!(sandbox.read(&digits, 2, Some(0)).await, text(""));
    let (size, data) = sandbox.read(&at("zeros"), 0, None).await.unwrap();
    assert_eq!((size, data.len()), (200_000, 16 * 4096), "so much at once");

    assert_eq!(sandbox.read(&at("nothing"), 0, None).await, Err(404));
    assert_eq!(sandbox.list(&at("nothing")).await, Err(404));
    assert_eq!(sandbox.read(&at("folder"), 0, None).await, Err(400), "a folder is not read");
    for outside in ["/etc/passwd", "/", "", "relative"] {
        assert_eq!(sandbox.read(outside, 0, None).await, Err(404), "{outside}");
        assert_eq!(sandbox.list(outside).await, Err(404), "{outside}");
    }
    for outside in ["out/passwd", "../../../../../../../../../../../etc/passwd"] {
        let refused = sandbox.read(&at(outside), 0, None).await;
        assert!(refused.is_err(), "{outside}: {refused:?}");
    }
    let nobodys = "/frameworks/nobody/executors/one/runs/latest/stdout";
    assert_eq!(sandbox.read(nobodys, 0, None).await, Err(404));
}
