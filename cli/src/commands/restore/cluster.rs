//! Into the store of a cluster: no scheduler may have it meanwhile, and none takes it before all of it
//! is there.
//!
//! Owns the order of the writes. What a store says of its form keeps schedulers and registries away
//! from one that is half written, also when this command is killed.

use std::collections::BTreeMap;

use lathe_api::backup::{Head, Restoring, format};
use lathe_coordination::{Listing, Op, Options, Record, Store, StoreError, without_password};

use super::store::{restored, stored};
use super::{file, say_of_numbers, told};
use crate::args::Restore;
use crate::failure::{BAD_INPUT, Failure, OK, REFUSED};
use crate::printer::Printer;

/// Below it each scheduler has a record for as long as it lives.
const SCHEDULERS: &str = "/lathe/schedulers/";

pub(super) async fn run(
    address: &str,
    asked: &Restore,
    head: &Head,
    printer: &Printer,
) -> Result<u8, Failure> {
    if asked.artifacts.is_none() && !head.artifacts.is_empty() {
        let text = format!("the backup has {} binaries", head.artifacts.len());
        let hint = "--artifacts names the folder in which the schedulers keep theirs";
        return Err(Failure::new(text).with_code(BAD_INPUT).with_hint(hint));
    }
    let store =
        Store::connect(address, Options::default()).await.map_err(|error| unread(&error))?;
    let listed = store.list("/").await.map_err(|error| unread(&error))?;
    may_give_way(address, &listed, asked.force)?;
    let shown = without_password(address);
    let progress = printer.progress(&format!("restoring into {shown}"));
    match write(&store, listed, asked, head).await {
        Ok(()) => progress.done(&format!("restored {}", told(head))),
        Err(failure) => {
            progress.clear();
            return Err(failure);
        }
    }
    let _ = store.close().await;
    say_of_numbers(printer);
    printer.say("schedulers may be started: they end what still runs, and start what is wanted");
    Ok(OK)
}

fn unread(error: &StoreError) -> Failure {
    stored(error).with_hint("nothing was changed")
}

fn may_give_way(address: &str, listed: &Listing, forced: bool) -> Result<(), Failure> {
    let shown = without_password(address);
    let scheduler = listed.records.iter().find(|(path, _)| path.starts_with(SCHEDULERS));
    if let Some((_, record)) = scheduler {
        let text = format!("{shown} is in use by {}", String::from_utf8_lossy(&record.data));
        let hint = "stop every scheduler first; one that died is forgotten when its session ends";
        return Err(Failure::new(text).with_code(BAD_INPUT).with_hint(hint));
    }
    if !forced && listed.records.iter().any(|(_, record)| !record.ephemeral) {
        let text = format!("{shown} has records already");
        let hint = "--force puts the backup in their place; or name another folder by --store";
        return Err(Failure::new(text).with_code(REFUSED).with_hint(hint));
    }
    Ok(())
}

/// The mark that keeps others away comes first, and the number that lets them in last.
async fn write(
    store: &Store,
    listed: Listing,
    asked: &Restore,
    head: &Head,
) -> Result<(), Failure> {
    let there: BTreeMap<String, Record> = listed.records.into_iter().collect();
    let mut restoring = Restoring::into_a_cluster();
    for (path, record) in &there {
        restoring.replaces(path, &record.data);
    }
    let mut records = restored(&asked.file, &restoring)?;
    let form = records.remove(format::FORMAT);
    let form = form.unwrap_or_else(|| format::FORMAT_NOW.to_string().into_bytes());
    format::check(Some(&form)).map_err(|error| file::damaged(&asked.file, &error.to_string()))?;
    if let Some(folder) = &asked.artifacts {
        file::binaries(&asked.file, head, folder)?;
    }
    let gone = there.iter().filter(|(path, record)| {
        !record.ephemeral && !records.contains_key(*path) && *path != format::FORMAT
    });
    let gone = gone.map(|(path, _)| Op::delete(path.as_str())).collect();
    let put = records.into_iter().map(|(path, data)| Op::put(path, data)).collect();
    let limits = store.limits();
    let mut steps = vec![vec![Op::put(format::FORMAT, format::RESTORING)]];
    steps.extend(limits.pieces(gone));
    steps.extend(limits.pieces(put));
    steps.push(vec![Op::put(format::FORMAT, form)]);
    for step in steps {
        store.multi(step).await.map_err(|error| {
            stored(&error).with_hint("the store is half written; run the same again with --force")
        })?;
    }
    Ok(())
}
