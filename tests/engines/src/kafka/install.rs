//! Where the Kafka program comes from, and what an empty data folder of a broker holds.

use std::fs;
use std::path::{Path, PathBuf};

use super::config;
use crate::{Code, Failure, KafkaSpec, cache, maven, tool};

const NAME: &str = "kafka-4.3.1";
const POM: &str = include_str!("../../poms/kafka.xml");
const PINS: &str = include_str!("../../pins/kafka.sha256");
const STORAGE_TOOL: &str = "kafka.tools.StorageTool";
/// Any would do; every broker here is a cluster of its own.
const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";
/// Without a file Kafka logs nothing.
const LOGGING: &str = "\
rootLogger.level=info
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.target=SYSTEM_ERR
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{HH:mm:ss.SSS} %p %c{1} - %m%n
";

/// Its folder. Blocks while it is fetched.
pub(super) fn home() -> Result<PathBuf, Failure> {
    cache::provide(&cache::key(NAME, &[POM, PINS, LOGGING]), |home| {
        maven::fetch(NAME, POM, PINS, home)?;
        let logging = home.join("log4j2.properties");
        fs::write(&logging, LOGGING).map_err(|error| Failure::system(logging.display(), error))?;
        format(home)
    })
}

/// Formats a folder once, which takes a Java process a second; brokers get a copy.
fn format(home: &Path) -> Result<(), Failure> {
    let data = home.join("formatted");
    let file = home.join("format.properties");
    let text = config::properties(&KafkaSpec::default(), 9092, 9093, &data);
    fs::write(&file, text).map_err(|error| Failure::system(file.display(), error))?;
    let recipe = config::java(home, home, STORAGE_TOOL, "format");
    let recipe = recipe.args(["format", "--cluster-id", CLUSTER, "--config"]).args([&file]);
    let log = home.join("format.log");
    tool::run(&recipe.words(), home, &log, maven::HINT)?.map_err(|failed| {
        let what = format!("{NAME} cannot format a folder: {}", failed.account);
        Failure::new(Code::Build, what, "Kafka 4 needs Java 17 or newer")
    })
}

/// Makes a broker's first data folder; one that is in use stays as it is.
pub(super) fn fill(home: &Path, data: &Path) -> Result<(), Failure> {
    if data.join("meta.properties").is_file() {
        return Ok(());
    }
    let failed = |error| Failure::system(data.display(), error);
    for entry in fs::read_dir(home.join("formatted")).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        fs::copy(entry.path(), data.join(entry.file_name())).map_err(failed)?;
    }
    Ok(())
}
