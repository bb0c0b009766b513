//! Literate specs: pages of prose with small topologies, hosts and what must come out.
//!
//! Owns the form of a page (`specs/README.md` describes it) and the way from its blocks to its
//! outcomes. It must not know any page, nor decide anything: placement does.

mod blocks;
mod case;
mod outcome;

use case::Case;

pub(crate) use blocks::hosts;
pub(crate) use case::Source;
pub(crate) use outcome::{findings, reason, weighed};

/// The page with its outcome blocks as they come out now.
///
/// # Errors
/// When the page has not the form of one, with the line.
pub fn rewritten(page: &str) -> Result<String, String> {
    let lines: Vec<&str> = page.lines().collect();
    let lead = lines.iter().skip(1).find(|line| !line.trim().is_empty());
    if !lines.first().is_some_and(|line| line.starts_with("# "))
        || lead.is_none_or(|line| ["#", "```", "|", "- "].iter().any(|mark| line.starts_with(mark)))
    {
        return Err("a page begins with `# title` and a paragraph of prose".to_owned());
    }
    let mut out: Vec<String> = Vec::new();
    let mut case = Case::default();
    let mut outcomes = 0;
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        out.push((*line).to_owned());
        if line.starts_with("## ") {
            case.next_section();
        }
        let Some(info) = line.strip_prefix("```") else { continue };
        let end = lines[at..].iter().position(|line| *line == "```");
        let end = at + end.ok_or_else(|| format!("line {at}: the block does not end"))?;
        let body = &lines[at..end];
        if info == "outcome" {
            out.extend(case.outcome().map_err(|why| format!("line {at}: {why}"))?);
            outcomes += 1;
        } else {
            case.block(info, body).map_err(|why| format!("line {at}: {why}"))?;
            out.extend(body.iter().map(|line| (*line).to_owned()));
        }
        out.push("```".to_owned());
        at = end + 1;
    }
    if outcomes == 0 {
        return Err("the page has no outcome".to_owned());
    }
    Ok(out.join("\n") + "\n")
}

#[cfg(test)]
mod tests;
