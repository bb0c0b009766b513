//! What is to be otherwise, by a file or by hand.
//!
//! Must not know how it is planned or carried out.

use lathe_api::v1;

use super::source::Source;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::report;

/// What is to be otherwise.
pub(crate) struct Change<'a> {
    pub edit: v1::Edit,
    /// What lines about it begin with.
    pub subject: String,
    /// The topology that it concerns, where that is known.
    pub topology: Option<String>,
    /// The file that refusals point into.
    pub source: Option<&'a Source>,
}

impl Change<'_> {
    /// A refusal of it, with the lines of the file where there is one.
    pub(crate) fn refusal(&self, refused: &v1::Refusal, printer: &Printer) -> Failure {
        match self.source {
            Some(source) => source.refusal(printer, refused),
            None => report::refuse(printer, None, refused),
        }
    }
}
