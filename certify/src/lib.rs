//! Checks certificates of placement (`docs/certificate.md`) without trusting what wrote them.
//!
//! Owns a reading of its own of hosts, of what runs and of certificates, and a search for the best
//! pattern of one place. It uses the language of topology files and nothing else of Lathe: an error of
//! the engine must not hide here.

mod certificate;
mod check;
mod hosts;
mod pattern;
mod place;
mod runs;
mod scene;

pub use certificate::{Certificate, Claim, Counted, Part, PlaceClass};
pub use check::{Proved, Rejected, check};
pub use scene::Scene;
