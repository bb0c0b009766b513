//! The real `lathe-executor` against an agent, an artifact server and registries written here, with
//! real processes as tasks.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod agent_trouble;
mod artifacts;
mod fake_agent;
mod health;
mod life;
mod orphans;
mod stage;
#[path = "../../src/test_server.rs"]
mod test_server;
