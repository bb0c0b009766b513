//! Elections on a store: one leads under each term, and who has led writes nothing more.

use std::time::Duration;

use super::faults::Mood;
use super::{DEADLINE, Link, Rig, client, connect, eventually};
use crate::election::{Election, Lead, Lost, Place, Standing};
use crate::{Op, Store, StoreError};

fn place(rig: &impl Rig) -> Place {
    let root = rig.root();
    Place::new(format!("{root}/candidates"), format!("{root}/term"))
}

/// What a leader does: a write that counts only while it leads.
async fn write(store: &Store, lead: &Lead, path: &str) -> Result<u64, StoreError> {
    store.multi(vec![lead.check(), Op::put(path, lead.term.to_string())]).await
}

async fn leads(election: &mut Election) -> Lead {
    let lead = tokio::time::timeout(DEADLINE, election.lead()).await;
    lead.expect("it never led").unwrap()
}

async fn lost(election: &mut Election) -> Lost {
    tokio::time::timeout(DEADLINE, election.lost()).await.expect("it never lost")
}

fn shown(election: &Election) -> Option<String> {
    match &*election.standing().borrow() {
        Standing::Waits { leader } => {
            leader.as_ref().map(|says| String::from_utf8_lossy(says).into_owned())
        }
        _ => None,
    }
}

/// They lead one after another, as they have joined; each is told of the first; terms rise.
pub async fn candidates_lead_in_the_order_in_which_they_joined(rig: &mut impl Rig) {
    let root = rig.root();
    let (path, store) = (format!("{root}/written"), client(rig).await);
    let mut waiting = Vec::new();
    for number in 0..3 {
        // Each has a session of its own.
        let own = client(rig).await;
        let election = Election::join(own.clone(), place(rig), format!("candidate {number}"));
        let joined = format!("{root}/candidates");
        eventually("the candidate", || async {
            store.list(&joined).await.unwrap().records.len() == number + 1
        })
        .await;
        waiting.push((own, election));
    }
    let mut terms = Vec::new();
    let mut past: Vec<Lead> = Vec::new();
    for number in 0..3 {
        let (own, mut election) = waiting.remove(0);
        let lead = leads(&mut election).await;
        write(&own, &lead, &path).await.unwrap();
        for (_, other) in &waiting {
            let name = format!("candidate {number}");
            eventually("the leader's name", || async { shown(other) == Some(name.clone()) }).await;
        }
        for old in &past {
            let refused = write(&store, old, &path).await;
            assert!(matches!(refused, Err(StoreError::Conflict { index: 0, .. })), "{refused:?}");
        }
        terms.push(lead.term);
        past.push(lead);
        match number {
            // Withdraws, and its session lives on.
            0 => {
                election.resign().await;
                own.get(&path).await.unwrap();
            }
            _ => own.close().await.unwrap(),
        }
    }
    assert!(terms.is_sorted_by(|a, b| a < b), "{terms:?}");
}

/// A leader that ends without a word is followed when its session is over.
pub async fn a_killed_leader_is_followed(rig: &mut impl Rig) {
    let (address, short, place) = (rig.address(), rig.short_timeout(), place(rig));
    let path = format!("{}/written", rig.root());
    let other = client(rig).await;
    let first = {
        let place = place.clone();
        on_its_own(async move {
            let store = connect(&address, short).await;
            let lead = leads(&mut Election::join(store.clone(), place, "first")).await;
            // Nothing of it ends in order.
            std::mem::forget(store);
            lead
        })
        .await
    };
    let mut second = Election::join(other.clone(), place, "second");
    let lead = leads(&mut second).await;
    assert!(lead.term > first.term);
    write(&other, &lead, &path).await.unwrap();
    assert!(write(&other, &first, &path).await.is_err());
}

/// A leader that stands still for longer than its session lives does not know it, but writes nothing
/// more, and hears of it when it goes on.
pub async fn a_leader_that_stood_still_writes_nothing_more(rig: &mut impl Rig) {
    let (address, short, place) = (rig.address(), rig.short_timeout(), place(rig));
    let path = format!("{}/written", rig.root());
    let other = client(rig).await;
    let (led, leading) = tokio::sync::oneshot::channel();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let standing_still = {
        let (place, path) = (place.clone(), path.clone());
        on_its_own(async move {
            let store = connect(&address, short).await;
            let mut election = Election::join(store.clone(), place, "first");
            let lead = leads(&mut election).await;
            write(&store, &lead, &path).await.unwrap();
            led.send(()).unwrap();
            // Blocks everything that this one does, as a stopped process does.
            gone.recv().unwrap();
            (write(&store, &lead, &path).await, lost(&mut election).await)
        })
    };
    let second = async {
        leading.await.unwrap();
        let mut election = Election::join(other.clone(), place, "second");
        let lead = leads(&mut election).await;
        let commit = write(&other, &lead, &path).await.unwrap();
        go.send(()).unwrap();
        (commit, election)
    };
    let ((refused, why), (commit, _leading)) = tokio::join!(standing_still, second);
    assert!(refused.is_err(), "an old leader wrote");
    assert!(matches!(why, Lost::Expired | Lost::Superseded), "{why:?}");
    assert_eq!(other.get(&path).await.unwrap().unwrap().commit, commit);
}

/// A leader that is cut off from the store for longer than its session lives hears on its return that
/// it leads no more.
pub async fn a_leader_that_was_cut_off_is_told(rig: &mut impl Rig) {
    let path = format!("{}/written", rig.root());
    let link = rig.link().await;
    let store = link.client_with(rig.short_timeout()).await;
    let mut first = Election::join(store.clone(), place(rig), "first");
    let old = leads(&mut first).await;
    let other = client(rig).await;
    let mut second = Election::join(other.clone(), place(rig), "second");
    link.faults.set(Mood::Silent);
    let new = leads(&mut second).await;
    assert!(new.term > old.term);
    let commit = write(&other, &new, &path).await.unwrap();
    let refused = write(&store, &old, &path).await;
    assert!(refused.is_err());
    link.faults.set(Mood::Open);
    assert_eq!(lost(&mut first).await, Lost::Expired);
    assert_eq!(other.get(&path).await.unwrap().unwrap().commit, commit);
}

/// Three candidates over ways that break again and again, each of which writes whenever it believes
/// that it leads: what was written, in the order of commits, has rising terms, each of one candidate.
pub async fn no_two_write_under_one_term(rig: &mut impl Rig) {
    const TERMS: usize = 6;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut links = Vec::new();
    let mut candidates = tokio::task::JoinSet::new();
    for number in 0..3 {
        let link = rig.link().await;
        let (address, short, place) = (link.address.clone(), rig.short_timeout(), place(rig));
        let (path, tell) = (format!("{}/written", rig.root()), tell.clone());
        links.push(link);
        candidates.spawn(async move {
            loop {
                let store = connect(&address, short).await;
                let mut election = Election::join(store.clone(), place.clone(), "");
                let Ok(lead) = election.lead().await else { continue };
                let mut standing = election.standing();
                loop {
                    match write(&store, &lead, &path).await {
                        Ok(commit) => tell.send((commit, lead.term, number)).unwrap(),
                        Err(error) if error.is_retryable() => {}
                        Err(_) => break,
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    if matches!(*standing.borrow_and_update(), Standing::Lost(_)) {
                        break;
                    }
                }
            }
        });
    }
    let mut written = Vec::new();
    let trouble = async {
        let mut terms = std::collections::BTreeSet::new();
        while terms.len() < TERMS {
            let before = terms.len();
            while terms.len() == before {
                let (commit, term, number) = told.recv().await.unwrap();
                terms.insert(term);
                written.push((commit, term, number));
            }
            let (_, _, leader) = written[written.len() - 1];
            let link: &Link = &links[leader];
            link.faults.set(Mood::Silent);
            tokio::time::sleep(rig.short_timeout() * 2).await;
            link.faults.set(Mood::Cut);
            link.faults.set(Mood::Open);
        }
    };
    tokio::time::timeout(DEADLINE * 2, trouble).await.expect("too few have led");
    candidates.shutdown().await;
    while let Ok(one) = told.try_recv() {
        written.push(one);
    }
    written.sort_unstable();
    for pair in written.windows(2) {
        let [(_, before, whose), (_, after, other)] = pair else { unreachable!("pairs") };
        assert!(before < after || before == after && whose == other, "{pair:?}");
    }
}

/// On a thread and a runtime of its own, which end with it at once and without a word.
async fn on_its_own<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let done = runtime.block_on(work);
        runtime.shutdown_background();
        assert!(tell.send(done).is_ok(), "nobody waits");
    });
    told.await.unwrap()
}
