//! The picture as SVG, whole in one file: nothing is fetched, and each instance says what it is where
//! the pointer rests.

use std::fmt::Write as _;

use super::{Cell, Picture};

const COLUMN: usize = 64;
const CELL: usize = 20;
const GAP: usize = 6;
const TOP: usize = 70;
const LEFT: usize = 16;
const COLUMNS: usize = 20;
const LEGEND: usize = 22;

pub(in super::super) fn svg(picture: &Picture) -> String {
    let columns = picture.columns.len().clamp(1, COLUMNS);
    let width = (LEFT * 2 + columns * (COLUMN + GAP)).max(640);
    let mut body = String::new();
    let mut top = TOP;
    for row in picture.columns.chunks(COLUMNS) {
        let deep = row.iter().map(|column| column.cells.len()).max().unwrap_or(0).max(1);
        for (at, column) in row.iter().enumerate() {
            let left = LEFT + at * (COLUMN + GAP);
            // Writing to a String cannot fail.
            let _ = writeln!(
                body,
                "<g><title>{host}: {number} instances</title><rect x='{left}' y='{top}' width='{COLUMN}' \
                 height='{high}' class='host'/><text x='{middle}' y='{label}' class='name'>{short}</text></g>",
                host = escaped(&column.host),
                number = column.cells.len(),
                high = deep * CELL + 4,
                middle = left + COLUMN / 2,
                label = top - 5,
                short = escaped(&short(&column.host)),
            );
            for (depth, cell) in column.cells.iter().enumerate() {
                // Filled from the ground up.
                let y = top + 2 + (deep - 1 - depth) * CELL;
                body.push_str(&instance(picture, cell, left + 2, y));
            }
        }
        top += deep * CELL + 34;
    }
    let legend = legend(picture, &mut top);
    let more = picture.left_out().map_or_else(String::new, |more| format!("; {more}"));
    let all: usize = picture.tasks.iter().map(|task| task.count).sum();
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{top}' viewBox='0 0 {width} {top}' \
         font-family='sans-serif' font-size='12'>\n<style>.host{{fill:#f4f4f4;stroke:#999}}\
         .name{{text-anchor:middle;font-size:11px;fill:#333}}.in{{text-anchor:middle;fill:#111;\
         pointer-events:none}}.new{{stroke:#111;stroke-width:1.5}}.old{{stroke:#777;stroke-width:.5}}\
         .bad{{fill:#b00000}}.part{{fill:#c77700}}.good{{fill:#1b7f3b}}</style>\n<rect width='100%' height='100%' fill='white'/>\n\
         <text x='{LEFT}' y='24' font-size='16'>{head}</text>\n<text x='{LEFT}' y='42' fill='#555'>{all} instances \
         on {hosts} hosts{more}</text>\n{body}{legend}</svg>\n",
        head = picture.head(),
        hosts = picture.hosts,
    )
}

fn instance(picture: &Picture, cell: &Cell, x: usize, y: usize) -> String {
    let (width, height) = (COLUMN - 4, CELL - 2);
    let title = match cell.wishes {
        0 => escaped(&cell.name),
        all => format!("{}: {} of {all} soft rules as wished", escaped(&cell.name), cell.met),
    };
    let mark = cell.mark().map_or_else(String::new, |class| {
        format!("<path d='M{} {y}h12v12z' class='{class}'/>", x + width - 12)
    });
    format!(
        "<g><title>{title}</title><rect x='{x}' y='{y}' width='{width}' height='{height}' rx='2' \
         class='{class}' fill='{fill}'/><text x='{middle}' y='{line}' class='in'>{letters}</text>{mark}</g>\n",
        class = if cell.is_new { "new" } else { "old" },
        fill = colour(cell.task),
        middle = x + width / 2,
        line = y + 14,
        letters = picture.letters(cell),
    )
}

fn legend(picture: &Picture, top: &mut usize) -> String {
    let mut text = String::new();
    let mut line = |mark: String, said: &str| {
        let y = *top;
        *top += LEGEND;
        let _ = writeln!(
            text,
            "<g transform='translate({LEFT} {y})'>{mark}<text x='34' y='13'>{said}</text></g>"
        );
    };
    let block = |class: &str, task: Option<usize>, letters: &str| {
        format!(
            "<rect width='26' height='16' rx='2' class='{class}' fill='{}'/><text x='13' y='13' \
             class='in'>{letters}</text>",
            colour(task)
        )
    };
    for (at, task) in picture.tasks.iter().enumerate() {
        let wishes = match task.wishes {
            0 => String::new(),
            all => format!(", {} of {all} soft rules as wished", task.met),
        };
        let said = format!("{}: {}{wishes}", escaped(&task.task), task.count);
        line(block("old", Some(at), &task.letters), &said);
    }
    if picture.any(|cell| cell.task.is_none()) {
        line(block("old", None, "·"), "runs there and is not planned here");
    }
    if picture.any(|cell| cell.is_new) {
        line(block("new", None, ""), "a thick border: is started or moved");
    }
    for (class, said) in [
        ("good", "all its soft rules are as wished"),
        ("part", "some of its soft rules are as wished"),
        ("bad", "none of its soft rules is as wished"),
    ] {
        if picture.any(|cell| cell.mark() == Some(class)) {
            line(format!("<path d='M10 2h12v12z' class='{class}'/>"), said);
        }
    }
    text
}

/// Far apart for tasks that stand side by side in the list; light, so that letters can be read.
fn colour(task: Option<usize>) -> String {
    task.map_or("#ddd".to_owned(), |at| {
        let (hue, light) = (at * 137 % 360, [72, 82, 64][at / 8 % 3]);
        format!("hsl({hue},65%,{light}%)")
    })
}

fn short(name: &str) -> String {
    let long = name.chars().count();
    match long <= 10 {
        true => name.to_owned(),
        false => format!("…{}", name.chars().skip(long - 9).collect::<String>()),
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\'' => safe.push_str("&#39;"),
            '"' => safe.push_str("&quot;"),
            c => safe.push(c),
        }
    }
    safe
}
