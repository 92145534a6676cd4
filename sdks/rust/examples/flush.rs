//! Syncs what a folder has: `cargo run -p headwater --example flush -- FOLDER SERVER`.
//!
//! It ends when the server has everything, and prints the last transaction that it became.

use std::{env, process::ExitCode, time::Duration};

use headwater::{Config, Error, Headwater};

const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (Some(folder), Some(server)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: flush FOLDER SERVER, as in: flush till-7 http://localhost:8080");
        return ExitCode::from(2);
    };
    match flush(&folder, &server) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flush: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn flush(folder: &str, server: &str) -> Result<(), Error> {
    let headwater = Headwater::open(Config::new(folder).server(server))?;
    headwater.start_sync()?;
    if let Some(txn) = headwater.sync().flushed(PATIENCE)? {
        println!("{txn}");
    }
    Ok(())
}
