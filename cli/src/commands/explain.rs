//! `lathe explain WHAT`: the page of a code, the list of all codes, or why an instance is where it is.
//!
//! Owns which kind of thing an argument is by its shape. It must not know what the pages say.

mod page;

use lathe_topology::Code;
use serde_json::json;

use super::why;
use crate::args::{Explain, Find};
use crate::failure::{BAD_INPUT, Failure, OK};
use crate::printer::Printer;

/// Every page by its code, from `docs/errors`.
const PAGES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// Codes that are named when there is none of the given number.
const NEAR_SHOWN: usize = 5;

pub(crate) async fn run(find: &Find, asked: &Explain, printer: &Printer) -> Result<u8, Failure> {
    match asked.what.as_deref() {
        None => list(asked.json, printer),
        Some(what) if what.contains('#') => why::run(find, what, asked.json, printer).await,
        Some(what) if is_code_like(what) => code(what, asked.json, printer),
        Some(what) => {
            let text = format!("`{what}` is neither a code such as LT0205 nor an instance");
            let hint = "`lathe explain` lists all codes, `lathe status` the instances";
            Err(Failure::coded(Code::WRONG_ARGUMENT, text).with_hint(hint))
        }
    }
}

/// `LT` or `lt` and digits, or digits alone.
fn is_code_like(what: &str) -> bool {
    let upper = what.trim().to_ascii_uppercase();
    let digits = upper.strip_prefix("LT").unwrap_or(&upper);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn code(what: &str, as_json: bool, printer: &Printer) -> Result<u8, Failure> {
    let Ok(code) = what.parse::<Code>() else {
        let text = format!("`{what}` is no code");
        let hint = format!("near it: {}; `lathe explain` lists all", near(what).join(", "));
        let failure = Failure::coded(Code::WRONG_ARGUMENT, text);
        return Err(failure.with_code(BAD_INPUT).with_hint(hint));
    };
    let name = code.to_string();
    // Each code has a page: a test says so.
    let text = PAGES.iter().find(|(of, _)| *of == name).map_or("", |(_, text)| text);
    if as_json {
        let whole = json!({ "code": code, "title": code.title(), "page": text });
        printer.data(&whole.to_string());
    } else {
        printer.data(&page::plain(text));
    }
    Ok(OK)
}

fn list(as_json: bool, printer: &Printer) -> Result<u8, Failure> {
    if as_json {
        let all: Vec<_> = Code::all()
            .iter()
            .map(|(code, title)| json!({ "code": code, "title": title }))
            .collect();
        printer.data(&serde_json::Value::from(all).to_string());
    } else {
        let lines: Vec<String> =
            Code::all().iter().map(|(code, title)| format!("{code}  {title}")).collect();
        printer.data(&lines.join("\n"));
    }
    Ok(OK)
}

/// The codes that look most like a text that is none: the same digits, then the nearest numbers.
fn near(what: &str) -> Vec<String> {
    let digits: String = what.chars().filter(char::is_ascii_digit).collect();
    let sorted = |text: &str| {
        let mut digits: Vec<char> = text.chars().collect();
        digits.sort_unstable();
        digits
    };
    let number: u64 = digits.parse().unwrap_or(u64::MAX);
    let mut all: Vec<(bool, u64, String)> = Code::all()
        .iter()
        .map(|(code, _)| {
            let own = format!("{:04}", code.number());
            let swapped = sorted(&own) == sorted(&digits);
            (!swapped, number.abs_diff(u64::from(code.number())), code.to_string())
        })
        .collect();
    all.sort();
    all.into_iter().take(NEAR_SHOWN).map(|(_, _, name)| name).collect()
}

#[cfg(test)]
mod tests;
