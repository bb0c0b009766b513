//! Compiles the descriptions of the Mesos v1 messages in `proto/` into Rust and into a descriptor
//! set. Needs no `protoc`; knows nothing of what the messages are used for.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut files = protox::compile(
        [
            "mesos/v1/scheduler/scheduler.proto",
            "mesos/v1/executor/executor.proto",
            "mesos/v1/master/master.proto",
            "mesos/v1/agent/agent.proto",
        ],
        ["proto"],
    )?;
    prost_build::Config::new()
        // Offers and status updates carry opaque data: it is shared, not copied.
        .bytes(["."])
        // Encoding must not depend on the order of a hash.
        .btree_map(["."])
        .compile_fds(files.clone())?;

    // The comments are in the Rust code by now; the set that is shipped does without.
    for file in &mut files.file {
        file.source_code_info = None;
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("mesos_v1.descriptors"), files.encode_to_vec())?;
    Ok(())
}
