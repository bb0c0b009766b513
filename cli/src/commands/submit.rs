//! `lathe submit FILE`: whole or not at all.

use lathe_api::v1;
use lathe_api::v1::edit::What;

use super::carry::{self, Done, Order};
use super::change::Change;
use super::source::{Source, upload};
use crate::args::{Find, Submit};
use crate::client::Client;
use crate::failure::Failure;
use crate::printer::Printer;

pub(crate) async fn run(find: &Find, asked: &Submit, printer: &Printer) -> Result<u8, Failure> {
    let order = Order::of(&asked.consent)?;
    let source = Source::read(&asked.file, printer)?;
    let client = Client::find(find)?;
    let change = prepare(&client, &source, printer).await?;
    carry::run(&client, &change, &order, printer).await
}

/// Builds, uploads, and carries it out.
pub(crate) async fn submit(
    client: &Client,
    source: &Source,
    order: &Order,
    printer: &Printer,
) -> Result<Done, Failure> {
    let change = prepare(client, source, printer).await?;
    carry::carry_out(client, &change, order, printer).await
}

/// The crates built and their binaries where the scheduler finds them.
async fn prepare<'a>(
    client: &Client,
    source: &'a Source,
    printer: &Printer,
) -> Result<Change<'a>, Failure> {
    let built = source.build(printer).await?;
    upload(client, &built).await?;
    let edit = v1::Edit { what: Some(What::Submission(source.submission(&built))) };
    let name = &source.topology.name;
    Ok(Change { edit, subject: name.clone(), topology: Some(name.clone()), source: Some(source) })
}
