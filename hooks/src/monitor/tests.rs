//! The machine before a model of the store, of programs and of time.

mod alarms;
mod crashes;
mod simulation;

mod story;
mod world;
