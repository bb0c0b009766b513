//! Drills: transcripts of what somebody does to a small cluster, and what is seen of it.
//!
//! Owns the form of a transcript: `#` is prose, `>` a command, `|` what is given to it, everything
//! else what it shows. The cluster is the scheduler's framework and the stand-in's master as they are,
//! with models of hosts, store and network on a clock of its own, so that a transcript is the same
//! every time. It must not know any drill.

mod commands;
mod fleet;
mod hosts;
mod shown;

use commands::Session;

/// The transcript with what its commands show now.
///
/// # Errors
/// When it has not the form of one, or a command cannot be carried out, with the line.
pub fn rewritten(text: &str) -> Result<String, String> {
    let lines: Vec<&str> = text.lines().collect();
    let prose = lines.iter().take_while(|line| line.starts_with('#')).count();
    if !lines.first().is_some_and(|line| line.starts_with("# ")) || prose < 3 {
        return Err("a drill begins with `# title` and a paragraph of prose".to_owned());
    }
    let mut out: Vec<String> = Vec::new();
    let mut session = Session::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        if line.starts_with('#') || line.is_empty() {
            out.push((*line).to_owned());
            continue;
        }
        // Anything else was shown by the command before, and is shown again.
        let Some(command) = line.strip_prefix("> ") else { continue };
        let given = lines[at..].iter().take_while(|line| line.starts_with('|')).count();
        let given = &lines[at..at + given];
        out.push((*line).to_owned());
        out.extend(given.iter().map(|line| (*line).to_owned()));
        at += given.len();
        let given: Vec<&str> =
            given.iter().map(|line| line[1..].strip_prefix(' ').unwrap_or(&line[1..])).collect();
        let shown = session.run(command, &given.join("\n"));
        out.extend(shown.map_err(|why| format!("line {at}: {why}"))?);
    }
    Ok(out.join("\n") + "\n")
}

#[cfg(test)]
mod tests;
