//! One file for each command.

mod backup;
mod carry;
mod change;
mod check;
mod confirm_lost;
mod doctor;
mod drain;
mod events;
mod explain;
mod history;
mod hosts;
mod logs;
mod manual;
mod metadata;
mod new;
mod offline;
mod pause;
mod plan;
mod planned;
mod reactivate;
mod registry;
mod remove;
mod restart;
mod restore;
mod rollback;
mod scale;
mod send;
mod set;
mod source;
mod status;
mod submit;
mod up;
mod why;

use crate::args::{Args, Command};
use crate::failure::Failure;
use crate::printer::Printer;

/// Runs the command; the value is the exit code.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<u8, Failure> {
    let Args { find, command, color: _ } = args;
    match command {
        Command::Up(up) => up::run(&find, &up, printer).await,
        Command::New(new) => new::run(&new, printer),
        Command::Check(check) => check::run(&check, printer),
        Command::Plan(plan) => plan::run(&find, &plan, printer).await,
        Command::Submit(submit) => submit::run(&find, &submit, printer).await,
        Command::Status(status) => status::run(&find, &status, printer).await,
        Command::Explain(asked) => explain::run(&find, &asked, printer).await,
        Command::Hosts(hosts) => hosts::run(&find, &hosts, printer).await,
        Command::Drain(drain) => drain::run(&find, &drain, printer).await,
        Command::Reactivate(asked) => reactivate::run(&find, &asked, printer).await,
        Command::Logs(logs) => logs::run(&find, &logs, printer).await,
        Command::Events(events) => events::run(&find, &events, printer).await,
        Command::Lookup(lookup) => registry::lookup(&find, &lookup, printer).await,
        Command::Watch(watch) => registry::watch(&find, &watch, printer).await,
        Command::Send(send) => send::run(&find, &send, printer).await,
        Command::Metadata(asked) => metadata::run(&find, &asked, printer).await,
        Command::Scale(scale) => scale::run(&find, &scale, printer).await,
        Command::Set(set) => set::run(&find, &set, printer).await,
        Command::Restart(restart) => restart::run(&find, &restart, printer).await,
        Command::Pause(pause) => pause::run(&find, &pause, true, printer).await,
        Command::Resume(pause) => pause::run(&find, &pause, false, printer).await,
        Command::History(history) => history::run(&find, &history, printer).await,
        Command::Rollback(rollback) => rollback::run(&find, &rollback, printer).await,
        Command::Remove(remove) => remove::run(&find, &remove, printer).await,
        Command::Backup(asked) => backup::run(&find, &asked, printer).await,
        Command::Restore(asked) => restore::run(&find, &asked, printer).await,
        Command::Doctor(doctor) => doctor::run(&find, &doctor, printer).await,
        Command::Completions { shell } => Ok(manual::completions(shell, printer)),
        Command::Man(man) => manual::man(&man, printer),
    }
}

#[cfg(test)]
mod tests;
