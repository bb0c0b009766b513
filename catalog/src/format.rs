//! The form of what stands in the store, as a number.
//!
//! Owns that number and who may read what. Must not know the store.
//!
//! A field more in a record changes no number: older readers leave it out. The number goes up when an
//! older reader would take a record for something that it is not.

use std::fmt;

/// Where the number stands, as decimal digits. A store without it is of form 1.
pub const FORMAT: &str = "/lathe/format";
/// What this version writes, and the newest that it reads.
pub const FORMAT_NOW: u64 = 1;
/// Stands there in place of a number while a restore writes the store.
pub const RESTORING: &str = "restoring";

/// Why a store is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// A newer version has written it.
    Newer(u64),
    /// A restore has not come to its end.
    Restoring,
    /// It is no number.
    Unreadable,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer(found) => write!(
                f,
                "a newer version of Lathe has written this store: {FORMAT} says form {found}, and \
                 this version reads up to {FORMAT_NOW}; install that version again, or restore a \
                 backup of before"
            ),
            Self::Restoring => f.write_str(
                "a restore into this store has not come to its end: wait for it, or run `lathe \
                 restore` again",
            ),
            Self::Unreadable => write!(f, "{FORMAT} is not a number: the store is damaged"),
        }
    }
}

impl std::error::Error for FormatError {}

/// Whether this version may read a store in which that stands at [`FORMAT`].
///
/// # Errors
/// It is of a newer form, or of none.
pub fn check(data: Option<&[u8]>) -> Result<(), FormatError> {
    let Some(data) = data else { return Ok(()) };
    if data == RESTORING.as_bytes() {
        return Err(FormatError::Restoring);
    }
    let number = std::str::from_utf8(data).ok().and_then(|text| text.trim().parse().ok());
    match number {
        Some(found) if found > FORMAT_NOW => Err(FormatError::Newer(found)),
        Some(_) => Ok(()),
        None => Err(FormatError::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::{FORMAT_NOW, FormatError, check};

    #[test]
    fn a_form_of_today_or_before_is_read_and_a_newer_one_is_not() {
        assert_eq!(check(None), Ok(()));
        assert_eq!(check(Some(FORMAT_NOW.to_string().as_bytes())), Ok(()));
        assert_eq!(check(Some(b"7")), Err(FormatError::Newer(7)));
        assert_eq!(check(Some(b"restoring")), Err(FormatError::Restoring));
        assert_eq!(check(Some(b"seven")), Err(FormatError::Unreadable));
        assert_eq!(check(Some(b"\xff")), Err(FormatError::Unreadable));
    }
}
