//! The machine before a model of disks, programs and time.

mod contract;
mod crashes;
mod properties;
mod world;
