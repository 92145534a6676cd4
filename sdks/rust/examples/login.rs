//! A user of an app logs in, as a program: `cargo run -p headwater --example login -- FOLDER SERVER PROVIDER TOKEN…`.
//!
//! It tries one token after another, says what came of each, writes once it is logged in, and logs in with the last token
//! again whenever it is asked to. It ends when its input does.

#![expect(clippy::print_stdout, reason = "it is what the program is for")]

use std::{env, io, process::ExitCode};

use headwater::compat::{Ditto, DittoAuthenticator, DittoConfig, DittoError};
use serde_json::json;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, server, provider, tokens @ ..] = &*arguments else { return usage() };
    let Some(last) = tokens.last().cloned() else { return usage() };
    match run(folder, server, provider, tokens, last) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("login: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: login FOLDER SERVER PROVIDER TOKEN…, as in: login till-7 http://localhost:8080 own secret");
    ExitCode::from(2)
}

fn run(folder: &str, server: &str, provider: &str, tokens: &[String], last: String) -> Result<(), DittoError> {
    let ditto = Ditto::open_sync(DittoConfig::new(folder).server(server))?;
    let Some(auth) = ditto.auth() else { return Ok(()) };
    for token in tokens {
        println!("{}", log_in(&auth, token, provider));
    }
    let provider = provider.to_owned();
    auth.set_expiration_handler(move |asking, _| {
        if let Some(auth) = asking.auth() {
            println!("again: {}", log_in(&auth, &last, &provider));
        }
    })?;
    ditto.start_sync()?;
    println!("{}", ditto.store().collection("people")?.upsert(json!({"name": "Susan"}))?);
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    Ok(())
}

fn log_in(auth: &DittoAuthenticator, token: &str, provider: &str) -> &'static str {
    match auth.login(token, provider) {
        Ok(_) => "logged in",
        Err(DittoError::Login { is_refused: true, .. }) => "rejected",
        Err(_) => "timed_out",
    }
}
