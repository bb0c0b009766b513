//! Tests of the door's `secret`.
