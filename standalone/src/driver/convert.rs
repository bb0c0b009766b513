//! The machine's commands and events as messages of the link, and back.

use crate::cluster::{Event, HostCommand, HostName};
use crate::link::{Deliver, News, Order, Report, Start, ToHost};

/// A command as an order.
pub(super) fn to_order(command: HostCommand) -> ToHost {
    let order = match command {
        HostCommand::Welcome { agent_id } => Order::Welcome(agent_id),
        HostCommand::StartExecutor { executor, container_id, info, checkpoint } => {
            let start = Start { executor: executor.into(), container_id, info: *info, checkpoint };
            Order::Start(Box::new(start))
        }
        HostCommand::Deliver { executor, event } => {
            Order::Deliver(Box::new(Deliver { executor: executor.into(), event: *event }))
        }
        HostCommand::KillExecutor { executor } => Order::Kill(executor.into()),
    };
    ToHost { order: Some(order) }
}

/// A report as an event.
pub(super) fn to_event(host: HostName, report: Report) -> Option<Event> {
    let executor = report.executor.into();
    Some(match report.news? {
        News::Subscribed(subscribe) => {
            Event::ExecutorSubscribed { host, executor, subscribe: Box::new(subscribe) }
        }
        News::Disconnected(_) => Event::ExecutorDisconnected { host, executor },
        News::Updated(status) => Event::ExecutorUpdated { host, executor, status },
        News::Messaged(data) => Event::ExecutorMessaged { host, executor, data },
        News::Started(pid) => Event::ExecutorStarted { host, executor, pid },
        News::Refused(message) => Event::ExecutorRefused { host, executor, message },
        News::Exited(status) => Event::ExecutorExited { host, executor, status },
    })
}
