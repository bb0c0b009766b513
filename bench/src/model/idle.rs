//! Everything runs and nothing happens: memory, and the cost of a step.

use std::time::Instant;

use lathe_scheduler::framework::command::Command;
use lathe_scheduler::framework::event::{Event, TaskState};
use lathe_scheduler::framework::{Config, Framework};
use serde_json::{Value, json};

use super::scene::{BEGIN, Scene};
use crate::failure::Failure;
use crate::machine::memory_mib;

const ROUNDS: usize = 5;
const STEPS: u32 = 20_000;

pub(super) fn look(instances: u32) -> Result<Value, Failure> {
    let scene = Scene::of(instances)?;
    let mut framework = Framework::new(Config::default());
    let mut commands = Vec::new();
    framework.step(BEGIN, Event::Recovered(scene.recovered(1)), &mut commands);
    for event in scene.greetings() {
        framework.step(BEGIN, event, &mut commands);
        commands.clear();
    }
    for slot in 0..instances {
        let mut status = scene.status(slot, TaskState::Running, 0);
        status.reconciliation = true;
        status.uuid = None;
        framework.step(BEGIN, Event::StatusArrived(status), &mut commands);
        commands.clear();
    }
    let resident = memory_mib(std::process::id(), "VmRSS");
    let mut idle: Vec<f64> = (0..ROUNDS).map(|_| idle_ns(&mut framework)).collect();
    idle.sort_by(f64::total_cmp);
    let status_us = status_us(&mut framework, &scene, instances.min(20_000));
    Ok(json!({
        "instances": instances,
        "resident_mib": resident,
        "idle_ns": idle[ROUNDS / 2],
        "idle_ns_all": idle,
        "status_us": status_us,
    }))
}

/// Nothing is due: the step, and the question when to wake.
fn idle_ns(framework: &mut Framework) -> f64 {
    let mut commands = Vec::new();
    let started = Instant::now();
    for _ in 0..STEPS {
        framework.step(BEGIN, Event::TimePassed, &mut commands);
        std::hint::black_box(framework.next_deadline());
        commands.clear();
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(STEPS)
}

/// A status that changes something, and the word that its record is durable.
fn status_us(framework: &mut Framework, scene: &Scene, instances: u32) -> f64 {
    let mut commands = Vec::new();
    let started = Instant::now();
    for slot in 0..instances {
        let status = scene.status(slot, TaskState::Unreachable, 1);
        framework.step(BEGIN, Event::StatusArrived(status), &mut commands);
        for command in std::mem::take(&mut commands) {
            if let Command::Persist { batch, .. } = command {
                framework.step(BEGIN, Event::Persisted(batch), &mut commands);
            }
        }
        std::hint::black_box(framework.next_deadline());
        commands.clear();
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(instances)
}
