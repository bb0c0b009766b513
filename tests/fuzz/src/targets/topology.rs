//! Texts that people write: topologies, token files and the daemons' configurations.

use lathe_api::door::Token;
use lathe_topology::{parse, print, render};

/// A topology: what is accepted prints to what reads back to the same; what is refused has reasons
/// that can be drawn.
pub(super) fn file(bytes: &[u8]) {
    let source = String::from_utf8_lossy(bytes);
    match parse("fuzz", &source) {
        Ok(checked) => {
            let printed = print(&checked.topology);
            let again = parse("fuzz", &printed);
            let again = again.unwrap_or_else(|_| panic!("what is printed is refused:\n{printed}"));
            assert_eq!(print(&again.topology), printed, "printed again, it is another text");
            let _ = render("fuzz.toml", &source, &checked.warnings);
        }
        Err(findings) => {
            assert!(!findings.is_empty(), "refused without a reason");
            assert!(!render("fuzz.toml", &source, &findings).is_empty());
            findings.iter().for_each(|finding| drop(finding.plain("fuzz.toml", &source)));
        }
    }
}

/// The file of tokens.
pub(super) fn tokens(bytes: &[u8]) {
    let _ = Token::first_of(&String::from_utf8_lossy(bytes)).map(|token| token.expose().len());
}

/// A configuration file, read as each daemon reads its own.
pub(super) fn configuration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    lathe_scheduler::fuzz::configuration(&text);
    lathe_registry::fuzz::configuration(&text);
    lathe_standalone::fuzz::configuration(&text);
    lathe_agent::fuzz::configuration(&text);
}
