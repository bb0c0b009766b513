//! The program `engines`: installs engines, starts some that stay, and ends them. Everything is in
//! the library's `command`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lathe_engines::command::run()
}
