//! Tests of the door's `guard`.
