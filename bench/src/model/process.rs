//! A model as another process: this program once more, and the JSON that it prints.
//!
//! Owns its start and the reading of its word. It must not know what is made of it.

use lathe_child::Output;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use crate::failure::Failure;
use crate::surroundings::program;
use crate::up::SOON;

/// So many instances report to a framework whose store is at this address.
pub(crate) async fn reports(instances: u32, store: &str) -> Result<Value, Failure> {
    let instances = instances.to_string();
    start(&["--model", "updates", "--instances", &instances, "--store", store]).await
}

/// This program as a model: the JSON that it prints.
pub(crate) async fn start(words: &[&str]) -> Result<Value, Failure> {
    let this = std::env::current_exe().map_err(|error| Failure::io("finding itself", error))?;
    let what = "a model".to_owned();
    let spawn = words
        .iter()
        .fold(program(this).arg("path"), |spawn, word| spawn.arg(*word))
        .stdout(Output::Pipe)
        .stderr(Output::Null);
    let mut child =
        spawn.start().map_err(|source| Failure::Start { program: what.clone(), source })?;
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout() {
        let read = tokio::time::timeout(SOON, stdout.read_to_string(&mut text)).await;
        read.map_err(|_| Failure::Late { what: "a model's word".to_owned(), limit: SOON })?
            .map_err(|error| Failure::io("reading a model's word", error))?;
    }
    let exit = child.wait().await;
    let how = format!("code {:?}, signal {:?}", exit.code, exit.signal);
    let parsed = serde_json::from_str(&text).ok().filter(|_| exit.success());
    parsed.ok_or(Failure::Ended { what, how, said: text })
}

/// A number that a model has said.
pub(crate) fn number(seen: &Value, name: &str) -> Result<f64, Failure> {
    let found = seen.get(name).and_then(Value::as_f64);
    found.ok_or_else(|| Failure::Unexpected(format!("the model does not say {name}: {seen}")))
}
