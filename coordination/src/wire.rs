//! Frames of the local store.
