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
    let previous = if asked.previous { "&previous=true" } else { "" };
    let base = format!("/v1/logs/{}?file={}{previous}", segment(&asked.instance), segment(file));
    let end: LogPiece = client.read(&base).await?;
    let mut incarnation = end.incarnation;
    let mut offset = end.size.saturating_sub(asked.bytes);
    loop {
        let piece: LogPiece = client.read(&format!("{base}&offset={offset}")).await?;
        if piece.incarnation != incarnation || piece.size < offset {
            // Another life, or the file was rotated: from its beginning.
            incarnation = piece.incarnation;
            offset = 0;
            continue;
        }
        if asked.json && piece.length > 0 {
            printer.json(&piece, false);
        } else if !asked.json {
            printer.raw(&piece.text);
        }
        offset += piece.length;
        if offset < piece.size {
            continue;
        }
        if !asked.follow || printer.is_unread() {
            return Ok(OK);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            _ = tokio::signal::ctrl_c() => return Ok(OK),
        }
    }
}
