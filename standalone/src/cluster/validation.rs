//! Whether a call is well formed, before anything is known of who calls.
//!
//! It owns the texts of the refusals (those of Mesos, which clients read) and must not know
//! frameworks, hosts or tasks.

use lathe_mesos::v1::{executor, scheduler};

/// The text after `Failed to validate scheduler::Call: `, or nothing when the call is well formed.
pub fn check_scheduler_call(call: &scheduler::Call, principal: Option<&str>) -> Result<(), String> {
    let _ = (call, principal);
    Ok(())
}

/// The text after `Failed to validate Executor::Call: `, or nothing when the call is well formed.
pub fn check_executor_call(call: &executor::Call) -> Result<(), String> {
    let _ = call;
    Ok(())
}
