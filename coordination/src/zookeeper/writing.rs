//! Multis: plans one, sends it, and plans anew where what it took for granted was otherwise. Owns what
//! is remembered of records and folders; must not know what they mean.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};

use futures_util::future::join_all;
use zookeeper_client::{Client, CreateMode, Error, MultiWriteError, MultiWriteResult};

use super::names;
use super::plan::{self, Action, Cause, Step, Verdict};
use super::session::{Session, is_of_the_way};
use crate::{Mode, Op, StoreError};

/// Records that are remembered to exist; with more, all are forgotten.
const RECORDS: usize = 1 << 20;
/// Folders that are remembered to exist; with more, all are forgotten.
const FOLDERS: usize = 1 << 14;
/// Plans for one multi. Each was wrong since somebody else made or deleted a record in between.
const PLANS: usize = 64;

/// What is there, as far as this session remembers. It may be wrong: the server judges.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// Paths, by their hashes: a clash costs one plan.
    records: HashSet<u64>,
    hasher: RandomState,
    folders: BTreeSet<String>,
}

impl Hints {
    fn knows(&self, path: &str) -> bool {
        self.records.contains(&self.hasher.hash_one(path))
    }

    fn note(&mut self, path: &str, exists: bool) {
        let hash = self.hasher.hash_one(path);
        if !exists {
            self.records.remove(&hash);
            return;
        }
        if self.records.len() >= RECORDS {
            self.records.clear();
        }
        self.records.insert(hash);
    }
}

/// One multi on its way.
struct Attempt<'a> {
    ops: &'a [Op],
    questions: BTreeSet<usize>,
    /// By operation: whether its record exists, where the server has said so.
    told: BTreeMap<usize, bool>,
}

/// Does all of `ops` or nothing.
pub(super) async fn multi(session: &Session, ops: &[Op]) -> Result<u64, StoreError> {
    let questions = plan::questions(ops).into_iter().collect();
    let mut attempt = Attempt { ops, questions, told: BTreeMap::new() };
    let mut plans = 0;
    while plans < PLANS {
        let client = session.client().await?;
        match attempt.once(session, &client).await {
            Ok(commit) => return Ok(commit),
            Err(Miss::Answered(error)) => return Err(error),
            Err(Miss::Unsent(error)) if is_of_the_way(&error) => {
                tokio::time::sleep(super::PAUSE).await;
            }
            Err(Miss::Unsent(error)) => return Err(session.error(&error)),
            Err(Miss::Plan) => plans += 1,
        }
    }
    Err(StoreError::TooMany { what: "writers of these records" })
}

/// Why an attempt came to no commit.
enum Miss {
    Answered(StoreError),
    /// What had to be asked before was not answered; nothing was written.
    Unsent(Error),
    /// Nothing was done; another plan may do.
    Plan,
}

impl Attempt<'_> {
    async fn once(&mut self, session: &Session, client: &Client) -> Result<u64, Miss> {
        let mut hints = session.hints.lock().await;
        self.make_folders(session, client, &mut hints).await.map_err(Miss::Unsent)?;
        self.ask(client, &mut hints).await.map_err(Miss::Unsent)?;
        let steps = plan::steps(self.ops, |of| {
            let told = self.told.get(&of).copied();
            told.unwrap_or_else(|| hints.knows(self.ops[of].path()))
        });
        let sent = send(session, client, &steps).map_err(Miss::Unsent)?;
        // Those that come after may count on it; should it fail, they plan anew.
        for op in self.ops {
            hints.note(op.path(), plan::leaves(op));
        }
        drop(hints);
        match sent.await {
            Ok(results) => match results.last() {
                Some(MultiWriteResult::SetData { stat }) => Ok(stat.mzxid.cast_unsigned()),
                _ => Err(Miss::Answered(StoreError::disconnected("an answer of another kind"))),
            },
            Err(MultiWriteError::RequestFailed { source }) => {
                Err(Miss::Answered(session.error(&source)))
            }
            Err(MultiWriteError::OperationFailed { index, source }) => {
                Err(self.refused(session, steps.get(index), &source).await)
            }
        }
    }

    /// What is asked before the plan: whether records of which nothing is known are there.
    async fn ask(&mut self, client: &Client, hints: &mut Hints) -> Result<(), Error> {
        let open = self.questions.iter().copied();
        let open =
            open.filter(|of| !self.told.contains_key(of) && !hints.knows(self.ops[*of].path()));
        let open: Vec<usize> = open.collect();
        // Sent together, answered in order.
        let asked = open.iter().map(|of| client.check_stat(&names::record(self.ops[*of].path())));
        let asked: Vec<_> = asked.collect();
        for (of, stat) in open.into_iter().zip(join_all(asked).await) {
            hints.note(self.ops[of].path(), stat?.is_some());
        }
        Ok(())
    }

    async fn make_folders(
        &self,
        session: &Session,
        client: &Client,
        hints: &mut Hints,
    ) -> Result<(), Error> {
        let makes =
            |op: &&Op| matches!(op, Op::Create { .. } | Op::Put { .. } | Op::CheckAbsent { .. });
        let mut missing = BTreeSet::new();
        for op in self.ops.iter().filter(makes) {
            let above = names::folders_above(op.path());
            missing.extend(above.into_iter().filter(|folder| !hints.folders.contains(folder)));
        }
        if missing.is_empty() {
            return Ok(());
        }
        // Removed by the ensemble when they have been empty for a while. The order has each folder
        // after the one that it stands in.
        let options = CreateMode::Container.with_acls(session.acls());
        let made: Vec<_> =
            missing.iter().map(|folder| client.create(folder, &[], &options)).collect();
        for made in join_all(made).await {
            match made {
                Ok(_) | Err(Error::NodeExists) => {}
                // One above was removed in between, as it was empty.
                Err(Error::NoNode) => return Err(Error::ConnectionLoss),
                Err(error) => return Err(error),
            }
        }
        if hints.folders.len() + missing.len() > FOLDERS {
            hints.folders.clear();
        }
        hints.folders.extend(missing);
        Ok(())
    }

    /// The multi was refused at a step; nothing was done.
    async fn refused(&mut self, session: &Session, step: Option<&Step>, error: &Error) -> Miss {
        let cause = match error {
            Error::NoNode => Cause::NoNode,
            Error::NodeExists => Cause::NodeExists,
            Error::BadVersion => Cause::BadVersion,
            other => return Miss::Answered(session.error(other)),
        };
        let Some(step) = step else {
            return Miss::Answered(StoreError::invalid("the store's own znode was deleted"));
        };
        let mut hints = session.hints.lock().await;
        // What was noted when it was sent is not so.
        for op in self.ops {
            hints.note(op.path(), false);
        }
        match plan::judge(self.ops, step, cause) {
            Verdict::Fails(error) => Miss::Answered(error),
            Verdict::Otherwise { of, exists } => {
                self.told.insert(of, exists);
                Miss::Plan
            }
            Verdict::NoFolder { of } => {
                for folder in names::folders_above(self.ops[of].path()) {
                    hints.folders.remove(&folder);
                }
                Miss::Plan
            }
        }
    }
}

type Outcome = Result<Vec<MultiWriteResult>, MultiWriteError>;

/// Sends a multi, at once; what is returned waits for its answer.
fn send<'a>(
    session: &Session,
    client: &'a Client,
    steps: &[Step],
) -> Result<impl Future<Output = Outcome> + Send + use<'a>, Error> {
    let mut writer = client.new_multi_writer();
    for step in steps {
        match &step.action {
            Action::Check { version } => writer.add_check_version(&step.node, *version)?,
            Action::Create { data, mode } => {
                let mode = match mode {
                    Mode::Persistent => CreateMode::Persistent,
                    Mode::Ephemeral => CreateMode::Ephemeral,
                };
                writer.add_create(&step.node, data, &mode.with_acls(session.acls()))?;
            }
            Action::Set { data, version } => writer.add_set_data(&step.node, data, *version)?,
            Action::Delete { version } => writer.add_delete(&step.node, *version)?,
        }
    }
    // Its answer tells the commit, and a read of it tells up to where the read reaches.
    writer.add_set_data(names::COMMIT, &[], None)?;
    Ok(writer.commit())
}
