//! What each ZooKeeper server is told: its ports, its file, its command line.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::daemon::Recipe;
use crate::folder::Folder;
use crate::java::Java;
use crate::ports::Port;
use crate::{Failure, ZooKeeperSpec};

const HEAP_MIB: u32 = 128;
const MAIN: &str = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
/// Quick ticks, and more patience in ticks than a loaded machine needs.
const TICK_MS: u32 = 200;
const INIT_TICKS: u32 = 150;
const SYNC_TICKS: u32 = 75;
const SESSION_MAX_MS: u32 = 120_000;

/// The ports of one server.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) client: Port,
    /// For followers, and for elections; unused by a server on its own.
    quorum: Option<(Port, Port)>,
}

pub(super) fn members(spec: &ZooKeeperSpec, folder: &Folder) -> Result<Vec<Member>, Failure> {
    let mut members = Vec::new();
    for index in 0..spec.servers {
        let offset = u16::try_from(index).unwrap_or(u16::MAX);
        let asked = if spec.port == 0 { 0 } else { spec.port.saturating_add(offset) };
        let client = Port::of(folder, &format!("zookeeper-{}", index + 1), asked)?;
        let quorum = if spec.servers > 1 { Some((Port::any()?, Port::any()?)) } else { None };
        members.push(Member { client, quorum });
    }
    Ok(members)
}

/// Writes the server's file, and says how it is started.
pub(super) fn recipe(
    spec: &ZooKeeperSpec,
    members: &[Member],
    index: usize,
    folder: &Folder,
    class_path: &str,
) -> Result<Recipe, Failure> {
    let number = index + 1;
    let data = folder.within(&format!("zookeeper-{number}.data"))?;
    let write = |path: &Path, text: String| {
        fs::write(path, text).map_err(|error| Failure::system(path.display(), error))
    };
    write(&data.join("myid"), format!("{number}\n"))?;
    let file = folder.path().join(format!("zookeeper-{number}.cfg"));
    write(&file, lines(spec, members, index, &data))?;
    let properties = [
        "-Dorg.slf4j.simpleLogger.showDateTime=true".to_owned(),
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS".to_owned(),
        "-Dzookeeper.jmx.log4j.disable=true".to_owned(),
    ];
    let java = Java {
        name: format!("zookeeper-{number}"),
        heap_mib: HEAP_MIB,
        class_path,
        properties: &properties,
        main: MAIN,
        dir: folder.path(),
    };
    Ok(java.recipe([file.into_os_string()]))
}

fn lines(spec: &ZooKeeperSpec, members: &[Member], index: usize, data: &Path) -> String {
    let mut text = format!(
        "tickTime={TICK_MS}\ninitLimit={INIT_TICKS}\nsyncLimit={SYNC_TICKS}\n\
         dataDir={data}\nclientPort={port}\nclientPortAddress=127.0.0.1\n\
         admin.enableServer=false\n4lw.commands.whitelist=*\nmaxClientCnxns=0\n\
         minSessionTimeout={least}\nmaxSessionTimeout={SESSION_MAX_MS}\nforceSync={sync}\n",
        data = data.display(),
        port = members[index].client.number,
        least = spec.min_session_timeout.as_millis(),
        sync = if spec.force_sync { "yes" } else { "no" },
    );
    for (number, member) in (1..).zip(members) {
        if let Some((quorum, election)) = &member.quorum {
            let (quorum, election) = (quorum.number, election.number);
            writeln!(text, "server.{number}=127.0.0.1:{quorum}:{election}")
                .expect("a text takes all that is written");
        }
    }
    text
}

#[cfg(test)]
mod tests;
