//! The real framework in a process that has nothing else: what is seen of it is printed as JSON.
//!
//! Owns the roles that such a process may have. It must not know the rows that are made of them.

mod idle;
pub(crate) mod process;
mod scene;
mod updates;

use crate::args::{Args, Model};
use crate::failure::Failure;
use crate::say;

/// Plays the role and prints what came of it.
pub(crate) async fn run(model: Model, args: &Args) -> Result<bool, Failure> {
    let seen = match model {
        Model::Idle => idle::look(args.instances)?,
        Model::Updates => {
            let store = args.store.as_deref();
            let store =
                store.ok_or_else(|| Failure::Unexpected("--store is not there".to_owned()))?;
            updates::look(args.instances, store).await?
        }
    };
    say::data(&seen.to_string());
    Ok(true)
}
