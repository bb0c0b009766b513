//! `lathe scale TASK N`: another number of instances, until the next file says otherwise.

use lathe_api::v1;
use lathe_api::v1::edit::What;

use super::carry;
use crate::args::{Find, Scale};
use crate::failure::Failure;
use crate::printer::Printer;

pub(crate) async fn run(find: &Find, asked: &Scale, printer: &Printer) -> Result<u8, Failure> {
    let what = What::Scale(v1::Scale { task: asked.task.clone(), count: asked.number });
    carry::by_hand(find, what, &asked.task, &asked.consent, printer).await
}
