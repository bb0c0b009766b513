//! One file for each command.

mod check;
mod logs;
mod new;
mod plan;
mod remove;
mod source;
mod status;
mod submit;
mod up;

use crate::args::{Args, Command};
use crate::failure::Failure;
use crate::printer::Printer;

/// Runs the command; the value is the exit code.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<u8, Failure> {
    let Args { find, command } = args;
    match command {
        Command::Up(up) => up::run(&find, &up, printer).await,
        Command::New(new) => new::run(&new, printer),
        Command::Check { file } => check::run(&file, printer),
        Command::Plan(plan) => plan::run(&find, &plan, printer).await,
        Command::Submit(submit) => submit::run(&find, &submit, printer).await,
        Command::Status(status) => status::run(&find, &status, printer).await,
        Command::Logs(logs) => logs::run(&find, &logs, printer).await,
        Command::Remove(remove) => remove::run(&find, &remove, printer).await,
    }
}
