//! Rust source, line by line, with code, comments and texts kept apart.
//!
//! Owns just as much of Rust's lexis as rules need, so that a rule on code is not misled by a word
//! in a comment or a text. It must not know any rule.

/// One line of a source file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// Code; a text or character shows as two quotes with nothing between.
    pub(crate) code: String,
    /// Comment, with its marks.
    pub(crate) comment: String,
    /// What stands within texts and characters.
    pub(crate) text: String,
}

impl Line {
    /// Whether it is more than blank or comment.
    pub(crate) fn is_net(&self) -> bool {
        !self.code.trim().is_empty() || !self.text.trim().is_empty()
    }
}

/// What the next character belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Code,
    LineComment,
    /// Nested so deep.
    BlockComment(usize),
    Text,
    /// Between so many hashes.
    RawText(usize),
}

/// Takes a source file apart.
pub(crate) fn lines(source: &str) -> Vec<Line> {
    let chars: Vec<char> = source.chars().collect();
    let mut lines = Vec::new();
    let mut line = Line::default();
    let mut state = State::Code;
    let mut at = 0;
    while at < chars.len() {
        if chars[at] == '\n' {
            lines.push(std::mem::take(&mut line));
            if state == State::LineComment {
                state = State::Code;
            }
            at += 1;
            continue;
        }
        let (taken, next) = step(state, &chars[at..], &mut line);
        at += taken;
        state = next;
    }
    if !source.is_empty() && !source.ends_with('\n') {
        lines.push(line);
    }
    lines
}

/// Takes at least one character, and no line's end.
fn step(state: State, rest: &[char], line: &mut Line) -> (usize, State) {
    match state {
        State::Code => code(rest, line),
        State::LineComment => {
            line.comment.push(rest[0]);
            (1, state)
        }
        State::BlockComment(depth) => block_comment(depth, rest, line),
        State::Text => match rest {
            ['\\', escaped, ..] if *escaped != '\n' => {
                line.text.extend(['\\', *escaped]);
                (2, state)
            }
            ['"', ..] => {
                line.code.push('"');
                (1, State::Code)
            }
            _ => {
                line.text.push(rest[0]);
                (1, state)
            }
        },
        State::RawText(hashes) => {
            let closes = rest[0] == '"'
                && rest.len() > hashes
                && rest[1..=hashes].iter().all(|char| *char == '#');
            if closes {
                line.code.push('"');
                return (1 + hashes, State::Code);
            }
            line.text.push(rest[0]);
            (1, state)
        }
    }
}

fn code(rest: &[char], line: &mut Line) -> (usize, State) {
    match rest {
        ['/', '/', ..] => {
            line.comment.push_str("//");
            (2, State::LineComment)
        }
        ['/', '*', ..] => {
            line.comment.push_str("/*");
            (2, State::BlockComment(1))
        }
        ['"', ..] => {
            line.code.push('"');
            (1, State::Text)
        }
        ['r', ..] if !ends_in_a_name(&line.code) => match raw_text(rest) {
            Some(hashes) => {
                line.code.push('"');
                (hashes + 2, State::RawText(hashes))
            }
            None => plain(rest, line),
        },
        ['\'', ..] => match character(rest) {
            Some(length) => {
                line.code.push_str("''");
                line.text.extend(&rest[1..length - 1]);
                (length, State::Code)
            }
            None => plain(rest, line),
        },
        _ => plain(rest, line),
    }
}

fn plain(rest: &[char], line: &mut Line) -> (usize, State) {
    line.code.push(rest[0]);
    (1, State::Code)
}

fn block_comment(depth: usize, rest: &[char], line: &mut Line) -> (usize, State) {
    let (taken, next) = match rest {
        ['*', '/', ..] if depth == 1 => (2, State::Code),
        ['*', '/', ..] => (2, State::BlockComment(depth - 1)),
        ['/', '*', ..] => (2, State::BlockComment(depth + 1)),
        _ => (1, State::BlockComment(depth)),
    };
    line.comment.extend(&rest[..taken]);
    (taken, next)
}

/// Whether an `r` here goes on with a name instead of beginning a text. The `b` and `c` of `br"` and
/// `cr"` do not count, unless they end a name themselves.
fn ends_in_a_name(code: &str) -> bool {
    let is_name = |char: char| char.is_alphanumeric() || char == '_';
    let before = code.strip_suffix(['b', 'c']).unwrap_or(code);
    before.ends_with(is_name)
}

/// The hashes of a raw text that begins here with `r`.
fn raw_text(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|char| **char == '#').count();
    (rest.get(1 + hashes) == Some(&'"')).then_some(hashes)
}

/// The length of a character that begins here with a quote; none for a lifetime.
fn character(rest: &[char]) -> Option<usize> {
    match rest {
        // The escaped character may itself be a quote.
        ['\'', '\\', _, tail @ ..] => {
            let end = tail.iter().take_while(|char| **char != '\n').position(|char| *char == '\'');
            end.map(|index| index + 4)
        }
        ['\'', char, '\'', ..] if *char != '\n' => Some(3),
        _ => None,
    }
}

/// How many of the lines stand before the tests at the file's end, if it has some within.
pub(crate) fn before_tests(lines: &[Line]) -> usize {
    let starts = |index: usize, beginning: &str| {
        lines.get(index).is_some_and(|line| line.code.trim_start().starts_with(beginning))
    };
    (0..lines.len())
        .find(|index| {
            starts(*index, "#[cfg(test)]")
                && starts(index + 1, "mod ")
                && lines[index + 1].code.contains('{')
        })
        .unwrap_or(lines.len())
}

#[cfg(test)]
mod tests;
