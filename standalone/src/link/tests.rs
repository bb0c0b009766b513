//! Tests of the frames.

use super::*;

fn alive() -> FromHost {
    FromHost { word: Some(Word::Alive(true)) }
}

#[tokio::test]
async fn frames_come_out_whole_however_the_bytes_are_cut() {
    let hello = Hello { token: "t".into(), name: "h".into(), port: 7 };
    let said = [FromHost { word: Some(Word::Hello(hello)) }, alive()];
    let mut bytes = Vec::new();
    for message in &said {
        write(&mut bytes, message).await.unwrap();
    }
    for cut in 0..=bytes.len() {
        let source = AsyncReadExt::chain(&bytes[..cut], &bytes[cut..]);
        let mut reader = FrameReader::new(source);
        for message in &said {
            assert_eq!(reader.next::<FromHost>().await.unwrap().as_ref(), Some(message));
        }
        assert!(reader.next::<FromHost>().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_frame_that_is_too_large_is_refused_before_it_is_read() {
    let head = u32::MAX.to_be_bytes();
    let mut reader = FrameReader::new(&head[..]);
    assert!(matches!(reader.next::<FromHost>().await, Err(LinkError::TooLarge(_))));
}

#[tokio::test]
async fn what_has_shown_no_token_may_not_send_much() {
    let head = 20_000_u32.to_be_bytes();
    let mut reader = FrameReader::new(&head[..]).taking(16 * 1024);
    assert!(matches!(reader.next::<FromHost>().await, Err(LinkError::TooLarge(20_000))));
}
