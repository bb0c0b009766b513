//! `lathe new NAME`: a crate with one task, its test and a topology that runs it.

use std::path::{Path, PathBuf};

use crate::args::New;
use crate::failure::{BAD_INPUT, Failure, OK};
use crate::printer::Printer;

/// The files of the template, as they stand in the SDK's folder.
const FILES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("../../../lathe-sdk/template/Cargo.toml.in")),
    ("src/main.rs", include_str!("../../../lathe-sdk/template/src/main.rs.in")),
    ("topology.toml", include_str!("../../../lathe-sdk/template/topology.toml.in")),
    ("README.md", include_str!("../../../lathe-sdk/template/README.md.in")),
];

pub(crate) fn run(asked: &New, printer: &Printer) -> Result<u8, Failure> {
    let folder = PathBuf::from(&asked.name);
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    check_name(&name)?;
    let sdk = find_sdk(asked.sdk.as_deref())?;
    if folder.exists() {
        let text = format!("{} is there already", folder.display());
        return Err(Failure::new(text).with_code(BAD_INPUT).with_hint("choose another name"));
    }
    for (file, text) in FILES {
        let path = folder.join(file);
        let text = text.replace("{{name}}", &name).replace("{{sdk}}", &sdk.display().to_string());
        let written = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&path, text));
        written.map_err(|error| Failure::io(format!("writing {}", path.display()), &error))?;
    }
    let shown = folder.display();
    printer.say(&format!("made {shown}: its task is in src/main.rs"));
    printer.say(&format!("  cd {shown} && cargo test          try its test"));
    printer.say(&format!("  lathe up {shown}/topology.toml   run it"));
    Ok(OK)
}

/// A name that cargo and a topology both take.
fn check_name(name: &str) -> Result<(), Failure> {
    let first = name.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    let rest = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let reserved = ["test", "core", "std", "alloc", "lathe", "self", "super", "crate", "build"];
    if first && rest && name.len() <= 64 && !reserved.contains(&name) {
        return Ok(());
    }
    let text = format!("`{name}` is no name for a crate");
    let hint = "use lower-case letters, digits and `_`, a letter first, as in `my_task`";
    Err(Failure::new(text).with_code(BAD_INPUT).with_hint(hint))
}

fn find_sdk(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lathe-sdk");
    let folder = named.map_or(own, Path::to_owned);
    let found = folder.canonicalize().ok().filter(|folder| folder.join("Cargo.toml").exists());
    found.ok_or_else(|| {
        let text = format!("there is no lathe-sdk in {}", folder.display());
        Failure::new(text).with_code(BAD_INPUT).with_hint("name its folder by --sdk")
    })
}
