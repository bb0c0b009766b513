//! `lathe explain INSTANCE`: why it is where it is, or why it waits, host by host.

use lathe_api::rest::{ExplainHost, ExplainRule, ExplainView};

use super::status::suspects;
use crate::args::Find;
use crate::client::{Client, segment};
use crate::failure::{Failure, OK};
use crate::printer::{Printer, Tone, ago, now_ms, utc, wrapped};

/// Where the sentences about a host begin.
const SENTENCE: usize = 12;

pub(crate) async fn run(
    find: &Find,
    instance: &str,
    json: bool,
    printer: &Printer,
) -> Result<u8, Failure> {
    let client = Client::find(find)?;
    // An incarnation stands for its instance.
    let name = match instance.split_once('#') {
        Some((task, slot)) => format!("{task}#{}", slot.split('.').next().unwrap_or(slot)),
        None => instance.to_owned(),
    };
    let name = name.strip_prefix("task.").unwrap_or(&name);
    let mut view: ExplainView = client.read(&format!("/v1/explain/{}", segment(name))).await?;
    let suspects = suspects::heard(&client, std::slice::from_ref(&view.instance)).await;
    suspects::mark_one(&mut view.instance, &suspects);
    if json {
        printer.json(&view, true);
        return Ok(OK);
    }
    for line in lines(&view, printer) {
        // Under its own beginning, not under the number before it.
        let lead = line.len() - line.trim_start().len();
        let indent = if lead == 0 { 2 } else { SENTENCE - lead };
        printer.data(&wrapped(&line, printer.width(), indent));
    }
    Ok(OK)
}

fn lines(view: &ExplainView, printer: &Printer) -> Vec<String> {
    let one = &view.instance;
    let now = now_ms();
    let name = one.incarnation.as_deref().unwrap_or(&one.instance);
    let tone = Tone::of_state(&one.state);
    let state = tone.map_or_else(|| one.state.clone(), |tone| printer.paint(tone, &one.state));
    let host = one.host.as_deref().map(|host| format!(" on {host}")).unwrap_or_default();
    let since = match one.since_ms {
        0 => String::new(),
        since => format!(" for {}", ago(since, now)),
    };
    let reason = one.reason.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
    let mut lines = vec![format!("{name} is {state}{host}{since}{reason}")];
    if !view.wanted {
        lines.push("no accepted topology wants it".to_owned());
    }
    if let Some(end) = &view.last_end {
        lines.push(format!("its last life ended: {end}"));
    }
    if view.early_ends > 0 {
        lines.push(format!("{} ends in a row came early", view.early_ends));
    }
    if view.not_before_ms > now {
        lines.push(format!("it is not started before {}", utc(view.not_before_ms)));
    }
    for host in &view.hosts {
        lines.push(String::new());
        lines.extend(of_host(host, printer));
    }
    lines
}

fn of_host(host: &ExplainHost, printer: &Printer) -> Vec<String> {
    let here = if host.here { ", runs here" } else { "" };
    let head = if let Some(state) = &host.out_of_use {
        let word = printer.paint(Tone::Bad, "out of use");
        format!("{}: {word}, {state}{here}", host.host)
    } else if host.excluded.is_empty() {
        format!("{}: {} points{here}", host.host, signed(host.points))
    } else {
        format!("{}: {}{here}", host.host, printer.paint(Tone::Bad, "excluded"))
    };
    let excluding = host.excluded.iter().map(|rule| {
        let code = rule.code.as_deref().unwrap_or_default();
        format!("    {code:<6}  {} ({})", rule.sentence, rule.statement)
    });
    let adding = |rule: &ExplainRule| format!("{:>10}  {}", signed(rule.points), rule.sentence);
    let adding = host.rules.iter().map(adding);
    std::iter::once(head).chain(excluding).chain(adding).collect()
}

fn signed(points: i64) -> String {
    if points > 0 { format!("+{points}") } else { points.to_string() }
}
