//! Waiting with an end: everything that is waited for is looked at again and again until it is
//! there or the time is up.

use std::time::{Duration, Instant};

/// For whatever needs no compiler. Generous: a loaded machine is no failure.
pub const SOON: Duration = Duration::from_secs(60);
/// For whatever may compile crates first.
pub const BUILD: Duration = Duration::from_secs(600);

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Looks until there is something.
///
/// # Panics
/// When the time is up, with `what` was waited for.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited {} s for {what}", limit.as_secs());
        std::thread::sleep(LOOK_AGAIN);
    }
}
