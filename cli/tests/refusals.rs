//! What the command line itself refuses, with real crates and files and without a cluster: the exit
//! code, the text (`tests/ui/LTnnnn-what.txt`) and the same as JSON.
//!
//! With `LATHE_UPDATE_UI=1` the texts are written instead of compared.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// What a command did.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::Builder::new().prefix("lathe-refusals-").tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// A crate `name` 0.1.0 in a folder of that name, and a topology that wants its task `m::T`.
    fn of_crate(&self, name: &str, main: &str) {
        self.write(
            &format!("{name}/Cargo.toml"),
            format!("[workspace]\n[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
        );
        self.write(&format!("{name}/src/main.rs"), main);
        self.write(&format!("{name}.toml"), wanting(name, "0.1.0"));
    }

    fn lathe(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lathe"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("CARGO") && name != "CARGO_HOME" || name.starts_with("LATHE_") {
                command.env_remove(name);
            }
        }
        command.current_dir(self.path()).args(arguments);
        command.env("LATHE_HOME", self.path().join("home"));
        command.env("LATHE_CACHE", self.path().join("cache"));
        let output = command.output().unwrap();
        Said {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// A plan for a scheduler that is not there: crates come first.
    fn plan(&self, file: &str) -> Said {
        self.lathe(&["plan", "--json", "--scheduler", "http://127.0.0.1:1", file])
    }
}

fn wanting(name: &str, version: &str) -> String {
    format!(
        "[task.{name}]\ncrate = \"{name}\"\nversion = \"{version}\"\ntask = \"m::T\"\ntasks = 1\npath = \"{name}\"\n"
    )
}

/// Compares with `ui/NAME.txt`, and the JSON with what every problem has.
fn refused(folder: &Folder, said: &Said, name: &str, exit: i32) -> Value {
    assert_eq!(said.code, Some(exit), "{name}: {}", said.err);
    let whole: Value = serde_json::from_str(&said.out).unwrap();
    let problem = &whole["problems"][0];
    let mut err = said.err.clone();
    if let Some(output) = problem["output"].as_str() {
        // What cargo says is its own matter, and may change.
        assert!(err.contains(output), "{err}");
        err = err.replace(output, "OUTPUT");
    }
    let own = folder.path().to_str().unwrap();
    let told = |line: &&str| !line.starts_with("building ") && !line.starts_with("built ");
    let text =
        err.lines().filter(told).collect::<Vec<_>>().join("\n").replace(own, "FOLDER") + "\n";
    let expected =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui").join(format!("{name}.txt"));
    if std::env::var_os("LATHE_UPDATE_UI").is_some() {
        fs::write(&expected, &text).unwrap();
    } else {
        assert_eq!(text, fs::read_to_string(&expected).unwrap_or_default(), "{name}");
    }
    let code = &name[..6];
    assert!(text.contains(&format!("error[{code}]: ")), "{text}");
    assert_eq!((&whole["ok"], &whole["exit"]), (&Value::from(false), &Value::from(exit)));
    assert_eq!(problem["code"], code);
    assert_eq!(problem["severity"], "error");
    assert_eq!(problem["page"], format!("docs/errors/{code}.md"));
    assert!(!problem["title"].as_str().unwrap().is_empty());
    assert!(text.contains(problem["message"].as_str().unwrap()), "{problem}\n{text}");
    assert!(text.contains(problem["hint"].as_str().unwrap()), "{problem}\n{text}");
    whole
}

#[test]
fn a_crate_that_is_not_there_is_named_with_what_is() {
    let folder = Folder::new();
    folder.of_crate("web", "fn main() {}");
    folder.write("version.toml", wanting("web", "0.2.0"));
    let whole = refused(&folder, &folder.plan("version.toml"), "LT0301-version", 2);
    let problem = &whole["problems"][0];
    assert_eq!(problem["file"], "version.toml");
    assert_eq!((&problem["line"], &problem["column"]), (&Value::from(3), &Value::from(1)));
    assert_eq!(problem["parties"], serde_json::json!(["web"]));
    folder
        .write("nowhere.toml", wanting("web", "0.1.0").replace("path = \"web\"", "path = \"wbe\""));
    refused(&folder, &folder.plan("nowhere.toml"), "LT0301-folder", 2);
    folder.write(
        "several.toml",
        "[crates]\npaths = [\"./*\"]\n[defaults]\ncrate = \"web\"\ntask = \"m::T\"\ntasks = 1\n\
         version = \"0.3.0\"\n[task.a]\n[task.b]\n[task.c]\nversion = \"0.4.0\"\n",
    );
    let whole = refused(&folder, &folder.plan("several.toml"), "LT0301-several", 2);
    assert_eq!(whole["problems"].as_array().unwrap().len(), 2, "all that are missing: {whole}");
    folder.write(
        "git.toml",
        wanting("web", "0.1.0").replace("path = \"web\"", "git = \"file:///no\""),
    );
    refused(&folder, &folder.plan("git.toml"), "LT0301-git", 2);
}

#[test]
fn a_crate_that_does_not_build_is_shown_with_what_cargo_says() {
    let folder = Folder::new();
    folder.of_crate("broken", "fn main() { no_such_function() }\n");
    let whole = refused(&folder, &folder.plan("broken.toml"), "LT0302-rust", 2);
    assert!(whole["problems"][0]["output"].as_str().unwrap().contains("E0425"), "{whole}");

    folder.of_crate("manifest", "fn main() {}");
    folder.write("manifest/Cargo.toml", "[package\n");
    refused(&folder, &folder.plan("manifest.toml"), "LT0302-manifest", 2);

    folder.of_crate("library", "");
    fs::rename(folder.path().join("library/src/main.rs"), folder.path().join("library/src/lib.rs"))
        .unwrap();
    refused(&folder, &folder.plan("library.toml"), "LT0302-library", 2);

    folder.of_crate("two", "");
    fs::remove_file(folder.path().join("two/src/main.rs")).unwrap();
    folder.write("two/src/bin/a.rs", "fn main() {}");
    folder.write("two/src/bin/b.rs", "fn main() {}");
    refused(&folder, &folder.plan("two.toml"), "LT0302-two", 2);

    folder.of_crate("dependency", "fn main() {}");
    let manifest = fs::read_to_string(folder.path().join("dependency/Cargo.toml")).unwrap();
    folder
        .write("dependency/Cargo.toml", manifest + "[dependencies]\nnobody = { path = \"no\" }\n");
    refused(&folder, &folder.plan("dependency.toml"), "LT0302-dependency", 2);

    folder.of_crate("script", "fn main() {}");
    folder.write("script/build.rs", "fn main() { println!(\"cargo::error=needs libfoo\") }\n");
    let said = folder.plan("script.toml");
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("error[LT0302]") && said.err.contains("needs libfoo"),
        "{}",
        said.err
    );
}

/// A program that answers as one of the SDK does.
const ANSWERS: &str = r##"fn main() { print!("{}", r#"{"tasks":["m::One","m::Two"]}"#) }"##;

#[test]
fn a_task_that_the_binary_does_not_have_is_named_with_those_that_it_has() {
    let folder = Folder::new();
    folder.of_crate("web", ANSWERS);
    let whole = refused(&folder, &folder.plan("web.toml"), "LT0303-task", 2);
    assert_eq!(whole["problems"][0]["line"], 4, "at the key: {whole}");
}

#[test]
fn a_beat_is_not_waited_for_where_there_is_no_sdk() {
    let folder = Folder::new();
    folder.of_crate("old", "fn main() {}");
    folder.write("old.toml", wanting("old", "0.1.0") + "health = { kind = \"beat\" }\n");
    let whole = refused(&folder, &folder.plan("old.toml"), "LT0305-beat", 2);
    assert_eq!(whole["problems"][0]["line"], 7, "at the key: {whole}");
}

#[test]
fn a_binary_that_this_machine_cannot_run_is_refused_before_anything_is_uploaded() {
    let folder = Folder::new();
    // Stands for cargo, and says that it has built what no machine runs.
    folder.of_crate("web", "fn main() {}");
    folder.write("no-program", "plain text");
    let script = "#!/bin/sh\n[ \"$1\" = build ] || exec cargo \"$@\"\n\
        printf '{\"reason\":\"compiler-artifact\",\"package_id\":\"path+file:///web#0.1.0\",\
        \"manifest_path\":\"/web/Cargo.toml\",\"target\":{\"kind\":[\"bin\"],\"crate_types\":[\"bin\"],\
        \"name\":\"web\",\"src_path\":\"/web/src/main.rs\",\"edition\":\"2024\",\"doc\":true,\
        \"doctest\":false,\"test\":true},\"profile\":{\"opt_level\":\"3\",\"debuginfo\":0,\
        \"debug_assertions\":false,\"overflow_checks\":false,\"test\":false},\"features\":[],\
        \"filenames\":[],\"executable\":\"%s/no-program\",\"fresh\":false}\\n' \"$OWN\"\n";
    folder.write("cargo", script.replace("$OWN", folder.path().to_str().unwrap()));
    let cargo = folder.path().join("cargo");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let with = |folder: &Folder| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lathe"));
        command.current_dir(folder.path()).env("CARGO", &cargo);
        command.env("LATHE_HOME", folder.path().join("home"));
        command.env("LATHE_CACHE", folder.path().join("cache"));
        command.args(["plan", "--json", "--scheduler", "http://127.0.0.1:1", "web.toml"]);
        let output = command.output().unwrap();
        Said {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    };
    refused(&folder, &with(&folder), "LT0304-text", 2);
    // A program of another kind of machine: the head of a real one with another processor's number.
    let mut program = fs::read(env!("CARGO_BIN_EXE_lathe")).unwrap();
    program.truncate(4096);
    program[18..20].copy_from_slice(&[0xf3, 0x00]);
    folder.write("no-program", &program);
    fs::set_permissions(folder.path().join("no-program"), fs::Permissions::from_mode(0o755))
        .unwrap();
    let said = with(&folder);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("error[LT0304]") && said.err.contains("built for"), "{}", said.err);
}

#[test]
fn arguments_that_mean_nothing_are_refused() {
    let folder = Folder::new();
    let explained = folder.lathe(&["explain", "--json", "LT0250"]);
    refused(&folder, &explained, "LT0701-code", 2);
    refused(&folder, &folder.lathe(&["explain", "--json", "nobody"]), "LT0701-what", 2);
}

#[test]
fn files_that_cannot_be_read_are_refused_with_what_is_there() {
    let folder = Folder::new();
    folder.write("my_topology.toml", wanting("web", "0.1.0"));
    refused(&folder, &folder.lathe(&["check", "--json", "my_topolgy.toml"]), "LT0702-missing", 2);
    refused(&folder, &folder.lathe(&["check", "--json", "."]), "LT0702-folder", 2);
    // A pipe without a writer would be waited for, and a device never ends.
    let made = Command::new("mkfifo").arg(folder.path().join("pipe.toml")).status().unwrap();
    assert!(made.success());
    refused(&folder, &folder.lathe(&["check", "--json", "pipe.toml"]), "LT0702-pipe", 2);
    refused(&folder, &folder.lathe(&["check", "--json", "/dev/zero"]), "LT0702-device", 2);
    refused(&folder, &folder.lathe(&["check", "--json", "no/such.toml"]), "LT0702-no-folder", 2);
}

#[test]
fn files_that_are_no_text_or_too_long_are_refused() {
    let folder = Folder::new();
    folder.write("utf8.toml", b"[task.a]\ncrate = \"caf\xe9\"\n");
    let whole =
        refused(&folder, &folder.lathe(&["check", "--json", "utf8.toml"]), "LT0101-utf8", 2);
    assert_eq!(whole["problems"][0]["span"], serde_json::json!({ "start": 21, "end": 22 }));
    folder.write("utf16.toml", b"\xff\xfe[\0t\0a\0s\0k\0");
    refused(&folder, &folder.lathe(&["check", "--json", "utf16.toml"]), "LT0101-utf16", 2);
    folder.write("large.toml", vec![b'#'; 10 * 1024 * 1024]);
    refused(&folder, &folder.lathe(&["check", "--json", "large.toml"]), "LT0103-large", 2);
    folder.write("bom.toml", format!("\u{feff}{}", wanting("web", "0.1.0").replace('\n', "\r\n")));
    assert_eq!(folder.lathe(&["check", "bom.toml"]).code, Some(0));
}

#[test]
fn a_good_file_is_told_as_json_with_its_warnings() {
    let folder = Folder::new();
    folder.write("web.toml", wanting("web", "0.1.0") + "tagz = [\"a\"]\n");
    let said = folder.lathe(&["check", "--json", "web.toml"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let whole: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(whole["ok"], true);
    assert_eq!((&whole["tasks"], &whole["instances"]), (&Value::from(1), &Value::from(1)));
    let problem = &whole["problems"][0];
    assert_eq!((&problem["code"], &problem["severity"]), (&"LT0110".into(), &"warning".into()));
    let fields: Vec<&str> = problem.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        [
            "code", "column", "file", "hint", "labels", "line", "message", "output", "page",
            "parties", "repairs", "severity", "span", "title"
        ]
    );
    let label = problem["labels"][0].as_object().unwrap();
    assert_eq!(label.keys().collect::<Vec<_>>(), ["column", "line", "span", "text"]);
    assert!(folder.lathe(&["check", "web.toml"]).out.is_empty(), "talk is no data");
}

#[test]
fn codes_are_explained_in_any_spelling() {
    let folder = Folder::new();
    let page = folder.lathe(&["explain", "LT0205"]);
    assert_eq!(page.code, Some(0));
    assert!(
        page.out.starts_with("LT0205: never and always contradict each other\n"),
        "{}",
        page.out
    );
    for spelling in ["lt0205", "0205"] {
        assert_eq!(folder.lathe(&["explain", spelling]).out, page.out, "{spelling}");
    }
    let all = folder.lathe(&["explain"]).out;
    assert!(all.lines().any(|line| line == "LT0101  the file is not valid TOML"), "{all}");
    let one: Value =
        serde_json::from_str(&folder.lathe(&["explain", "--json", "0205"]).out).unwrap();
    assert_eq!(one["code"], "LT0205");
}
