//! A server of the local store alone, for this crate's tests to kill: `… DIR SOCKET`. Not part of any
//! product.

use std::process::ExitCode;

use lathe_coordination::local::server::Server;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let (Some(dir), Some(socket)) = (args.next(), args.next()) else { return ExitCode::from(2) };
    let Ok(server) = Server::open(dir) else { return ExitCode::FAILURE };
    match server.serve(std::path::PathBuf::from(socket), std::future::pending()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
