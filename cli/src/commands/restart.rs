//! `lathe restart WHAT`: new lives for what runs, one after another.

use lathe_api::v1;
use lathe_api::v1::edit::What;

use super::carry;
use crate::args::{Find, Restart};
use crate::failure::Failure;
use crate::printer::Printer;

pub(crate) async fn run(find: &Find, asked: &Restart, printer: &Printer) -> Result<u8, Failure> {
    let what = What::Restart(v1::Restart { what: asked.what.clone() });
    carry::by_hand(find, what, &asked.what, &asked.consent, printer).await
}
