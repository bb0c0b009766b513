//! What each ZooKeeper server is told: its ports, its file, its command line.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use crate::daemon::Recipe;
use crate::folder::Folder;
use crate::java::Java;
use crate::ports::Port;
use crate::{Failure, ZooKeeperPlace, ZooKeeperSpec};

const HEAP_MIB: u32 = 128;
const MAIN: &str = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
/// Quick ticks, and more patience in ticks than a loaded machine needs.
const TICK_MS: u32 = 200;
const INIT_TICKS: u32 = 150;
const SYNC_TICKS: u32 = 75;
const SESSION_MAX_MS: u32 = 120_000;
/// For clients, followers and elections, where a server has a host of its own.
const USUAL_PORTS: [u16; 3] = [2181, 2888, 3888];

/// Where one server listens.
#[derive(Debug)]
pub(super) struct Member {
    address: Ipv4Addr,
    client: Port,
    /// For followers, and for elections; unused by a server on its own.
    quorum: Option<(Port, Port)>,
}

impl Member {
    fn at(place: &ZooKeeperPlace) -> Self {
        let [client, quorum, election] = USUAL_PORTS.map(Port::elsewhere);
        Self { address: place.address, client, quorum: Some((quorum, election)) }
    }

    /// Where clients are served.
    pub(super) fn client(&self) -> SocketAddr {
        (self.address, self.client.number).into()
    }
}

pub(super) fn members(spec: &ZooKeeperSpec, folder: &Folder) -> Result<Vec<Member>, Failure> {
    if !spec.places.is_empty() {
        return Ok(spec.places.iter().map(Member::at).collect());
    }
    let mut members = Vec::new();
    for index in 0..spec.servers {
        let offset = u16::try_from(index).unwrap_or(u16::MAX);
        let asked = if spec.port == 0 { 0 } else { spec.port.saturating_add(offset) };
        let client = Port::of(folder, &format!("zookeeper-{}", index + 1), asked)?;
        let quorum = if spec.servers > 1 { Some((Port::any()?, Port::any()?)) } else { None };
        members.push(Member { address: Ipv4Addr::LOCALHOST, client, quorum });
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
    let recipe = java.recipe([file.into_os_string()]);
    let within = spec.places.get(index).map_or(&[][..], |place| &place.within);
    let Some((program, first)) = within.split_first() else { return Ok(recipe) };
    let words = first.iter().map(OsString::as_os_str).chain(recipe.words());
    let args = words.map(ToOwned::to_owned).collect();
    Ok(Recipe { program: program.into(), args, ..recipe })
}

fn lines(spec: &ZooKeeperSpec, members: &[Member], index: usize, data: &Path) -> String {
    let mut text = format!(
        "tickTime={TICK_MS}\ninitLimit={INIT_TICKS}\nsyncLimit={SYNC_TICKS}\n\
         dataDir={data}\nclientPort={port}\nclientPortAddress={address}\n\
         admin.enableServer=false\n4lw.commands.whitelist=*\nmaxClientCnxns=0\n\
         minSessionTimeout={least}\nmaxSessionTimeout={SESSION_MAX_MS}\nforceSync={sync}\n",
        data = data.display(),
        port = members[index].client.number,
        address = members[index].address,
        least = spec.min_session_timeout.as_millis(),
        sync = if spec.force_sync { "yes" } else { "no" },
    );
    for (number, member) in (1..).zip(members) {
        if let Some((quorum, election)) = &member.quorum {
            let (quorum, election) = (quorum.number, election.number);
            writeln!(text, "server.{number}={}:{quorum}:{election}", member.address)
                .expect("a text takes all that is written");
        }
    }
    text
}

#[cfg(test)]
mod tests;
