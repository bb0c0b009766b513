//! ZooKeeper behind the store's client passes the contract that the local store passes: on one server
//! and on an ensemble, over ways that break. Each case has a folder of its own on a shared engine;
//! those that kill a server have an engine of their own.

#[path = "store/rig.rs"]
mod rig;

mod one_server {
    use super::rig::Rigged;

    lathe_coordination::contract_tests!(Rigged::shared(1).await, Rigged::own(1).await);
}

mod an_ensemble {
    use super::rig::Rigged;

    lathe_coordination::contract_tests!(Rigged::shared(3).await, Rigged::own(3).await);
}
