//! A page of Markdown as plain text for a terminal.
//!
//! Owns the few forms that the pages of `docs/errors` have: a head, headings, paragraphs, lists,
//! tables, blocks of code, links. It must not know what they say.

/// Columns of a line of text; code and tables keep their own.
const COLUMNS: usize = 80;
/// What code is moved in by.
const INDENT: &str = "    ";

/// The page without its marks: text is filled anew, code is indented.
pub(super) fn plain(markdown: &str) -> String {
    let mut blocks: Vec<String> = Vec::new();
    let mut text: Vec<&str> = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            close(&mut text, &mut blocks);
            let code = lines.by_ref().take_while(|line| !line.starts_with("```"));
            let code: Vec<String> = code.map(indented).collect();
            blocks.push(code.join("\n"));
        } else if let Some(heading) = line.strip_prefix("## ") {
            close(&mut text, &mut blocks);
            blocks.push(format!("{}:", unmarked(heading)));
        } else if let Some(title) = line.strip_prefix("# ") {
            blocks.push(unmarked(title));
        } else if line.starts_with('|') {
            close(&mut text, &mut blocks);
            let more = lines.clone().take_while(|line| line.starts_with('|'));
            let rows: Vec<&str> = std::iter::once(line).chain(more).collect();
            lines.by_ref().take(rows.len() - 1).for_each(drop);
            blocks.push(table(&rows));
        } else if line.trim().is_empty() {
            close(&mut text, &mut blocks);
        } else {
            if line.starts_with("- ") {
                close(&mut text, &mut blocks);
            }
            text.push(line);
        }
    }
    close(&mut text, &mut blocks);
    blocks.join("\n\n")
}

fn indented(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!("{INDENT}{line}") }
}

/// Ends a paragraph.
fn close(text: &mut Vec<&str>, blocks: &mut Vec<String>) {
    if !text.is_empty() {
        blocks.push(filled(&unmarked(&text.join(" "))));
        text.clear();
    }
}

/// Words in lines of at most so many columns; a word that is longer has a line of its own.
fn filled(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > COLUMNS {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out
}

/// Cells below one another; the line below the headings is left out.
fn table(rows: &[&str]) -> String {
    let cells = |row: &&str| -> Vec<String> {
        row.trim_matches('|').split('|').map(|cell| unmarked(cell.trim())).collect()
    };
    let is_rule = |row: &&&str| row.chars().all(|c| "|-: ".contains(c));
    let rows: Vec<Vec<String>> = rows.iter().filter(|row| !is_rule(row)).map(cells).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        for (at, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(at) {
                Some(most) => *most = width.max(*most),
                None => widths.push(width),
            }
        }
    }
    let line = |row: &Vec<String>| {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let joined = padded.collect::<Vec<_>>().join("  ");
        format!("{INDENT}{}", joined.trim_end())
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Links as their texts; code keeps its marks, since they say what is to be typed.
fn unmarked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let link = rest[open..].find("](").and_then(|middle| {
            let inner = &rest[open + 1..open + middle];
            let end = rest[open + middle..].find(')')?;
            (!inner.contains('[')).then_some((inner, open + middle + end + 1))
        });
        match link {
            Some((inner, end)) => {
                out.push_str(&rest[..open]);
                out.push_str(inner);
                rest = &rest[end..];
            }
            None => {
                out.push_str(&rest[..=open]);
                rest = &rest[open + 1..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests;
