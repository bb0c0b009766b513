//! Bytes that nobody would send, for every parser that reads from outside.
//!
//! Owns the table of targets, the corpus and the mutator. A target is a function that takes any
//! bytes; it must return, whatever they are: a panic, an answer that takes too long, memory beyond
//! the input's measure is a finding. What a parser should say of an input is for its own tests.

pub mod corpus;
pub mod mutate;
pub mod run;
pub mod seeds;
mod targets;

pub use targets::{Target, all};
