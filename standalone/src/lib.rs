//! The stand-in for Apache Mesos on one machine: a master that speaks the Mesos v1 messages, a
//! process for each virtual host, and the server of Lathe's own store.
//!
//! It owns the imitation of Mesos and nothing of Lathe: no topology, no catalog, no scheduler.
//! [`cluster`] is the pure machine (master and agents as one), everything else carries it out.

pub mod cluster;
