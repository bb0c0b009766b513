//! `lathe rollback TOPOLOGY`: what an earlier revision said, as a new one.

use lathe_api::v1;
use lathe_api::v1::edit::What;

use super::carry;
use crate::args::{Find, Rollback};
use crate::failure::Failure;
use crate::printer::Printer;

pub(crate) async fn run(find: &Find, asked: &Rollback, printer: &Printer) -> Result<u8, Failure> {
    let revision = asked.to.unwrap_or_default();
    let what = What::Rollback(v1::Rollback { topology: asked.topology.clone(), revision });
    carry::by_hand(find, what, &asked.topology, &asked.consent, printer).await
}
