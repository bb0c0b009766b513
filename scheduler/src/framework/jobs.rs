//! One piece of planned work at a time: a caller's question, or a repair of what is missing.
//!
//! A job lists the hosts, has a plan made, holds offers until they carry it, and then writes. The
//! write is the point of no return: before it a dead leader leaves nothing behind.

use std::collections::{BTreeMap, BTreeSet};

use lathe_placement::Verdict;
use lathe_topology::Code;

use super::Framework;
use super::command::{Answer, Command};
use super::event::{Edit, Free};
use super::ids::{AskId, HostName, InstanceId, JobId, Time};
use super::submissions::{plain, refuse};
use super::wanted::Accepted;

/// The job in hand.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: JobId,
    pub(super) purpose: Purpose,
    pub(super) phase: JobPhase,
    /// A caller is refused when this has passed.
    pub(super) deadline_ms: Time,
}

/// For whom, and for what.
#[derive(Debug)]
pub(super) enum Purpose {
    /// Only to say what would happen.
    Plan { ask: AskId, target: Accepted, max_moves: u32 },
    Submit {
        ask: AskId,
        /// What was asked for, to be read again when another revision has come meanwhile.
        edit: Edit,
        target: Accepted,
        max_moves: u32,
        may_stop: bool,
        /// Set where it waits for room: what its caller was told last of why.
        queues: Option<String>,
    },
    /// What is wanted and does not run.
    Repair,
}

impl Purpose {
    pub(super) fn ask(&self) -> Option<AskId> {
        match self {
            Self::Plan { ask, .. } | Self::Submit { ask, .. } => Some(*ask),
            Self::Repair => None,
        }
    }
}

/// How far the job is.
#[derive(Debug)]
pub(super) enum JobPhase {
    Listing,
    Planning,
    Holding(Holding),
    /// Written, and waiting for the store.
    Persisting,
}

/// Instances that wait for their hosts' offers.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) wishes: BTreeMap<InstanceId, HostName>,
    pub(super) since_ms: Time,
    /// Vacancies that there had ever been by then.
    vacancies: u64,
    told: bool,
}

/// So long a repair waits for the last of its hosts before it goes on with the others.
const PATIENCE_MS: u64 = 250;
/// A repair that found no place is tried again after this pause, or when something changes.
const REPAIR_AGAIN_MS: u64 = 2_000;

impl Framework {
    pub(super) fn advance_jobs(&mut self, now: Time, out: &mut Vec<Command>) {
        if self.job.as_ref().is_some_and(|job| now >= job.deadline_ms) {
            self.job_too_late(now, out);
        }
        self.job_overtaken(now, out);
        if self.is_outdated(now) {
            self.forget_plan();
            if self.job.is_some() {
                self.job_list_hosts(now, out);
            }
        }
        self.park(now);
        // A question is judged by what is wanted: what changes that is to be durable first.
        if self.job.is_none() && self.parked.is_none() && !self.batches.change_what_is_wanted() {
            self.take_question(now, out);
        }
        if self.job.is_none() && self.repair_due(now) {
            let id = self.next_job();
            let deadline_ms = now + self.config.wait_ms;
            // What failed is not tried again on the same picture of the hosts.
            if self.repair_trouble.take().is_some() {
                self.hosts_listed_ms = None;
            }
            self.job =
                Some(Job { id, purpose: Purpose::Repair, phase: JobPhase::Listing, deadline_ms });
            self.job_list_hosts(now, out);
        }
        if self.job.is_none() {
            self.unpark(now, out);
        }
        self.tend_queued(now, out);
        if self.job.is_none() && !self.is_anything_missing(now) {
            self.repair_trouble = None;
            self.starves_no_more();
        }
        self.try_commit(now, out);
    }

    pub(super) fn job_list_hosts(&mut self, now: Time, out: &mut Vec<Command>) {
        let repair = matches!(self.job.as_ref().map(|job| &job.purpose), Some(Purpose::Repair));
        if repair && self.hosts_fresh(now) {
            self.job_hosts_listed(now, out);
        } else if self.connected() {
            self.list_hosts(now, out);
        }
    }

    pub(super) fn job_hosts_listed(&mut self, now: Time, out: &mut Vec<Command>) {
        let Some(job) = &mut self.job else { return };
        if !matches!(job.phase, JobPhase::Listing) {
            return;
        }
        job.phase = JobPhase::Planning;
        let id = job.id;
        self.came_back = false;
        let input = Box::new(self.plan_input(now));
        out.push(Command::Plan { job: id, input });
    }

    pub(super) fn job_hosts_unknown(&mut self, now: Time, reason: &str, out: &mut Vec<Command>) {
        let Some(job) = self.job.take_if(|job| matches!(job.phase, JobPhase::Listing)) else {
            return;
        };
        self.repair_not_before_ms = now + REPAIR_AGAIN_MS;
        if let Some(ask) = job.purpose.ask() {
            let sentence = format!("the master did not list its hosts: {reason}");
            let refusal =
                plain(Code::CANNOT_ACT_NOW, &sentence, "try again when the master answers");
            refuse(ask, "not now", refusal, out);
        }
    }

    /// Without a master nothing can be held; the work begins again with the next subscription.
    pub(super) fn job_disconnected(&mut self, now: Time) {
        self.forget_plan();
        self.repair_not_before_ms = now;
    }

    /// Whether the job's plan is not worth waiting for: what has come back has its own room and its
    /// own rules, a host that is gone or takes nothing makes no offer, and a repair of which nothing can be started
    /// yet does not keep what has gone missing since then waiting.
    fn is_outdated(&self, now: Time) -> bool {
        let Some(job) = &self.job else { return false };
        match &job.phase {
            JobPhase::Listing | JobPhase::Persisting => false,
            JobPhase::Planning => self.came_back,
            JobPhase::Holding(holding) => {
                let mut hosts = holding.wishes.values();
                self.came_back
                    || hosts.any(|host| !self.takes_more(host))
                    || (matches!(job.purpose, Purpose::Repair)
                        && now >= holding.since_ms + PATIENCE_MS
                        && self.standings.vacancies() != holding.vacancies
                        && !self.can_start_some(holding))
            }
        }
    }

    fn can_start_some(&self, holding: &Holding) -> bool {
        let short = self.hosts_short(&holding.wishes);
        holding.wishes.values().any(|host| !short.contains(host))
    }

    /// Where the job has not reached its write it begins again, under a new number: an answer to
    /// the old one says nothing any more. A repair ends: the next begins with what is missing then.
    fn forget_plan(&mut self) {
        let id = self.next_job();
        let Some(job) = self.job.take_if(|job| !matches!(job.phase, JobPhase::Persisting)) else {
            return;
        };
        if !matches!(job.purpose, Purpose::Repair) {
            self.job = Some(Job { id, phase: JobPhase::Listing, ..job });
        }
    }

    pub(super) fn planned(
        &mut self,
        now: Time,
        id: JobId,
        verdict: Verdict,
        out: &mut Vec<Command>,
    ) {
        if self.trial_planned(now, id, &verdict, out) {
            return;
        }
        let Some(job) =
            self.job.take_if(|job| job.id == id && matches!(job.phase, JobPhase::Planning))
        else {
            return;
        };
        let asker = job.purpose.ask();
        let (word, refusal) = match verdict {
            Verdict::Placed(plan) => return self.carry_out(now, job, &plan, out),
            Verdict::Blocked(refusal) => match self.queue(now, job, refusal, out) {
                Some(refusal) => ("blocked", refusal),
                None => return,
            },
            Verdict::Impossible(refusal) => ("impossible", refusal),
            Verdict::Unknown { refusal, .. } => ("unknown", refusal),
        };
        match asker {
            Some(ask) => refuse(ask, word, refusal, out),
            None => {
                self.starves_no_more();
                self.repair_trouble = Some(format!("{word}: {}", refusal.sentence));
                self.repair_not_before_ms = now + REPAIR_AGAIN_MS;
                self.revert(now, &refusal, out);
            }
        }
    }

    pub(super) fn hold(&mut self, now: Time, mut job: Job, holding: Holding) {
        job.phase = JobPhase::Holding(holding);
        if matches!(job.purpose, Purpose::Repair) {
            job.deadline_ms = now + self.config.hold_ms;
        }
        self.job = Some(job);
    }

    /// Hosts whose offers the job waits for.
    pub(super) fn hosts_awaited(&self) -> BTreeSet<HostName> {
        match self.job.as_ref().map(|job| &job.phase) {
            Some(JobPhase::Holding(holding)) => holding.wishes.values().cloned().collect(),
            _ => BTreeSet::new(),
        }
    }

    /// Which of the hosts do not yet offer what the wishes need.
    pub(super) fn hosts_short(
        &self,
        wishes: &BTreeMap<InstanceId, HostName>,
    ) -> BTreeSet<HostName> {
        let mut free: BTreeMap<&HostName, Free> = BTreeMap::new();
        let mut short = BTreeSet::new();
        for (id, host) in wishes {
            let Some(resources) = self.wish_of(id) else { continue };
            let left = free.entry(host).or_insert_with(|| {
                self.hosts
                    .get(host)
                    .map(|info| self.offers.of_agent(&info.agent).1)
                    .unwrap_or_default()
            });
            if left.take_instance(&resources, &self.config.overhead).is_none() {
                short.insert(host.clone());
            }
        }
        short
    }

    fn try_commit(&mut self, now: Time, out: &mut Vec<Command>) {
        let Some(Job { phase: JobPhase::Holding(holding), purpose, .. }) = &self.job else {
            return;
        };
        let repair = matches!(purpose, Purpose::Repair);
        // The revision before this one is to be known first.
        if !repair && self.batches.revise() {
            return;
        }
        let short = self.hosts_short(&holding.wishes);
        let whole = short.is_empty();
        let some = repair
            && now >= holding.since_ms + PATIENCE_MS
            && holding.wishes.values().any(|host| !short.contains(host));
        if whole || some {
            if let Some(job) = self.job.take() {
                self.commit(now, job, &short, out);
            }
            return;
        }
        if let Some(Job { phase: JobPhase::Holding(holding), purpose, .. }) = &mut self.job
            && !holding.told
            && let Some(ask) = purpose.ask()
        {
            holding.told = true;
            let hosts = short.iter().map(ToString::to_string).collect();
            out.push(Command::Answer { ask, answer: Answer::Waiting { hosts } });
        }
    }

    fn job_too_late(&mut self, now: Time, out: &mut Vec<Command>) {
        // What the wishes need is known as long as the job is there.
        let short = match self.job.as_ref().map(|job| &job.phase) {
            Some(JobPhase::Holding(holding)) => self.hosts_short(&holding.wishes),
            _ => BTreeSet::new(),
        };
        let Some(job) = self.job.take_if(|job| !matches!(job.phase, JobPhase::Persisting)) else {
            return;
        };
        self.repair_not_before_ms = now + REPAIR_AGAIN_MS;
        let Some(ask) = job.purpose.ask() else {
            self.repair_trouble = Some("the hosts of the plan did not offer in time".to_owned());
            if let JobPhase::Holding(holding) = &job.phase {
                self.starves(holding.since_ms, short, out);
            }
            return;
        };
        let (code, sentence) = match &job.phase {
            JobPhase::Holding(_) => {
                let names: Vec<String> = short.iter().map(ToString::to_string).collect();
                let text = format!("no sufficient offers came from: {}", names.join(", "));
                (Code::BLOCKED, self.with_quota(text))
            }
            _ if !self.connected() => (Code::CANNOT_ACT_NOW, self.no_master()),
            _ => (Code::CANNOT_ACT_NOW, "the plan was not ready in time".to_owned()),
        };
        refuse(
            ask,
            "blocked",
            plain(code, &sentence, "try again, or give more time with --wait"),
            out,
        );
    }

    /// The job with this number has had its write; another one is left alone.
    pub(super) fn job_ended(&mut self, id: Option<JobId>) {
        self.job.take_if(|job| Some(job.id) == id);
    }

    /// What has not reached its write is given up with its caller.
    pub(super) fn job_asker_left(&mut self, ask: AskId) {
        let gone = |job: &mut Job| {
            job.purpose.ask() == Some(ask) && !matches!(job.phase, JobPhase::Persisting)
        };
        self.job.take_if(gone);
        self.parked.take_if(gone);
    }

    /// A submission that waits for its hosts does not keep others from being healed.
    fn park(&mut self, now: Time) {
        let waits = self.job.as_ref().is_some_and(|job| {
            matches!(job.phase, JobPhase::Holding(_)) && job.purpose.ask().is_some()
        });
        if waits && self.parked.is_none() && self.repair_due(now) {
            self.parked = self.job.take();
        }
    }

    fn unpark(&mut self, now: Time, out: &mut Vec<Command>) {
        if let Some(job) = self.parked.take() {
            self.resume_job(now, job, out);
        }
    }

    pub(super) fn job_deadline(&self) -> Option<Time> {
        let job = self.job.as_ref()?;
        let patient = match &job.phase {
            JobPhase::Persisting => return None,
            JobPhase::Holding(holding) => Some(holding.since_ms + PATIENCE_MS),
            _ => None,
        };
        patient.filter(|at| *at > self.now_seen).or(Some(job.deadline_ms))
    }
}

impl Holding {
    pub(super) fn new(now: Time, wishes: BTreeMap<InstanceId, HostName>, vacancies: u64) -> Self {
        Self { wishes, since_ms: now, vacancies, told: false }
    }
}
