//! Which scheduler is found, and which token it is shown.

use super::*;

const FILE: &str = "/c/config.toml";

fn config(text: &str) -> Config {
    Config::parse(FILE, text).expect("it is right")
}

fn up() -> Endpoints {
    Endpoints {
        pid: 7,
        scheduler: "http://127.0.0.1:1".to_owned(),
        registries: Vec::new(),
        master: "http://127.0.0.1:2".to_owned(),
        token_file: "/h/run/token".to_owned(),
    }
}

fn find(scheduler: Option<&str>, token_file: Option<&str>) -> Find {
    Find {
        scheduler: scheduler.map(str::to_owned),
        token_file: token_file.map(PathBuf::from),
        ..Find::default()
    }
}

fn found(find: &Find, text: &str, up: Option<Endpoints>) -> (String, Option<PathBuf>) {
    let found = Found::among(find, &config(text), FILE.as_ref(), up).expect("one is found");
    (found.scheduler, found.token_file)
}

#[test]
fn the_flag_comes_first_then_the_configuration_then_a_running_up() {
    let both = "scheduler = \"http://c:3\"\ntoken_file = \"/c/token\"\n";
    let url = |find: &Find, text: &str| found(find, text, Some(up())).0;
    assert_eq!(url(&find(Some("http://f:4"), None), both), "http://f:4");
    assert_eq!(url(&find(None, None), both), "http://c:3");
    assert_eq!(url(&find(None, None), ""), "http://127.0.0.1:1");
    let nowhere = Found::among(&find(None, None), &config(""), FILE.as_ref(), None);
    assert_eq!(nowhere.expect_err("there is none").code, UNREACHABLE);
}

#[test]
fn a_token_is_shown_to_the_scheduler_that_it_came_with_alone() {
    let both = "scheduler = \"http://c:3\"\ntoken_file = \"/c/token\"\n";
    let token = |find: &Find, text: &str| {
        let token = found(find, text, Some(up())).1;
        token.map(|path| path.display().to_string())
    };
    assert_eq!(token(&find(None, None), both).as_deref(), Some("/c/token"));
    assert_eq!(token(&find(Some("c:3"), None), both).as_deref(), Some("/c/token"));
    assert_eq!(token(&find(Some("http://f:4"), None), both), None);
    assert_eq!(token(&find(Some("http://f:4"), Some("/f")), both).as_deref(), Some("/f"));
    assert_eq!(token(&find(None, None), "").as_deref(), Some("/h/run/token"));
    assert_eq!(
        token(&find(Some("http://127.0.0.1:1"), None), both).as_deref(),
        Some("/h/run/token")
    );
}

#[test]
fn a_wrong_configuration_is_told_with_its_place() {
    let wrong = Config::parse(FILE, "sheduler = \"http://c:3\"\n").expect_err("an unknown key");
    assert_eq!(wrong.code, BAD_INPUT);
    assert!(wrong.text.contains("sheduler") && wrong.text.contains(FILE), "{}", wrong.text);
    assert!(Config::parse(FILE, "scheduler = 7\n").is_err());
    assert!(Config::parse(FILE, "scheduler = \n").is_err());
}
