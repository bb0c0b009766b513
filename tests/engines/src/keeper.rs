//! The thread on which everything of this crate lives, as long as the process does.
//!
//! Owns that thread and its runtime. It must not know what runs there.
//!
//! A process that is tied to its parent ends with the *thread* that started it. Tests end, and their
//! threads with them; this one does not, so that an engine may serve several tests.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::mpsc::sync_channel;

use lathe_child::{Child, Spawn, SpawnError};
use tokio::runtime::{Builder, Handle};

/// Its runtime; the first call starts it.
pub(crate) fn keeper() -> &'static Handle {
    static KEEPER: OnceLock<Handle> = OnceLock::new();
    KEEPER.get_or_init(|| {
        let (sender, receiver) = sync_channel(1);
        let run = move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            sender.send(runtime.handle().clone()).expect("somebody waits for it");
            runtime.block_on(std::future::pending::<()>());
        };
        std::thread::Builder::new().name("engines".to_owned()).spawn(run).expect("a thread");
        receiver.recv().expect("the thread has just been started")
    })
}

/// Starts a process from that thread.
pub(crate) async fn start(spawn: Spawn) -> Result<Child, SpawnError> {
    keeper().spawn(async move { spawn.start() }).await.expect("the thread never ends")
}

/// Waits for one of this crate's futures where there is no runtime.
///
/// # Panics
/// Within a runtime: `await` there.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    keeper().block_on(future)
}
