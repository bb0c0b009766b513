//! What is done with those who take nothing: queues are bounded.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::*;
use crate::cluster::{Config, HostCommand};
use crate::config::LogFormat;

impl Driver {
    /// A driver whose hosts are never started.
    pub(crate) fn idle(handle: Handle) -> Self {
        let program = HostProgram {
            program: "/nowhere".into(),
            folder: "/nowhere".into(),
            link: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
            token_file: "/nowhere".into(),
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            log_format: LogFormat::Text,
        };
        let (ready, _) = oneshot::channel();
        Self::new(Cluster::new(Config::new(1)), program, handle, ready)
    }
}

#[test]
fn a_framework_that_reads_no_events_loses_its_stream() {
    let mut driver = Driver::idle(Handle::new().0);
    let stream = StreamId("s".to_owned());
    let (sender, mut events) = mpsc::channel(1);
    driver.streams.insert(stream.clone(), sender);
    let mut send = || {
        let event = Box::default();
        driver.carry_out(Command::Send { stream: stream.clone(), event })
    };
    assert!(send().is_none(), "there is room for one");
    assert!(matches!(send(), Some(Event::StreamClosed { .. })), "and for no more");
    assert!(driver.streams.is_empty());
    // What was sent before comes, and then the end.
    assert!(events.try_recv().is_ok());
    assert_eq!(events.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
}

#[test]
fn a_host_that_takes_no_orders_loses_its_link() {
    let mut driver = Driver::idle(Handle::new().0);
    let host = HostName("host-1".to_owned());
    let mut slot = Slot::new(HostConfig::numbered(0));
    let (outbox, _orders) = mpsc::channel(1);
    slot.connected(1, outbox, 1);
    driver.slots.insert(host.clone(), slot);
    for still in [true, false] {
        let command = HostCommand::Welcome { agent_id: "a".to_owned() };
        driver.carry_out(Command::Host { host: host.clone(), command });
        assert_eq!(driver.slots[&host].is_session(1), still);
    }
}
