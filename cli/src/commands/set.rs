//! `lathe set TASK KEY VALUE`: another value of an author's own key, until the next file says
//! otherwise.

use lathe_api::v1;
use lathe_api::v1::edit::What;
use serde_json::Value;

use super::carry;
use crate::args::{Find, Set};
use crate::failure::{BAD_INPUT, Failure};
use crate::printer::Printer;

pub(crate) async fn run(find: &Find, asked: &Set, printer: &Printer) -> Result<u8, Failure> {
    let value = match &asked.value {
        Some(text) => read(text)?.to_string(),
        // The wire's word for: taken away.
        None => String::new(),
    };
    let (task, key) = (asked.task.clone(), asked.key.clone());
    let what = What::Set(v1::Set { task, key, value });
    carry::by_hand(find, what, &asked.task, &asked.consent, printer).await
}

/// A value as a topology file would have it, or as JSON.
pub(super) fn read(text: &str) -> Result<Value, Failure> {
    let wrong = |why: String| {
        let text = format!("`{text}` is no value: {why}");
        let hint = "write it as TOML or JSON: 7, true, \"text\" with its quotes, [90, 10]";
        Failure::new(text).with_code(BAD_INPUT).with_hint(hint)
    };
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return Ok(value);
    }
    let document = format!("value = {text}");
    let table: toml::Table =
        document.parse().map_err(|error: toml::de::Error| wrong(error.message().to_owned()))?;
    match (table.len(), table.get("value")) {
        (1, Some(value)) => of_toml(value).map_err(wrong),
        _ => Err(wrong("it is more than one".to_owned())),
    }
}

fn of_toml(value: &toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) if number.is_finite() => (*number).into(),
        toml::Value::Float(_) => return Err("a number must be finite".to_owned()),
        toml::Value::Boolean(bit) => (*bit).into(),
        toml::Value::Datetime(_) => {
            return Err("a moment is no JSON; write it as text".to_owned());
        }
        toml::Value::Array(items) => {
            items.iter().map(of_toml).collect::<Result<Vec<_>, _>>()?.into()
        }
        toml::Value::Table(items) => {
            let pair = |(key, item): (&String, &toml::Value)| Ok((key.clone(), of_toml(item)?));
            Value::Object(items.iter().map(pair).collect::<Result<_, String>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_as_toml_and_as_json() {
        let of = |text: &str| read(text).expect("it is a value");
        assert_eq!(of("7"), json!(7));
        assert_eq!(of("1_000"), json!(1000));
        assert_eq!(of("'text'"), json!("text"));
        assert_eq!(of("[[\"a\", \"b\"], [90, 10]]"), json!([["a", "b"], [90, 10]]));
        assert_eq!(of("{ a = 1, b = [true] }"), json!({ "a": 1, "b": [true] }));
        assert_eq!(of("{\"a\": 0.5}"), json!({ "a": 0.5 }));
    }

    #[test]
    fn what_is_no_value_is_told_with_a_hint() {
        for text in ["blue", "", "nan", "2026-11-26", "1\nother = 2", "[1, "] {
            let failure = read(text).expect_err(text);
            assert_eq!(failure.code, BAD_INPUT, "{text}");
            assert!(failure.hint.is_some_and(|hint| hint.contains("quotes")), "{text}");
        }
    }
}
