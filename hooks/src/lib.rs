//! Hooks: when the catalog changes, files are rendered and a program runs, never missed and never without
//! cause.
//!
//! Owns the whole contract of change hooks (`docs/hooks.md`): pace, order, the journal, files, programs,
//! time-outs, retries, brakes. It must not know where the state of groups comes from.
//!
//! - `config`: `[hook.NAME]` tables, made into recipes
//! - `snapshot`: what is known of groups, and what of it a hook sees
//! - `engine`: the pure machine: what to do next, and why not
//! - `record`: what is durable of a hook; `journal`: the file that makes it so
//! - `render`: templates; `files`: staging, replacing and restoring; `program`: running one
//! - `haproxy`: following in a running HAProxy, by its socket
//! - `preview`: what would be done, without doing it
//! - `driver`: the loop that feeds the machine and carries out its commands

pub mod config;
mod driver;
pub mod engine;
mod files;
mod haproxy;
mod journal;
pub mod monitor;
mod preview;
mod program;
mod recipe;
mod record;
mod render;
mod snapshot;

pub use driver::{Hooks, OpenError, Order, Running, TurnCall, turn_calls};
pub use files::StageError;
pub use haproxy::Backend;
pub use journal::{Journal, JournalError, Opened};
pub use preview::{FilePreview, Preview, PreviewError};
pub use recipe::{Brake, FileRecipe, OnStale, OnStart, Pace, Recipe, Retries};
pub use record::{Mark, Pending, Phase, Record};
pub use render::{RenderError, Template};
pub use snapshot::{Input, Snapshot};
