//! Tests of the door's `serve`.
