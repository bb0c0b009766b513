//! A terminal that shows one picture after another, and is given back as it was.

use std::io::Write as _;

use super::Printer;

const OPEN: &str = "\u{1b}[?1049h\u{1b}[?25l";
const CLOSE: &str = "\u{1b}[?25h\u{1b}[?1049l";
const HOME: &str = "\u{1b}[H";
/// Clears what an earlier picture left on a line, and below the last one.
const REST_OF_LINE: &str = "\u{1b}[K";
const REST_BELOW: &str = "\u{1b}[J";

/// The other page of the terminal, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Screen {
    last: String,
}

impl Screen {
    pub(crate) fn open() -> Self {
        write(OPEN);
        Self { last: String::new() }
    }

    /// Shows the text from its top, as much of it as there is room for above the last line.
    pub(crate) fn show(&mut self, text: &str, foot: &str, printer: &Printer) {
        write(&picture(text, foot, printer.height()));
        text.clone_into(&mut self.last);
    }
}

fn picture(text: &str, foot: &str, height: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let room = height.saturating_sub(2).max(1);
    let mut shown: Vec<String> = lines.iter().take(room).map(|line| (*line).to_owned()).collect();
    if lines.len() > room {
        let left = lines.len() - room + 1;
        shown.truncate(room - 1);
        shown.push(format!("… {left} more lines; a larger window shows them"));
    }
    shown.push(String::new());
    shown.push(foot.to_owned());
    let body = shown.join(&format!("{REST_OF_LINE}\r\n"));
    format!("{HOME}{body}{REST_OF_LINE}{REST_BELOW}")
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The last picture stays for whoever looked at it.
        write(&format!("{CLOSE}{}\n", self.last));
    }
}

fn write(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_not_higher_than_the_terminal() {
        let text = (1..=30).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n");
        let small = picture(&text, "foot", 10);
        assert_eq!(small.lines().count(), 10);
        assert!(small.contains("line 7") && !small.contains("line 8"), "{small}");
        assert!(small.contains("… 23 more lines") && small.contains("foot"), "{small}");
        assert_eq!(picture(&text, "foot", 40).lines().count(), 32);
    }
}
