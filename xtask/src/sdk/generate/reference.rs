//! `docs/reference/small-peer-calls.md`: what each call takes and gives, for people.
//!
//! Each call's example is a case of the vectors with the call's name, so that every SDK runs it.
//!
//! Invariants: a call without an example is an error.

use anyhow::{Context, Result, ensure};

use super::{COMMAND, sentence};
use crate::sdk::calls::{Call, Calls, Fields, Watch};
use crate::sdk::examples::{Example, Examples};

pub(super) fn page(calls: &Calls, examples: &Examples) -> Result<String> {
    let mut text = beginning(calls, examples);
    text += "\n## Calls\n\nErrors are named beside those that [every call](#errors) may be answered with.\n";
    for call in &calls.calls {
        let example = examples.of(&call.call).with_context(|| format!("no vector is an example of {}", call.call))?;
        text += &of_call(call, example)?;
    }
    text += "\n## Watches\n\nAn event is a message. The first one tells what is so now; those that come while one is being handled become one.\n";
    for watch in &calls.watches {
        let example = examples.of(&format!("watch {}", watch.watch));
        let example = example.with_context(|| format!("no vector is an example of the watch {}", watch.watch))?;
        text += &of_watch(watch, example)?;
    }
    text += "\n## Types\n\n";
    text += &table(["", ""], &calls.types);
    text += &errors(calls);
    Ok(text)
}

fn beginning(calls: &Calls, examples: &Examples) -> String {
    let mut text = format!(
        "<!-- Made of sdks/calls.json and of the examples in sdks/conformance/vectors/api/examples.json by\n     \
         `{COMMAND}`. -->\n\n\
         # Calls of a small peer\n\n\
         What an SDK of another language than Rust asks of the library under it: messages in and out. An app does not see\n\
         them; who writes an SDK does, and its driver of the [conformance vectors](../../sdks/conformance/README.md) too.\n\
         What small peers are is in the [guide](../guides/small-peers.md).\n\n\
         - [Messages](#messages) · [Opening](#opening) · [Calls](#calls) · [Watches](#watches) · [Types](#types) · [Errors](#errors)\n\n"
    );
    text += "| call | it is answered |\n|---|---|\n";
    for call in &calls.calls {
        text += &format!("| [{}](#{0}) | {} |\n", call.call, when(&call.kind));
    }
    text += "\n## Messages\n\n\
         A request says what it is in `call` or `watch`, and what it takes beside that. What is there is what is listed\n\
         here: another name, type or field is an error. A name with `?` may be left out, or be null. The answer is an object with\n\
         what the call gives, or with `error`:\n\n";
    text += &example_of(&examples.error);
    text += "\n";
    text += &table(["answer", ""], &calls.answer);
    text += "\n";
    text += &table(["format", ""], &calls.formats);
    text += "\n## Opening\n\n";
    text += "```json example\n{\"abi\": 1, \"dir\": \"till-7\", \"server\": \"http://localhost:8080\", \"sdk\": \"swift 0.1\"}\n```\n\n";
    text += &table(["configuration", ""], &calls.config);
    text += &format!("\nThis is list {} of calls. A library that has another one answers `unsupported`.\n", calls.abi);
    text
}

fn of_call(call: &Call, example: &Example) -> Result<String> {
    let mut text = format!("\n### {}\n\n{}: {}.\n\n", call.call, sentence(&call.kind), when(&call.kind));
    text += &parts("takes", &call.takes);
    text += &parts("gives", &call.gives);
    if !call.errors.is_empty() {
        let errors: Vec<_> = call.errors.iter().map(|code| format!("`{code}`")).collect();
        text += &format!("\nErrors: {}.\n", errors.join(", "));
    }
    text += "\n";
    text += &example_of(example);
    Ok(text)
}

fn of_watch(watch: &Watch, example: &Example) -> Result<String> {
    ensure!(!example.lines.is_empty(), "the example of {} is empty", watch.watch);
    let mut text = format!("\n### watch {}\n\n", watch.watch);
    text += &parts("takes", &watch.takes);
    text += &parts("tells", &watch.tells);
    text += "\n";
    text += &example_of(example);
    Ok(text)
}

/// A list of what a message has.
fn parts(verb: &str, fields: &Fields) -> String {
    if fields.0.is_empty() {
        return format!("- {verb} nothing\n");
    }
    fields.0.iter().map(|(name, what)| format!("- {verb} `{name}`: {what}\n")).collect()
}

/// When the answer comes.
fn when(kind: &str) -> &'static str {
    match kind {
        "read" => "at once, from what is stored; no write is waited for",
        "write" => "once it is durable; of a `relaxed` peer earlier",
        "state" => "at once, after the calls before it",
        "write, or read if it is a SELECT" => "a SELECT at once, everything else once it is durable",
        "waits" => "once the server has said something, or after the time",
        "asks the server" => {
            "once the server has answered; its token is used from then on. A browser's engine has it not: its page asks"
        }
        _ => "as what it is",
    }
}

fn table(head: [&str; 2], fields: &Fields) -> String {
    let rows = fields.0.iter().map(|(name, what)| format!("| `{name}` | {what} |\n"));
    format!("| {} | {} |\n|---|---|\n", head[0], head[1]) + &rows.collect::<String>()
}

fn example_of(example: &Example) -> String {
    format!("```json example\n{}\n```\n", example.lines.join("\n"))
}

fn errors(calls: &Calls) -> String {
    let always: Vec<_> = calls.always.iter().map(|code| format!("`{code}`")).collect();
    let mut text = format!(
        "\n## Errors\n\nEvery call may be answered with {}.\n\n\
         | number | code | |\n|---|---|---|\n",
        always.join(", ")
    );
    for code in &calls.errors {
        text += &format!("| {} | `{}` | {} |\n", code.number, code.code, code.meaning);
    }
    text + "\nThe numbers are those of the C ABI and of `headwater_codes.h`. Codes are never given another meaning; new ones may come.\n"
}
