//! Sizes and durations as people write them, in exact integers.
//!
//! Owns `64MiB`, `5s` and `0.1` cpus. It must not know which key asks for them.

use thiserror::Error;

/// Why a text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnitError {
    /// It does not begin with a number.
    #[error("{text:?} does not begin with a number")]
    NoNumber {
        /// The text.
        text: String,
    },
    /// The unit is missing or not known.
    #[error("{unit:?} is not a unit here; known are {known}")]
    UnknownUnit {
        /// What stands where the unit should.
        unit: String,
        /// The units that are known.
        known: &'static str,
    },
    /// More digits after the dot than the unit has.
    #[error("{text:?} is not a whole number of {what}")]
    NotWhole {
        /// The text.
        text: String,
        /// What is counted.
        what: &'static str,
    },
    /// It does not fit.
    #[error("{text:?} is too large")]
    TooLarge {
        /// The text.
        text: String,
    },
}

const SIZE_UNITS: &str = "B, KiB, MiB, GiB, TiB, PiB, kB, MB, GB, TB, PB";
const TIME_UNITS: &str = "ms, s, m, h, d";

/// No amount needs more text than this; longer ones are refused before they are looked at.
const LONGEST: usize = 40;

/// Bytes of a size: `"64MiB"`, `"1.5GiB"`, `"8GB"`, or plain bytes as `"1000"`.
///
/// # Errors
/// When it does not begin with a number, has an unknown unit, is no whole number of bytes, or
/// does not fit 64 bits.
pub fn parse_bytes(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split_number(text.trim())?;
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "PiB" => 1 << 50,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "PB" => 1_000_000_000_000_000,
        unit => {
            return Err(UnitError::UnknownUnit { unit: unit.to_owned(), known: SIZE_UNITS });
        }
    };
    scaled(number, factor, text, "bytes")
}

/// Milliseconds of a duration: `"5s"`, `"250ms"`, `"5m"`, `"14d"`, `"1h30m"`, or `"0"`.
///
/// # Errors
/// When it does not begin with a number, has no unit or an unknown one, is no whole number of
/// milliseconds, or does not fit 64 bits.
pub fn parse_duration_ms(text: &str) -> Result<u64, UnitError> {
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(0);
    }
    let mut total: u64 = 0;
    loop {
        let (number, after) = split_number(rest)?;
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let factor: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            unit => {
                return Err(UnitError::UnknownUnit { unit: unit.to_owned(), known: TIME_UNITS });
            }
        };
        let part = scaled(number, factor, text, "milliseconds")?;
        total = total
            .checked_add(part)
            .ok_or_else(|| UnitError::TooLarge { text: text.trim().to_owned() })?;
        rest = next.trim_start();
        if rest.is_empty() {
            return Ok(total);
        }
    }
}

/// Thousandths of a cpu from a decimal number as TOML writes it: `0.1`, `2`, `5e-1`.
pub(crate) fn parse_cpus_milli(text: &str) -> Result<u64, UnitError> {
    let plain = text.trim().replace('_', "");
    let unsigned = plain.strip_prefix('+').unwrap_or(&plain);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().unwrap_or(i32::MAX)),
        None => (unsigned, 0),
    };
    let (number, rest) = split_number(mantissa)?;
    if !rest.is_empty() {
        return Err(UnitError::NoNumber { text: text.to_owned() });
    }
    let Number { digits, decimals } = number;
    // value = digits × 10^shift thousandths
    let shift = i64::from(exponent) - i64::from(decimals) + 3;
    let not_whole = || UnitError::NotWhole { text: text.to_owned(), what: "thousandths of a cpu" };
    let too_large = || UnitError::TooLarge { text: text.to_owned() };
    if digits == 0 {
        return Ok(0);
    }
    let factor = u32::try_from(shift.unsigned_abs()).ok().and_then(|n| 10u128.checked_pow(n));
    let value = match (factor, shift >= 0) {
        (Some(factor), true) => digits.checked_mul(factor).ok_or_else(too_large)?,
        (Some(factor), false) if digits % factor == 0 => digits / factor,
        (None, true) => return Err(too_large()),
        (_, false) => return Err(not_whole()),
    };
    u64::try_from(value).map_err(|_| too_large())
}

/// A size in its largest exact binary unit: `64MiB`, `1000B`.
#[must_use]
pub fn format_bytes(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes;
    let mut at = 0;
    while value != 0 && value.is_multiple_of(1024) && at + 1 < units.len() {
        value /= 1024;
        at += 1;
    }
    format!("{value}{}", units[at])
}

/// Thousandths of a cpu as a decimal number: `0.1`, `2.0`.
#[must_use]
pub fn format_cpus(milli: u64) -> String {
    let fraction = format!("{:03}", milli % 1000);
    let fraction = fraction.trim_end_matches('0');
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    format!("{}.{fraction}", milli / 1000)
}

/// A decimal number without its dot.
#[derive(Debug, Clone, Copy)]
struct Number {
    digits: u128,
    /// How many of the digits stood behind the dot.
    decimals: u32,
}

/// Splits the number at the beginning from what follows it.
fn split_number(text: &str) -> Result<(Number, &str), UnitError> {
    if text.len() > LONGEST {
        let text = text.chars().take(LONGEST).collect::<String>() + "…";
        return Err(UnitError::TooLarge { text });
    }
    let no_number = || UnitError::NoNumber { text: text.to_owned() };
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.contains('.') || number.ends_with('.') {
        return Err(no_number());
    }
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}")
        .parse::<u128>()
        .map_err(|_| UnitError::TooLarge { text: text.to_owned() })?;
    let decimals = u32::try_from(fraction.len()).map_err(|_| no_number())?;
    Ok((Number { digits, decimals }, rest))
}

/// `number × factor`, if that is a whole number of 64 bits.
fn scaled(number: Number, factor: u64, text: &str, what: &'static str) -> Result<u64, UnitError> {
    let too_large = || UnitError::TooLarge { text: text.trim().to_owned() };
    let product = number.digits.checked_mul(u128::from(factor)).ok_or_else(too_large)?;
    let divisor = 10u128.checked_pow(number.decimals).ok_or_else(too_large)?;
    if product % divisor != 0 {
        return Err(UnitError::NotWhole { text: text.trim().to_owned(), what });
    }
    u64::try_from(product / divisor).map_err(|_| too_large())
}

#[cfg(test)]
mod tests;
