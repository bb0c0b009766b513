//! The one place where wire messages and domain values meet.
