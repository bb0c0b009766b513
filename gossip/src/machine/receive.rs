//! What the machine does with what comes from others.
//!
//! Owns the answers to messages; what takes whose place is the shelf's.

use std::net::SocketAddr;

use super::{AskId, Command, DATAGRAMS_MAX, Gossip, Now, Report};
use crate::Session;
use crate::member::Member;
use crate::seal::{Opened, Refused};
use crate::shelf::Placed;
use crate::statement::SubjectKey;
use crate::wire::{
    self, ASK_BYTES_MAX, DATAGRAM_BYTES_MAX, Digest, Envelope, FRAME_BYTES_MAX, Message, Told,
};

/// A frame of an answer is closed when it has as many bytes.
const FRAME_BYTES: usize = 256 << 10;
/// Bytes of one answer by a connection.
const ANSWER_BYTES_MAX: usize = 64 << 20;

impl Gossip {
    pub(super) fn packet(&mut self, now: Now, packet: &[u8], commands: &mut Vec<Command>) {
        match self.open(now, packet, DATAGRAM_BYTES_MAX) {
            Ok((opened, envelope)) => {
                if let Err(refused) = self.message(now, (&opened, envelope), commands) {
                    self.refuse(now, refused, commands);
                }
            }
            Err(refused) => self.refuse(now, refused, commands),
        }
    }

    fn refuse(&mut self, now: Now, refused: Refused, commands: &mut Vec<Command>) {
        *self.counts.refused.entry(refused).or_default() += 1;
        if self.swim.known() >= crate::swim::MEMBERS_MAX {
            self.report(now, 3, Report::Full, commands);
        }
    }

    fn open(
        &mut self,
        now: Now,
        packet: &[u8],
        bytes_max: usize,
    ) -> Result<(Opened, Envelope), Refused> {
        self.counts.received += 1;
        self.counts.received_bytes += packet.len() as u64;
        let opened = self.seals.open(now.ms, &self.settings.keys, packet, bytes_max)?;
        let envelope = wire::read(&opened.text)?;
        Ok((opened, envelope))
    }

    fn message(
        &mut self,
        now: Now,
        (opened, envelope): (&Opened, Envelope),
        commands: &mut Vec<Command>,
    ) -> Result<(), Refused> {
        let Envelope { from, message } = envelope;
        match message {
            Message::Members(data) => self.swim.receive(now.ms, &data, opened.bound)?,
            // Whatever is not bound could have been recorded long ago.
            _ if !opened.bound => return Err(Refused::Message),
            Message::Digest(digest) => {
                self.digest(now, &sender(from, opened.from), &digest, commands);
            }
            Message::Want(wanted) => {
                let told = self.shelf.told(&wanted, false);
                self.send_told(&sender(from, opened.from), told, commands);
            }
            Message::Told(told) => self.told(now, from, told, commands),
        }
        Ok(())
    }

    fn digest(&mut self, now: Now, of: &Member, digest: &Digest, commands: &mut Vec<Command>) {
        let compared = self.shelf.compare(digest);
        self.peers.shares(of.address, &compared.shared);
        self.ask(now, of, (compared.wanted, compared.fetched), commands);
        self.send_told(of, compared.told, commands);
        let mut answer = self.shelf.digest_of(&[]);
        answer.answer = true;
        answer.items = compared.offered;
        let is_due = !answer.items.is_empty() && !digest.answer;
        if is_due {
            for part in super::parts(&answer).into_iter().take(DATAGRAMS_MAX) {
                self.send(of, Message::Digest(part), commands);
            }
        }
    }

    fn told(&mut self, now: Now, from: SocketAddr, told: Vec<Told>, commands: &mut Vec<Command>) {
        for told in told {
            // Without its content it is of use to who has that.
            let Some(statement) = self.shelf.complete(told) else { continue };
            let (key, name) = (statement.subject.key(), statement.subject.name.clone());
            let differing = statement.clone();
            match self.shelf.place(statement) {
                Placed::New => {
                    self.counts.taken += 1;
                    self.asked.remove(&key);
                    self.news.insert(key, Some(from));
                    self.passed.statements.retain(|it| it.subject.key() != key);
                    self.passed.statements.extend(self.shelf.statement(key).cloned());
                }
                Placed::Switched => {
                    self.counts.taken += 1;
                    self.passed.whole = true;
                    self.passed.statements = self.shelf.statements().cloned().collect();
                    let keys: Vec<SubjectKey> =
                        self.shelf.statements().map(|it| it.subject.key()).collect();
                    self.news.extend(keys.into_iter().map(|key| (key, Some(from))));
                }
                // Who shows it judges it.
                Placed::Differs => self.passed.statements.push(differing),
                Placed::Refreshed => {
                    self.counts.refreshed += 1;
                    self.asked.remove(&key);
                }
                Placed::Pending => drop(self.asked.remove(&key)),
                Placed::Forged => {
                    self.counts.forged += 1;
                    self.report(now, 2, Report::Forged { name, from }, commands);
                }
                Placed::Known | Placed::Older | Placed::Foreign => {}
            }
        }
    }

    /// Somebody asks by a connection.
    pub(super) fn asked(&mut self, now: Now, id: AskId, frame: &[u8], commands: &mut Vec<Command>) {
        let frames = match self.open(now, frame, ASK_BYTES_MAX) {
            Ok((opened, Envelope { from, message: Message::Want(wanted) })) if opened.bound => {
                let told = self.shelf.told(&wanted, true);
                self.counts.fetched += told.len() as u64;
                self.frames(&sender(from, opened.from), told)
            }
            other => {
                self.refuse(now, other.err().unwrap_or(Refused::Message), commands);
                Vec::new()
            }
        };
        commands.push(Command::Answer { id, frames });
    }

    fn frames(&mut self, to: &Member, told: Vec<Told>) -> Vec<Vec<u8>> {
        let (mut frames, mut some, mut size, mut whole) = (Vec::new(), Vec::new(), 0, 0);
        for one in told {
            let bytes = one.size();
            whole += bytes;
            if whole > ANSWER_BYTES_MAX {
                break;
            }
            if !some.is_empty() && size + bytes > FRAME_BYTES {
                frames.push(self.seal(to, Message::Told(std::mem::take(&mut some))));
                size = 0;
            }
            size += bytes;
            some.push(one);
        }
        if !some.is_empty() {
            frames.push(self.seal(to, Message::Told(some)));
        }
        frames
    }

    /// Something that was asked for by a connection.
    pub(super) fn fetched(
        &mut self,
        now: Now,
        from: SocketAddr,
        frame: &[u8],
        commands: &mut Vec<Command>,
    ) {
        match self.open(now, frame, FRAME_BYTES_MAX) {
            Ok((opened, Envelope { message: Message::Told(told), .. })) if opened.bound => {
                self.told(now, from, told, commands);
            }
            other => self.refuse(now, other.err().unwrap_or(Refused::Message), commands),
        }
    }
}

/// Who has sent a message, as far as it says.
fn sender(address: SocketAddr, session: Session) -> Member {
    Member { address, session, name: String::new() }
}
