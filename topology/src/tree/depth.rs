//! How deep a text goes, judged before anything is built of it.
//!
//! Owns that bound. The TOML library bounds brackets and the parts of one key, but not both
//! together; a tree of both takes the whole stack when it is dropped. So the tokens are counted
//! first, by the library's own lexer, in one pass and without recursion.

use std::ops::Range;

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

/// The place where a header, or what stands below one, is nested deeper than `most`.
///
/// Headers and what stands below them are counted apart, so a tree has up to twice that depth.
pub(super) fn beyond(source: &str, most: usize) -> Option<Range<usize>> {
    let mut open: Vec<(TokenKind, usize)> = Vec::new();
    // Levels around the current key, and the dots of that key (or of a number: one too many).
    let mut base = 0;
    let mut dots = 0;
    let mut before = TokenKind::Newline;
    let mut in_header = false;
    for token in Source::new(source).lex() {
        let kind = token.kind();
        match kind {
            TokenKind::Whitespace | TokenKind::Comment => continue,
            TokenKind::Dot => dots += 1,
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                in_header |= open.is_empty() && before == TokenKind::Newline;
                open.push((kind, base));
                base += dots + usize::from(!in_header);
                dots = 0;
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                let square = kind == TokenKind::RightSquareBracket;
                let wanted =
                    if square { TokenKind::LeftSquareBracket } else { TokenKind::LeftCurlyBracket };
                // A bracket that closes nothing is an error; counting on is the safe side.
                if let Some((_, around)) = open.pop_if(|(opener, _)| *opener == wanted) {
                    base = around;
                    dots = 0;
                }
            }
            TokenKind::Comma => dots = 0,
            TokenKind::Newline => {
                if in_header {
                    // A header ends with its line, closed or not.
                    open.clear();
                    base = 0;
                    in_header = false;
                }
                if before != TokenKind::Equals {
                    dots = 0;
                }
            }
            _ => {}
        }
        if base + dots > most {
            return Some(token.span().start()..token.span().end());
        }
        before = kind;
    }
    None
}
