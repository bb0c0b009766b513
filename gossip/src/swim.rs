//! Who is a member: the library `foca` (SWIM), fed with packets and times, its packets and timers taken.
//!
//! Owns its pace and the bound on members. It must not know what members tell each other beside that.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use bytes::Buf as _;
use foca::{
    Codec as _, Config, Foca, Header, Message, Notification, PeriodicParams, PostcardCodec,
    Runtime, Timer,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::Refused;
use crate::member::{MEMBER_NAME_BYTES_MAX, Member};
use crate::rumour::{Rumour, Rumours};

/// Members that are known, those that are gone since a short time included.
pub const MEMBERS_MAX: usize = 8192;
/// Rumours that wait to be told on.
const RUMOURS_WAITING_MAX: usize = 1024;
/// Bytes of a packet of the membership: a datagram with its seal and an address.
const PACKET_BYTES: usize = 1300;

/// A packet for a member.
pub(crate) type Sent = (Member, Vec<u8>);

/// The membership.
pub(crate) struct Swim {
    foca: Foca<Member, PostcardCodec, StdRng, Rumours>,
    rumours: Rumours,
    timers: BTreeMap<(u64, u64), Timer<Member>>,
    timers_made: u64,
    sent: Vec<Sent>,
}

/// What the library says while it works.
struct Saying<'a> {
    now_ms: u64,
    timers: &'a mut BTreeMap<(u64, u64), Timer<Member>>,
    timers_made: &'a mut u64,
    sent: &'a mut Vec<Sent>,
}

impl Runtime<Member> for Saying<'_> {
    fn notify(&mut self, _: Notification<'_, Member>) {}

    fn send_to(&mut self, to: Member, data: &[u8]) {
        // Who is asked to let one in may live another life than the one that is known.
        let header: Result<Header<Member>, _> = PostcardCodec.decode_header(data);
        let asks = header.is_ok_and(|header| header.message == Message::Announce);
        let to = if asks { Member::at(to.address) } else { to };
        self.sent.push((to, data.to_vec()));
    }

    fn submit_after(&mut self, event: Timer<Member>, after: Duration) {
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        *self.timers_made += 1;
        self.timers.insert((self.now_ms.saturating_add(after_ms), *self.timers_made), event);
    }
}

impl std::fmt::Debug for Swim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Swim").field("own", self.own()).finish_non_exhaustive()
    }
}

fn number(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN)
}

fn pace() -> Config {
    let periodic = |ms, members| {
        let frequency = Duration::from_millis(ms);
        Some(PeriodicParams { frequency, num_members: number(members) })
    };
    Config {
        // Who is gone is chosen in vain, and no more: there is no hurry. Where a third of all packets is lost, each
        // probe that fails is news for everybody.
        probe_period: Duration::from_secs(3),
        probe_rtt: Duration::from_secs(1),
        num_indirect_probes: number(5),
        max_transmissions: NonZeroU8::new(10).unwrap_or(NonZeroU8::MIN),
        // Of a thousand, with a third of the packets lost, a denial is everywhere long before.
        suspect_to_down_after: Duration::from_secs(15),
        remove_down_after: Some(Duration::from_secs(120)),
        max_packet_size: number(PACKET_BYTES),
        notify_down_members: true,
        periodic_announce: periodic(30_000, 1),
        periodic_announce_to_down_members: periodic(20_000, 2),
        periodic_gossip: periodic(500, 2),
    }
}

/// Does something with the library, which may say something meanwhile.
macro_rules! with {
    ($swim:ident, $now:expr, |$foca:ident, $saying:ident| $body:expr) => {{
        let Swim { foca: $foca, timers, timers_made, sent, .. } = $swim;
        let $saying = Saying { now_ms: $now, timers, timers_made, sent };
        $body
    }};
}

impl Swim {
    pub(crate) fn new(own: Member, seed: u64) -> Self {
        let rumours = Rumours::default();
        let dice = StdRng::seed_from_u64(seed);
        let foca = Foca::with_custom_broadcast(own, pace(), dice, PostcardCodec, rumours.clone());
        Self { foca, rumours, timers: BTreeMap::new(), timers_made: 0, sent: Vec::new() }
    }

    /// This agent, as it is known now.
    pub(crate) fn own(&self) -> &Member {
        self.foca.identity()
    }

    /// The others that are alive, as far as is known.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.foca.iter_members().map(foca::Member::id)
    }

    pub(crate) fn number(&self) -> usize {
        self.foca.num_members()
    }

    /// Those that are known, alive or gone.
    pub(crate) fn known(&self) -> usize {
        self.foca.iter_membership_state().len()
    }

    /// The member at an address.
    pub(crate) fn at(&self, address: SocketAddr) -> Option<&Member> {
        self.members().find(|member| member.address == address)
    }

    /// Packets that are to go out, and rumours that came.
    pub(crate) fn take(&mut self) -> (Vec<Sent>, Vec<Rumour>) {
        (std::mem::take(&mut self.sent), self.rumours.take())
    }

    /// When it wants to be woken.
    pub(crate) fn wake_ms(&self) -> Option<u64> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// What follows from the time.
    pub(crate) fn wake(&mut self, now_ms: u64) {
        while let Some(entry) = self.timers.first_entry()
            && entry.key().0 <= now_ms
        {
            let timer = entry.remove();
            // What it complains of is that timers came late, which it mends itself.
            let _ = with!(self, now_ms, |foca, saying| foca.handle_timer(timer, saying));
        }
    }

    /// Takes a packet. One that nobody was named for may only ask to be let in.
    pub(crate) fn receive(&mut self, now_ms: u64, data: &[u8], bound: bool) -> Result<(), Refused> {
        self.judge(data, bound)?;
        self.rumours.set_full(self.foca.custom_broadcast_backlog() >= RUMOURS_WAITING_MAX);
        let taken = with!(self, now_ms, |foca, saying| foca.handle_data(data, saying));
        match taken {
            Ok(()) => Ok(()),
            // The echo of an agent's own packets, by who has its address.
            Err(foca::Error::DataFromOurselves | foca::Error::IndirectForOurselves) => Ok(()),
            Err(_) => Err(Refused::Message),
        }
    }

    /// Reads a packet as the library will, for what it does not look at: how many members there would be, and
    /// how long their names are.
    fn judge(&self, mut data: &[u8], bound: bool) -> Result<(), Refused> {
        let mut codec = PostcardCodec;
        let header = codec.decode_header(&mut data).map_err(|_| Refused::Message)?;
        let is_short = |member: &Member| member.name.len() <= MEMBER_NAME_BYTES_MAX;
        if !is_short(&header.src) || (!bound && header.message != Message::Announce) {
            return Err(Refused::Message);
        }
        let mut new = BTreeSet::from([header.src.address]);
        if header.message != Message::Broadcast && data.remaining() >= 2 {
            for _ in 0..data.get_u16() {
                let member = codec.decode_member(&mut data).map_err(|_| Refused::Message)?;
                if !is_short(member.id()) {
                    return Err(Refused::Message);
                }
                new.insert(member.id().address);
            }
        }
        if self.known() + new.len() > MEMBERS_MAX {
            let known = self.foca.iter_membership_state().map(|member| member.id().address);
            for address in known {
                new.remove(&address);
            }
            if self.known() + new.len() > MEMBERS_MAX {
                return Err(Refused::Size);
            }
        }
        Ok(())
    }

    /// Asks whoever is at an address to be let in.
    pub(crate) fn announce(&mut self, now_ms: u64, to: SocketAddr) {
        let _ = with!(self, now_ms, |foca, saying| foca.announce(Member::at(to), saying));
    }

    /// Tells every member in time that there is something.
    pub(crate) fn spread(&mut self, rumour: &Rumour) {
        let _ = self.foca.add_broadcast(&rumour.write());
        // It is no news to the one who says it.
        self.rumours.take();
    }

    /// Says good-bye.
    pub(crate) fn leave(&mut self, now_ms: u64) {
        let _ = with!(self, now_ms, |foca, saying| foca.leave_cluster(saying));
    }

    /// Takes members as known.
    pub(crate) fn meet(&mut self, now_ms: u64, members: impl Iterator<Item = Member>) {
        let alive = members.map(foca::Member::alive);
        let _ = with!(self, now_ms, |foca, saying| foca.apply_many(alive, false, saying));
    }
}
