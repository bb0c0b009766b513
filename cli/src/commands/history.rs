//! `lathe history TOPOLOGY`: what it said before.

use lathe_api::rest::RevisionView;

use crate::args::{Find, History};
use crate::client::{Client, segment};
use crate::failure::{Failure, OK};
use crate::printer::{Cell, Column, Printer, Row, Table, Tone, utc};

const COLUMNS: [Column; 4] = [
    Column::whole("REVISION"),
    Column::whole("SUBMITTED"),
    Column::whole("INSTANCES"),
    Column::cut("CAUSE", 24),
];

pub(crate) async fn run(find: &Find, asked: &History, printer: &Printer) -> Result<u8, Failure> {
    let client = Client::find(find)?;
    let path = format!("/v1/topologies/{}/history", segment(&asked.topology));
    let revisions: Vec<RevisionView> = client.read(&path).await?;
    if asked.json {
        printer.json(&revisions, true);
    } else {
        let rows = revisions.iter().map(row).collect();
        printer.data(&printer.table(&Table::new(COLUMNS, rows)));
    }
    Ok(OK)
}

fn row(one: &RevisionView) -> Row {
    let number = if one.present {
        Cell::toned(format!("{} now", one.revision), Some(Tone::Good))
    } else {
        one.revision.to_string().into()
    };
    let wanted: u32 = one.tasks.iter().map(|task| task.wanted).sum();
    Row::new([
        number,
        utc(one.submitted_ms).into(),
        wanted.to_string().into(),
        one.cause.as_str().into(),
    ])
}
