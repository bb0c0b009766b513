//! `GET /v1/explain/{instance}`: why it is where it is, or why it waits, host by host.

use axum::Json;
use axum::extract::{Path, State};
use lathe_api::door::Problem;
use lathe_api::rest::{ExplainHost, ExplainRule, ExplainView};
use lathe_placement::{Objection, Share, Weighed, weigh};

use super::Shared;
use super::reads::stopping;
use crate::driver::Stopping;
use crate::framework::explain::{Explaining, OutOfUse};

pub(super) async fn explain(
    State(shared): State<Shared>,
    Path(instance): Path<String>,
) -> Result<Json<ExplainView>, Problem> {
    let found = shared.handle.explain(instance.clone()).await.map_err(stopping)?;
    let Some(explaining) = found else {
        return Err(Problem::not_found(format!("there is no instance `{instance}`")));
    };
    // Off the loop and off its threads: a large cluster has many hosts to weigh.
    let view = tokio::task::spawn_blocking(move || view_of(*explaining));
    view.await.map(Json).map_err(|_| stopping(Stopping))
}

fn view_of(explaining: Explaining) -> ExplainView {
    let Explaining { instance, last_end, early_ends, not_before_ms, task, slot, scene, out_of_use } =
        explaining;
    let weighed = scene.as_ref().map_or_else(Vec::new, |scene| {
        let at = (&task, slot);
        weigh(&scene.cluster, &scene.topology, &scene.running, &scene.options, at)
    });
    ExplainView {
        instance,
        wanted: scene.is_some(),
        last_end,
        early_ends,
        not_before_ms,
        hosts: weighed.into_iter().map(host_of).chain(out_of_use.into_iter().map(idle)).collect(),
    }
}

/// One that is not weighed, since it takes nothing.
fn idle(host: OutOfUse) -> ExplainHost {
    ExplainHost {
        host: host.host,
        here: host.here,
        out_of_use: Some(host.state.to_owned()),
        points: 0,
        excluded: Vec::new(),
        rules: Vec::new(),
    }
}

fn host_of(weighed: Weighed) -> ExplainHost {
    ExplainHost {
        out_of_use: None,
        host: weighed.host,
        here: weighed.here,
        points: weighed.points,
        excluded: weighed.excluded.into_iter().map(excluding).collect(),
        rules: weighed.rules.into_iter().map(adding).collect(),
    }
}

fn excluding(objection: Objection) -> ExplainRule {
    ExplainRule {
        code: Some(objection.code.to_string()),
        topology: objection.topology,
        task: objection.task.to_string(),
        statement: objection.statement,
        points: 0,
        sentence: objection.sentence,
    }
}

fn adding(share: Share) -> ExplainRule {
    ExplainRule {
        code: None,
        topology: share.topology,
        task: share.task.to_string(),
        statement: share.statement,
        points: share.points,
        sentence: share.sentence,
    }
}
