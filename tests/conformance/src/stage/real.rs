//! The stage on a real Mesos 1.11: frameworks have to say who they are, as on standalone.

use std::fs;

use lathe_engines::{Mesos, MesosSpec};
use lathe_mesos::Credentials;

use super::{Engine, Stage};

impl Stage {
    /// Starts a real master and so many agents.
    pub async fn mesos_of(agents: usize) -> Self {
        Self::mesos_with(MesosSpec::of_agents(agents)).await
    }

    /// Starts a real Mesos with flags of a case's own.
    pub async fn mesos_with(mut spec: MesosSpec) -> Self {
        let credentials = Credentials { principal: "lathe".into(), secret: "a secret".into() };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials.json");
        let all = serde_json::json!({ "credentials": [
            { "principal": credentials.principal, "secret": credentials.secret },
        ]});
        fs::write(&file, all.to_string()).unwrap();
        let mut flag = |name: &str, value: String| spec.master_flags.insert(name.into(), value);
        flag("authenticate_http_frameworks", "true".into());
        flag("http_framework_authenticators", "basic".into());
        flag("credentials", file.display().to_string());
        let mesos = Mesos::start(&spec).await.unwrap_or_else(|failure| panic!("{failure}"));
        Self { engine: Engine::Mesos(Box::new(mesos)), credentials, folder }
    }
}
