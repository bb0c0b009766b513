//! Waiting with an end: what is waited for is looked at again and again until it is there or the
//! time is up.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::{Code, Failure};

/// Long enough for anything here on a loaded machine; no measure of anything.
pub const SOON: Duration = Duration::from_secs(120);

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Looks until there is something.
///
/// # Errors
/// When the time is up, with `what` was waited for.
pub async fn until<T, F>(what: &str, mut look: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Option<T>>,
{
    until_ok(what, || {
        let looked = look();
        async { Ok(looked.await) }
    })
    .await
}

/// The same, for a look that can see that it will never be there.
pub(crate) async fn until_ok<T, F>(what: &str, mut look: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<Option<T>, Failure>>,
{
    let end = Instant::now() + SOON;
    loop {
        match timeout_at(end, look()).await {
            Ok(Ok(Some(found))) => return Ok(found),
            Ok(Err(failure)) => return Err(failure),
            Ok(Ok(None)) if Instant::now() < end => sleep(LOOK_AGAIN).await,
            Ok(Ok(None)) | Err(_) => {
                let what = format!("waited {} s for {what}", SOON.as_secs());
                let hint = "the logs, which are kept when a test fails, may say why";
                return Err(Failure::new(Code::Late, what, hint));
            }
        }
    }
}
