//! The transcripts of `drills/`: each must be what its commands show now.
//!
//! `LATHE_UPDATE_DRILLS=1` writes them instead of comparing.

#[path = "pages/walk.rs"]
mod walk;

use lathe_sim::drill::rewritten;

#[test]
fn every_drill_shows_what_stands_in_it() {
    walk::compare(("drills", "txt"), rewritten, "LATHE_UPDATE_DRILLS");
}
