//! Who is told of a pod that goes without its role, and who of a server that has no room.

use std::convert::Infallible;

use http_body_util::StreamBody;
use hyper::body::Frame;

use super::memory::{BODY_LIMIT, Memory};
use super::*;

#[tokio::test(start_paused = true)]
async fn a_service_account_that_is_not_there_is_an_event_on_the_controller() {
    let rig = Rig::admitting();
    let response = rig.review(&review("shop", &pod("nobody"))).await;
    assert!(response["warnings"][0].as_str().unwrap().contains("shop/nobody does not exist"), "{response}");
    let events = rig.api.written_events(1).await;
    assert_eq!(
        (&events[0]["regarding"]["name"], &events[0]["reason"]),
        (&json!("web-1"), &json!("PodIdentityLookupFailed"))
    );
    assert!(events[0]["note"].as_str().unwrap().contains("shop/nobody does not exist"), "{events:?}");
}

/// Its controller says so itself.
#[tokio::test(start_paused = true)]
async fn a_pod_that_is_denied_leaves_no_event() {
    let rig = Rig::denying();
    for account in ["nobody", "broken"] {
        assert_eq!(rig.review(&review("shop", &pod(account))).await["allowed"], false);
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.api.events(), 0);
}

/// A body that never comes.
type Stalled = StreamBody<futures::stream::Pending<Result<Frame<Bytes>, Infallible>>>;

fn stalled() -> Request<Stalled> {
    post(Bytes::new()).map(|_| StreamBody::new(futures::stream::pending()))
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let rig = Rig::admitting();
    let begun = tokio::time::Instant::now();
    let answer = rig.routes.clone().main(stalled()).await;
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
    assert!(begun.elapsed() <= Duration::from_secs(5), "{:?}", begun.elapsed());
    rig.assert_counted("error", "body_too_slow");
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_room_is_told_to_come_again() {
    let rig = Rig::admitting();
    let stalled: Vec<_> = (0..12).map(|_| tokio::spawn(rig.routes.clone().main(stalled()))).collect();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let (status, text) = rig.post(vec![b' '; 1024 * 1024]).await;
    assert_eq!((status, text.contains("try again")), (StatusCode::SERVICE_UNAVAILABLE, true), "{text}");
    rig.assert_counted("error", "busy");
    for stalled in stalled {
        assert_eq!(stalled.await.unwrap().status(), StatusCode::REQUEST_TIMEOUT);
    }
    assert_eq!(rig.post(vec![b' '; 1024 * 1024]).await.0, StatusCode::BAD_REQUEST, "there is room again");
}

#[tokio::test(start_paused = true)]
async fn room_that_others_leave_soon_is_waited_for() {
    let memory = Memory::default();
    let body = Full::new(Bytes::from(vec![b' '; BODY_LIMIT]));
    let mut held = Vec::new();
    while let Some(share) = memory.to_read(&body).await {
        held.push(share);
    }
    let leaving = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        drop(held);
    });
    assert!(memory.to_read(&body).await.is_some());
    leaving.await.unwrap();
}
