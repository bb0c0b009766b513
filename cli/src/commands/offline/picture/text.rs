//! The picture in a terminal: letters in columns, as many side by side as there is room for.

use super::Picture;

/// Columns that the picture takes where nobody says how many there are.
const WIDTH: usize = 80;
const GAP: usize = 2;
const NAME_MOST: usize = 12;

pub(in super::super) fn text(picture: &Picture, width: Option<usize>) -> String {
    let letters = picture.tasks.iter().map(|legend| legend.letters.len()).max().unwrap_or(1) + 1;
    let names = picture.columns.iter().map(|column| column.host.chars().count()).max().unwrap_or(1);
    let wide = letters.max(names.min(NAME_MOST)).max(3);
    let side_by_side = ((width.unwrap_or(WIDTH) + GAP) / (wide + GAP)).max(1);
    let mut lines = Vec::new();
    for columns in picture.columns.chunks(side_by_side) {
        let row = |cell: &dyn Fn(usize) -> String| -> String {
            let cells: Vec<String> =
                (0..columns.len()).map(|at| format!("{:<wide$}", cell(at))).collect();
            cells.join(&" ".repeat(GAP)).trim_end().to_owned()
        };
        lines.push(row(&|at| shortened(&columns[at].host, wide)));
        lines.push(row(&|_| "-".repeat(wide)));
        let deep = columns.iter().map(|column| column.cells.len()).max().unwrap_or(0);
        for depth in 0..deep {
            lines.push(row(&|at| {
                columns[at].cells.get(depth).map_or_else(String::new, |cell| {
                    let mark = if cell.met < cell.wishes { "!" } else { "" };
                    format!("{}{mark}", picture.letters(cell))
                })
            }));
        }
        lines.push(String::new());
    }
    for legend in &picture.tasks {
        let wishes = match legend.wishes {
            0 => String::new(),
            all => format!(", {} of {all} soft rules as wished", legend.met),
        };
        lines.push(format!("{} {}: {}{wishes}", legend.letters, legend.task, legend.count));
    }
    if picture.any(|cell| cell.task.is_none()) {
        lines.push("· runs there and is not planned here".to_owned());
    }
    if picture.any(|cell| cell.met < cell.wishes) {
        lines.push("! a soft rule is not as wished".to_owned());
    }
    lines.extend(picture.left_out());
    lines.push(picture.head());
    lines.join("\n")
}

/// The end of a name tells hosts apart, so its beginning goes.
fn shortened(name: &str, wide: usize) -> String {
    let long = name.chars().count();
    if long <= wide {
        return name.to_owned();
    }
    let rest: String = name.chars().skip(long - wide + 1).collect();
    format!("…{rest}")
}
