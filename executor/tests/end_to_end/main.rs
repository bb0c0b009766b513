//! The real `lathe-executor` against an agent, an artifact server and registries written here, with
//! real processes as tasks.

mod agent_trouble;
mod artifacts;
mod fake_agent;
mod life;
mod orphans;
mod stage;
#[path = "../../src/test_server.rs"]
mod test_server;
