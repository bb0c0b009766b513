//! `lathe completions SHELL` and `lathe man`: what the arguments say of themselves.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::{Args, Man};
use crate::failure::{BAD_INPUT, Failure, OK};
use crate::printer::Printer;

pub(crate) fn completions(shell: Shell, printer: &Printer) -> u8 {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "lathe", &mut text);
    printer.raw(&String::from_utf8_lossy(&text));
    OK
}

pub(crate) fn man(asked: &Man, printer: &Printer) -> Result<u8, Failure> {
    let mut root = Args::command().disable_help_subcommand(true);
    root.build();
    if let Some(folder) = &asked.out {
        let failed = |error| Failure::io(format!("writing into {}", folder.display()), &error);
        std::fs::create_dir_all(folder).map_err(failed)?;
        clap_mangen::generate_to(root, folder).map_err(failed)?;
        printer.say(&format!("the manual is in {}", folder.display()));
        return Ok(OK);
    }
    let page = match &asked.command {
        None => root,
        Some(name) => {
            let found = root.get_subcommands().find(|command| command.get_name() == name).cloned();
            found.ok_or_else(|| {
                let text = format!("there is no command `{name}`");
                Failure::new(text).with_code(BAD_INPUT).with_hint("`lathe --help` lists them")
            })?
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut text)
        .map_err(|error| Failure::io("making the page", &error))?;
    printer.raw(&String::from_utf8_lossy(&text));
    Ok(OK)
}
