//! The page's write, as a program: `cargo run -p headwater --example page -- FOLDER SERVER`.
//!
//! It needs no server: what it writes is in the folder when it prints the id, and is synced then or
//! by the next program that opens the folder. It ends when its input does.

use std::{env, io, process::ExitCode};

use headwater::compat::{Ditto, DittoConfig, DittoError};
use serde_json::json;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (Some(folder), Some(server)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: page FOLDER SERVER, as in: page till-7 http://localhost:8080");
        return ExitCode::from(2);
    };
    match write(&folder, &server) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("page: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn write(folder: &str, server: &str) -> Result<(), DittoError> {
    let ditto = Ditto::open_sync(DittoConfig::new(folder).server(server))?;
    ditto.start_sync()?;

    let doc_id = ditto.store().collection("people")?.upsert(json!({
        "name": "Susan",
        "age": 31,
    }))?;

    println!("{doc_id}");
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    Ok(())
}
