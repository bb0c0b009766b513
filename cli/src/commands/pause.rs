//! `lathe pause` and `lathe resume`: whether other contents may take the place of what runs.

use lathe_api::v1;
use lathe_api::v1::edit::What;

use super::carry;
use crate::args::{Find, Pause};
use crate::failure::Failure;
use crate::printer::Printer;

pub(crate) async fn run(
    find: &Find,
    asked: &Pause,
    paused: bool,
    printer: &Printer,
) -> Result<u8, Failure> {
    let what = What::Pause(v1::Pause { topology: asked.topology.clone(), paused });
    carry::by_hand(find, what, &asked.topology, &asked.consent, printer).await
}
