//! Text that has to fit: wrapped at words, or shortened with a sign that something is missing.

/// Stands for what was left out.
const LEFT_OUT: char = '…';

/// Which part of a text is the one to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Beginning and end stay: a path of a task with its slot.
    Middle,
    End,
}

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

/// The text in at most so many columns.
pub(super) fn shortened(text: &str, columns: usize, cut: Cut) -> String {
    let length = width(text);
    if length <= columns {
        return text.to_owned();
    }
    let kept = columns.saturating_sub(1);
    let (head, tail) = match cut {
        Cut::Middle => (kept / 2, kept - kept / 2),
        Cut::End => (kept, 0),
    };
    let mut short: String = text.chars().take(head).collect();
    short.extend((columns > 0).then_some(LEFT_OUT));
    short.extend(text.chars().skip(length - tail));
    short
}

/// The text in lines of at most so many columns, all but the first one indented. A word that is
/// longer than a line stays whole: it may be a path or an address that somebody wants to copy.
pub(crate) fn wrapped(text: &str, columns: Option<usize>, indent: usize) -> String {
    let Some(columns) = columns else { return text.to_owned() };
    let mut lines = Vec::new();
    for line in text.lines() {
        let text = line.trim_start_matches(' ');
        let lead = line.len() - text.len();
        let mut now = " ".repeat(lead);
        let (mut rest, mut empty) = (text, true);
        while !rest.is_empty() {
            // A word with the space before it, which is kept unless a line ends there.
            let gap = rest.len() - rest.trim_start_matches(' ').len();
            let end = rest[gap..].find(' ').map_or(rest.len(), |at| gap + at);
            let word = &rest[gap..end];
            if !empty && width(&now) + gap + width(word) > columns {
                lines.push(std::mem::replace(&mut now, " ".repeat(lead + indent)));
            } else {
                now.push_str(&rest[..gap]);
            }
            now.push_str(word);
            empty = false;
            rest = &rest[end..];
        }
        lines.push(now);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests;
