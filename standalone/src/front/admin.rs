//! What `lathe hosts` asks: the list of virtual hosts, and kill, pause, resume. JSON.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::json;

use super::{Front, audit, unavailable};
use crate::cluster::{Event, HostName, HostState};
use crate::driver::Driver;
use crate::driver::slots::Life;
use crate::http::{Body, checks, with_type};
use crate::processes::Order;

/// One host in an answer.
#[derive(Debug, Serialize)]
struct HostJson {
    name: String,
    /// `active`, `silent`, `unreachable`, `gone`, `paused`, `starting` or `dead`.
    state: &'static str,
    agent_id: Option<String>,
    pid: Option<u32>,
    port: u16,
    executors: usize,
    cpus_milli: u64,
    mem_bytes: u64,
    disk_bytes: u64,
    ports: Vec<(u16, u16)>,
    attributes: std::collections::BTreeMap<String, String>,
}

/// Why an action was not done.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    detail: String,
}

impl Front {
    pub(super) async fn admin(&self, request: Request<Incoming>) -> checks::Check<Response<Body>> {
        let who = checks::basic(request.headers(), &self.secrets, "lathe-standalone")?;
        let peer = request.extensions().get().copied();
        let path = request.uri().path().to_owned();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match parts[..] {
            ["standalone", "hosts"] => {
                Self::get(request.method())?;
                let hosts = self.driver.ask(list).await;
                Ok(hosts.map_or_else(unavailable, |hosts| json(StatusCode::OK, &hosts)))
            }
            ["standalone", "hosts", name, action] => {
                if request.method() != Method::POST {
                    checks::post(request.method())?;
                }
                let (host, what) = (HostName(name.to_owned()), action.to_owned());
                let done = self.driver.ask(move |driver| act(driver, &host, &what)).await;
                Ok(match done {
                    None => unavailable(),
                    Some(Ok(host)) => {
                        audit(peer, &who, action, name);
                        json(StatusCode::OK, &host)
                    }
                    Some(Err(refused)) => problem(&refused),
                })
            }
            _ => {
                let detail = format!("there is nothing at {path}");
                Ok(problem(&Refused { status: StatusCode::NOT_FOUND, detail }))
            }
        }
    }
}

fn act(driver: &mut Driver, name: &HostName, action: &str) -> Result<HostJson, Refused> {
    let refused = |status, detail: String| Err(Refused { status, detail });
    let Some(slot) = driver.slots.get_mut(name) else {
        return refused(StatusCode::NOT_FOUND, format!("there is no host {name}"));
    };
    match (action, slot.life, &slot.process) {
        ("kill", Life::Running | Life::Paused, Some(process)) => {
            process.order(Order::Kill);
            // It is as good as dead: the machine hears it now, not when the last process is gone.
            slot.life = Life::Dead;
            driver.step(Event::HostLost { host: name.clone() });
        }
        ("pause", Life::Running, Some(process)) => {
            process.order(Order::Freeze);
            slot.life = Life::Paused;
            if !std::mem::replace(&mut slot.silent, true) {
                driver.step(Event::HostPaused { host: name.clone() });
            }
        }
        ("resume", Life::Paused, Some(process)) => {
            process.order(Order::Thaw);
            // The machine hears of it with the host's next word.
            slot.life = Life::Running;
            slot.missed = 0;
        }
        ("resume", Life::Dead, None) => {
            if let Err(error) = driver.start_host(name) {
                return refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
            }
        }
        ("kill" | "pause" | "resume", life, _) => {
            let word = match life {
                Life::Running => "running",
                Life::Paused => "paused",
                Life::Dead => "dead",
            };
            let detail = format!("host {name} is {word}: `{action}` does not apply");
            return refused(StatusCode::CONFLICT, detail);
        }
        _ => {
            let detail = format!("`{action}` is not one of kill, pause, resume");
            return refused(StatusCode::NOT_FOUND, detail);
        }
    }
    let host = list(driver).into_iter().find(|host| host.name == name.0);
    host.ok_or(Refused { status: StatusCode::NOT_FOUND, detail: format!("no host {name}") })
}

fn list(driver: &mut Driver) -> Vec<HostJson> {
    let views = driver.cluster.hosts();
    let one = |(name, slot): (&HostName, &crate::driver::slots::Slot)| {
        let view = views.iter().find(|view| view.host == *name);
        let state = match (slot.life, view.map(|view| view.state)) {
            (Life::Dead, _) => "dead",
            (_, None) => "starting",
            (_, Some(HostState::Unreachable)) => "unreachable",
            (_, Some(HostState::Gone)) => "gone",
            (Life::Paused, _) => "paused",
            (Life::Running, Some(HostState::Active)) => "active",
            (Life::Running, Some(HostState::Silent)) => "silent",
        };
        HostJson {
            name: name.0.clone(),
            state,
            agent_id: view.map(|view| view.agent_id.clone()),
            pid: slot.process.as_ref().map(|process| process.pid.as_raw()),
            port: slot.port,
            executors: view.map_or(0, |view| view.executors),
            cpus_milli: slot.config.cpus_milli,
            mem_bytes: slot.config.mem_bytes,
            disk_bytes: slot.config.disk_bytes,
            ports: slot.config.ports.clone(),
            attributes: slot.config.attributes.clone(),
        }
    };
    driver.slots.iter().map(one).collect()
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    with_type(status, "application/json", Bytes::from(bytes))
}

fn problem(refused: &Refused) -> Response<Body> {
    let value = json!({
        "type": "about:blank",
        "title": refused.status.canonical_reason().unwrap_or("refused"),
        "status": refused.status.as_u16(),
        "detail": refused.detail,
    });
    let bytes = serde_json::to_vec(&value).unwrap_or_default();
    with_type(refused.status, "application/problem+json", Bytes::from(bytes))
}
