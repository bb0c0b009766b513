//! `lathe restore FILE`: a home whose store is what a backup has, or the store of a cluster. Nothing may
//! run in it meanwhile.
//!
//! The file is read twice: first all of it is checked, then it is written beside its place, and only
//! what is whole takes the place.

mod cluster;
mod file;
mod store;

use std::path::Path;

use lathe_api::backup::{Head, INCARNATIONS_SKIPPED, Restoring};

use crate::args::{Find, Restore};
use crate::failure::{Failure, OK, REFUSED};
use crate::home::Home;
use crate::printer::{Printer, utc};

pub(crate) async fn run(find: &Find, asked: &Restore, printer: &Printer) -> Result<u8, Failure> {
    let head = file::check(&asked.file)?;
    let shown = asked.file.display();
    if asked.check {
        printer.say(&format!("{shown} is whole: {}", told(&head)));
        return Ok(OK);
    }
    if let Some(address) = &asked.store {
        return cluster::run(address, asked, &head, printer).await;
    }
    let home = Home::find(find.home.as_deref())?;
    let _lock = home.lock()?;
    let place = home.standalone().join("store");
    let there = has_something(&place);
    if there && !asked.force {
        let text = format!("{} has a store already", home.root().display());
        let hint = "--force puts the backup in its place; or name another folder by --home";
        return Err(Failure::new(text).with_code(REFUSED).with_hint(hint));
    }
    home.prepare()?;
    let progress = printer.progress(&format!("restoring {shown}"));
    let restored = restore(&home, asked, &head, there, printer).await;
    match restored {
        Ok(()) => progress.done(&format!("restored {}", told(&head))),
        Err(failure) => {
            progress.clear();
            return Err(failure);
        }
    }
    say_of_numbers(printer);
    printer.say("`lathe up` starts what it wants, as new lives");
    Ok(OK)
}

fn say_of_numbers(printer: &Printer) {
    printer.say(&format!(
        "the number of each instance's next life is raised by {INCARNATIONS_SKIPPED}, so that none \
         is used twice"
    ));
}

fn told(head: &Head) -> String {
    format!(
        "commit {} of {}, {} records, {} binaries",
        head.commit,
        utc(head.at_ms),
        head.records,
        head.artifacts.len()
    )
}

fn has_something(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

async fn restore(
    home: &Home,
    asked: &Restore,
    head: &Head,
    there: bool,
    printer: &Printer,
) -> Result<(), Failure> {
    let place = home.standalone().join("store");
    let mut restoring = Restoring::default();
    if there && let Err(failure) = store::counted(home, &place, &mut restoring).await {
        printer.say(&format!(
            "the store that gives way cannot be read ({}): numbers that lives had in it since the \
             backup are known by the backup alone",
            failure.text
        ));
    }
    file::binaries(&asked.file, head, &home.scheduler().join("artifacts"))?;
    let beside = home.standalone().join("store.restoring");
    store::write(home, &beside, &asked.file, &restoring).await?;
    let failed = |error| Failure::io(format!("putting the store to {}", place.display()), &error);
    if there {
        // Kept until the next restore: for whoever finds that it was the wrong file.
        let old = home.standalone().join("store.replaced");
        remove(&old)?;
        std::fs::rename(&place, &old).map_err(failed)?;
        printer.say(&format!("the store that gave way is kept in {}", old.display()));
    } else {
        remove(&place)?;
    }
    std::fs::rename(&beside, &place).map_err(failed)?;
    let folder = std::fs::File::open(home.standalone()).map_err(failed)?;
    folder.sync_all().map_err(failed)
}

/// Removes a folder that an earlier attempt may have left.
fn remove(folder: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::io(format!("removing {}", folder.display()), &error))
        }
        _ => Ok(()),
    }
}
