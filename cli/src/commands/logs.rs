//! `lathe logs INSTANCE`: what it has printed, from its sandbox.

use std::time::Duration;

use lathe_api::rest::LogPiece;

use crate::args::{Find, Logs};
use crate::client::{Client, segment};
use crate::failure::{Failure, OK};
use crate::printer::Printer;

const LOOK_AGAIN: Duration = Duration::from_millis(300);

pub(crate) async fn run(find: &Find, asked: &Logs, printer: &Printer) -> Result<u8, Failure> {
    let client = Client::find(find)?;
    let file = match &asked.file {
        Some(name) => name.as_str(),
        None if asked.stderr => "task.err",
        None => "task.out",
    };
    let present = format!("/v1/logs/{}?file={}", segment(&asked.instance), segment(file));
    let before = format!("{present}&previous=true");
    let first = if asked.previous { &before } else { &present };
    let end: LogPiece = client.read(first).await?;
    let mut place = Place { offset: end.size.saturating_sub(asked.bytes), of: end.incarnation };
    print(&client, first, &mut place, (asked.json, printer)).await?;
    if asked.previous && asked.follow {
        // What has ended grows no more: who follows wants to see how it goes on.
        place.of.clear();
    }
    while asked.follow && !printer.is_unread() {
        if place.of.is_empty() {
            let now: LogPiece = client.read(&present).await?;
            printer.say(&format!("--- {} goes on", now.incarnation));
            place = Place { of: now.incarnation, offset: 0 };
        }
        print(&client, &present, &mut place, (asked.json, printer)).await?;
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            _ = tokio::signal::ctrl_c() => return Ok(OK),
        }
    }
    Ok(OK)
}

/// How far a life's file was shown.
struct Place {
    of: String,
    offset: u64,
}

/// Shows what there is beyond this place.
async fn print(
    client: &Client,
    path: &str,
    place: &mut Place,
    (json, printer): (bool, &Printer),
) -> Result<(), Failure> {
    loop {
        let piece: LogPiece = client.read(&format!("{path}&offset={}", place.offset)).await?;
        if piece.incarnation != place.of || piece.size < place.offset {
            // Another life, or the file was rotated: from its beginning.
            *place = Place { of: piece.incarnation, offset: 0 };
            continue;
        }
        if json && piece.length > 0 {
            printer.json(&piece, false);
        } else if !json {
            printer.raw(&piece.text);
        }
        place.offset += piece.length;
        if place.offset >= piece.size {
            return Ok(());
        }
    }
}
