//! The tokens that open a listener, each with the name of who has it.
//!
//! Owns the form of the file: one token a line, `name:token`, or a bare token, whose name is
//! `token`; empty lines and lines that begin with `#` are passed over. Nothing here prints a token.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::secret::{self, SecretError, same};

/// The name of a token that has none, and of who shows none.
const UNNAMED: &str = "token";
const NOBODY: &str = "nobody";
/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// A token and the name of who has it.
#[derive(Clone)]
pub struct Token {
    name: Arc<str>,
    secret: String,
}

impl Token {
    /// The first token of a file that only its owner may open: what a client shows.
    ///
    /// # Errors
    /// [`SecretError`]
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        Tokens::read(path).map(|tokens| tokens.first().clone())
    }

    /// The first token of a text, as [`Token::read`] has it of a file.
    #[must_use]
    pub fn first_of(text: &str) -> Option<Self> {
        lines(text).next().map(|(_, line)| Self::of_line(line))
    }

    /// The text, for the `Authorization` header of a client.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.secret
    }

    fn of_line(line: &str) -> Self {
        match line.split_once(':') {
            Some((name, secret)) if is_name(name) => {
                Self { name: name.into(), secret: secret.to_owned() }
            }
            _ => Self { name: UNNAMED.into(), secret: line.to_owned() },
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, …)", self.name)
    }
}

/// The tokens of a listener; there is one at least.
#[derive(Clone, Debug)]
pub struct Tokens(Vec<Token>);

impl Tokens {
    /// Reads the tokens from a file that only its owner may open.
    ///
    /// # Errors
    /// [`SecretError`]
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let text = secret::text(path)?;
        let mut tokens: Vec<Token> = Vec::new();
        for (line, text) in lines(&text) {
            let token = Token::of_line(text);
            let wrong = |problem| SecretError::Line { path: path.to_owned(), line, problem };
            if !secret::is_usable(&token.secret) {
                return Err(wrong(
                    "not `name:token`, the token 16 printable characters or longer, without spaces",
                ));
            }
            if tokens.iter().any(|other| other.name == token.name) {
                return Err(wrong("this name stands above, too; each token has a name of its own"));
            }
            tokens.push(token);
        }
        if tokens.is_empty() {
            return Err(SecretError::Unusable { path: path.to_owned() });
        }
        Ok(Self(tokens))
    }

    /// Reads the tokens, after making one if the file is not there.
    ///
    /// # Errors
    /// [`SecretError`]
    pub fn read_or_create(path: &Path) -> Result<Self, SecretError> {
        secret::create(path)?;
        Self::read(path)
    }

    /// What clients that share the file show.
    #[must_use]
    pub fn first(&self) -> &Token {
        &self.0[0]
    }

    /// Whose token this is. All are compared, each in constant time.
    #[must_use]
    pub fn who(&self, presented: &str) -> Option<Arc<str>> {
        self.0.iter().fold(None, |found, token| {
            let matches = same(token.secret.as_bytes(), presented.as_bytes());
            if matches { Some(Arc::clone(&token.name)) } else { found }
        })
    }
}

/// Who called, as an extension of every request that passed the guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name of the token that was shown; `nobody` without one.
    pub who: Arc<str>,
    /// Where the connection comes from.
    pub peer: Option<SocketAddr>,
}

impl Caller {
    /// Somebody who shows no token.
    #[must_use]
    pub fn nobody(peer: Option<SocketAddr>) -> Self {
        Self { who: NOBODY.into(), peer }
    }
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(plain)
}

#[cfg(test)]
mod tests;
