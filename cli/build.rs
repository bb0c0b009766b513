//! Takes the pages of the codes into the binary, so that `lathe explain` needs no file.
//!
//! Owns that table. It must not read the pages: the compiler includes them.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../docs/errors");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages: Vec<(String, PathBuf)> = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if stem.starts_with("LT") && path.extension().is_some_and(|end| end == "md") {
            pages.push((stem.to_owned(), fs::canonicalize(&path)?));
        }
    }
    pages.sort();
    let mut table = String::from("[\n");
    for (code, path) in &pages {
        writeln!(table, "    ({code:?}, include_str!({:?})),", path.display().to_string())?;
    }
    table.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("pages.rs"), table)?;
    Ok(())
}
