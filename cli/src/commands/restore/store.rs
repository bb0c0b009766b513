//! A store on disk that is opened by this command alone: to read what it has counted, and to write
//! one anew.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;

use lathe_api::backup::{Line, Restoring, is_instance};
use lathe_coordination::local::server::Server;
use lathe_coordination::{Op, Options, Store, StoreError};

use super::{file, remove};
use crate::failure::{Failure, chain};
use crate::home::Home;

/// Opens a folder as a store, has the work done, closes it.
async fn with<T, F>(home: &Home, folder: &Path, work: impl FnOnce(Store) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let socket = home.run().join("restore.sock");
    let failed = |error: &dyn std::error::Error| Failure::new(chain(error));
    let server = Server::open(folder).map_err(|error| failed(&error))?;
    let listening = server.bind(&socket).map_err(|error| failed(&error))?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = listening.run(async {
        let _ = stopped.await;
    });
    let working = async {
        let address = format!("local:{}", socket.display());
        let store = Store::connect(&address, Options::default()).await;
        let done = work(store.map_err(|error| failed(&error))?).await;
        drop(stop);
        done
    };
    let (served, done) = tokio::join!(serving, working);
    served.map_err(|error| failed(&error))?;
    done
}

/// What the store that gives way has counted.
pub(super) async fn counted(
    home: &Home,
    folder: &Path,
    restoring: &mut Restoring,
) -> Result<(), Failure> {
    let records = with(home, folder, |store| async move {
        let listed = store.list("/").await;
        let _ = store.close().await;
        listed.map(|listed| listed.records).map_err(|error| stored(&error))
    })
    .await?;
    for (path, record) in &records {
        restoring.replaces(path, &record.data);
    }
    Ok(())
}

pub(super) fn stored(error: &StoreError) -> Failure {
    Failure::new(chain(error))
}

/// Makes a store of the file's records.
pub(super) async fn write(
    home: &Home,
    folder: &Path,
    backup: &Path,
    restoring: &Restoring,
) -> Result<(), Failure> {
    remove(folder)?;
    let ops = operations(backup, restoring)?;
    with(home, folder, |store| async move {
        for group in store.limits().pieces(ops) {
            store.multi(group).await.map_err(|error| stored(&error))?;
        }
        store.close().await.map_err(|error| stored(&error))
    })
    .await
}

fn operations(backup: &Path, restoring: &Restoring) -> Result<Vec<Op>, Failure> {
    let restored = restored(backup, restoring)?;
    Ok(restored.into_iter().map(|(path, data)| Op::create(path, data)).collect())
}

/// What is to stand in the store, by path.
pub(super) fn restored(
    backup: &Path,
    restoring: &Restoring,
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut records = BTreeMap::new();
    file::each(backup, |line| {
        let Line::Record(record) = line else { return Ok(()) };
        let path = &record.path;
        let wrong = |what: &str| {
            let whose = if is_instance(path) { "an instance's record" } else { "the record" };
            file::damaged(backup, &format!("{whose} at {path} {what}"))
        };
        if let Some(data) = restoring.restored(&record).map_err(wrong)? {
            lathe_coordination::check_path(path).map_err(|error| wrong(&error.to_string()))?;
            records.insert(path.clone(), data);
        }
        Ok(())
    })?;
    Ok(records)
}
