//! Bodies keep their bytes, their order and their limits.

use std::pin::Pin;

use http_body::Body as _;

use super::{Body, BodyError, Closed};

#[tokio::test]
async fn a_whole_body_is_given_once() {
    let mut body = Body::from("hello");
    assert_eq!(body.size_hint().exact(), Some(5));
    assert_eq!(body.chunk().await.unwrap().unwrap(), "hello");
    assert!(body.chunk().await.is_none());
    assert!(body.is_end_stream());
    assert!(Body::empty().is_end_stream());
}

#[tokio::test]
async fn a_long_body_is_given_in_pieces_and_stays_whole() {
    let long: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let mut body = Body::from(long.clone());
    let (mut all, mut pieces) = (Vec::new(), 0);
    while let Some(piece) = body.chunk().await {
        all.extend_from_slice(&piece.unwrap());
        pieces += 1;
        assert_eq!(body.size_hint().exact(), Some((long.len() - all.len()) as u64));
    }
    assert_eq!((all == long, pieces), (true, 4));
}

#[tokio::test]
async fn collecting_stops_at_the_limit() {
    assert_eq!(Body::from("12345").collect(5).await.unwrap(), "12345");
    let error = Body::from("123456").collect(5).await.unwrap_err();
    assert!(matches!(error, BodyError::TooLarge { limit: 5 }), "{error:?}");
    let (sender, body) = Body::channel();
    tokio::spawn(async move { while sender.send("123").await.is_ok() {} });
    let error = body.collect(10).await.unwrap_err();
    assert!(matches!(error, BodyError::TooLarge { limit: 10 }), "{error:?}");
}

#[tokio::test]
async fn a_streamed_body_waits_for_its_reader_and_tells_of_its_end() {
    let (sender, mut body) = Body::channel();
    for piece in 0..8 {
        sender.send(piece.to_string()).await.unwrap();
    }
    let mut ninth = Box::pin(sender.send("8"));
    assert!(futures_poll(ninth.as_mut()).await.is_none(), "eight pieces wait at most");
    assert_eq!(body.chunk().await.unwrap().unwrap(), "0");
    ninth.await.unwrap();
    drop(body);
    assert_eq!(sender.send("9").await, Err(Closed));
}

#[tokio::test]
async fn an_aborted_body_is_not_taken_for_whole() {
    let (sender, body) = Body::channel();
    sender.send("half").await.unwrap();
    sender.abort("the disk is gone").await;
    let error = body.collect(100).await.unwrap_err();
    assert!(matches!(error, BodyError::Source(_)), "{error:?}");
}

/// Polls once.
async fn futures_poll<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match future.as_mut().poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
