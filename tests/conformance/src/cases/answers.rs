//! Status codes of the scheduler API: every check comes before those below it.

use lathe_mesos::v1;
use lathe_mesos::v1::scheduler::{Call, call};
use lathe_mesos::wire;

use crate::messages::{framework_info, of_type};
use crate::{Framework, Kind, Request, Stage};

fn post(stage: &Stage) -> Request {
    Request::post(wire::SCHEDULER_PATH).signed(stage.credentials())
}

async fn status(stage: &Stage, request: Request) -> u16 {
    request.send(&stage.master()).await.status
}

fn subscribe(info: v1::FrameworkInfo) -> Call {
    let subscribe = call::Subscribe { framework_info: info, ..Default::default() };
    Call { subscribe: Some(subscribe), ..of_type(call::Type::Subscribe) }
}

/// Each request is wrong in all that comes later, too.
pub async fn refusals_come_in_the_order_of_the_checks(stage: &Stage) {
    let stranger = Request::post(wire::SCHEDULER_PATH).method("GET");
    let answer = stranger.send(&stage.master()).await;
    assert_eq!(answer.status, 401);
    assert!(answer.header("WWW-Authenticate").unwrap().starts_with("Basic realm="), "{answer:?}");
    let mut wrong = stage.credentials().clone();
    wrong.secret.push('!');
    assert_eq!(status(stage, stranger.signed(&wrong)).await, 401);

    let nonsense = b"\xff\xff\xff";
    assert_eq!(status(stage, post(stage).method("GET").bytes(nonsense)).await, 405);
    assert_eq!(status(stage, post(stage).bytes(nonsense)).await, 400);
    for kind in ["text/plain", "Application/X-Protobuf", "application/x-protobuf; charset=utf-8"] {
        let request = post(stage).header("Content-Type", kind).bytes(nonsense);
        assert_eq!(status(stage, request).await, 415, "{kind}");
    }
    let request = post(stage).header("Content-Type", wire::PROTOBUF).bytes(nonsense);
    assert_eq!(status(stage, request).await, 400);
    // Something is missing, and nothing that would be acceptable is asked for.
    let no_type = post(stage).header("Accept", "text/html").message(&Call::default());
    assert_eq!(status(stage, no_type).await, 400);
    let nothing = post(stage).header("Accept", "text/html");
    let nothing = nothing.message(&of_type(call::Type::Subscribe));
    assert_eq!(status(stage, nothing).await, 400);
    let nobody = post(stage).message(&of_type(call::Type::Revive));
    assert_eq!(status(stage, nobody).await, 400);

    let mut other = subscribe(framework_info());
    other.framework_id = Some(v1::FrameworkId { value: "one".into() });
    assert_eq!(status(stage, post(stage).message(&other)).await, 400, "two ids");
    let request = post(stage).header("Accept", "text/html").header(wire::STREAM_ID, "0");
    assert_eq!(status(stage, request.message(&subscribe(framework_info()))).await, 406);
    let request = post(stage).header(wire::STREAM_ID, "0");
    assert_eq!(status(stage, request.message(&subscribe(framework_info()))).await, 400);
    let info = v1::FrameworkInfo { principal: Some("somebody".into()), ..framework_info() };
    assert_eq!(status(stage, post(stage).message(&subscribe(info))).await, 400);
    let good = post(stage).header("Accept", wire::PROTOBUF);
    let answer = good.message(&subscribe(framework_info())).send(&stage.master()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("Content-Type"), Some(wire::PROTOBUF));
    assert!(answer.header(wire::STREAM_ID).is_some());
}

/// Of a framework that is known: the stream counts, and then the kind of call.
pub async fn who_is_not_subscribed_may_not_call(stage: &Stage) {
    let unknown = v1::FrameworkId { value: "nobody".into() };
    let revive = |id: &v1::FrameworkId| Call {
        framework_id: Some(id.clone()),
        ..of_type(call::Type::Revive)
    };
    assert_eq!(status(stage, post(stage).message(&revive(&unknown))).await, 400);

    let framework = Framework::new(stage).await;
    let (id, stream) = (framework.id(), framework.stream_id().to_owned());
    let good = post(stage).header(wire::STREAM_ID, &stream);
    let answer = good.clone().message(&revive(&id)).send(&stage.master()).await;
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    assert_eq!(status(stage, post(stage).message(&revive(&id))).await, 400, "no stream");
    let stale = post(stage).header(wire::STREAM_ID, "00000000-0000-0000-0000-000000000000");
    assert_eq!(status(stage, stale.message(&revive(&id))).await, 400, "another stream");
    // A kind that nobody knows is refused last of all. A Mesos 1.11 aborts when it counts such a call.
    if stage.kind() == Kind::Standalone {
        let unheard = Call { framework_id: Some(id.clone()), ..of_type(call::Type::Unknown) };
        assert_eq!(status(stage, good.clone().message(&unheard)).await, 501);
    }

    drop(framework);
    let gone = || async {
        let known = status(stage, good.clone().message(&revive(&id))).await;
        (known != 202).then_some(known)
    };
    let known = lathe_engines::until("the master to miss the stream", gone).await.unwrap();
    assert_eq!(known, 403);
    assert_eq!(status(stage, post(stage).message(&revive(&id))).await, 403, "before the stream");
}
