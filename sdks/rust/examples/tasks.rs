//! A list of tasks that several people share, offline too:
//! `cargo run -p headwater --example tasks -- FOLDER SERVER`, then a line each:
//!
//! ```text
//! add milk        a task
//! done 1          the first of the list is done, or not any more
//! drop 1          it is removed
//! ```
//!
//! The list is printed whenever it changes, here or elsewhere. It ends with its input.

use std::{
    env,
    io::{self, BufRead as _},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use headwater::{Config, Error, Headwater};
use serde_json::{Value, json};

const TASKS: &str = "SELECT * FROM tasks ORDER BY added, _id";

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (Some(folder), Some(server)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: tasks FOLDER SERVER, as in: tasks my-tasks http://localhost:8080");
        return ExitCode::from(2);
    };
    match run(&folder, &server) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tasks: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &str, server: &str) -> Result<(), Error> {
    let headwater = Headwater::open(Config::new(folder).server(server))?;
    headwater.sync().register_subscription("SELECT * FROM tasks", ())?;
    headwater.sync().on_rejected(|rejected| eprintln!("the server did not take it: {}", rejected.why))?;
    headwater.start_sync()?;

    let shown: Arc<Mutex<Vec<Value>>> = Arc::default();
    let list = shown.clone();
    headwater.store().register_observer(TASKS, (), move |tasks| {
        if let Ok(tasks) = tasks {
            print(&tasks);
            *list.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
        }
    })?;

    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Err(error) = command(&headwater, &line, &shown) {
            eprintln!("{error}"); // of a full disk, say: the list goes on
        }
    }
    Ok(())
}

fn command(headwater: &Headwater, line: &str, shown: &[Value]) -> Result<(), Error> {
    let store = headwater.store();
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let chosen = || rest.parse::<usize>().ok().and_then(|number| shown.get(number.checked_sub(1)?));
    match verb {
        "add" => {
            let task = json!({"text": rest, "done": false, "added": now_ms()});
            store.execute("INSERT INTO tasks DOCUMENTS (:task)", json!({"task": task}))?;
        }
        "done" => {
            let Some(task) = chosen() else { return Ok(()) };
            let args = json!({"id": task["_id"], "done": task["done"] != json!(true)});
            store.execute("UPDATE tasks SET done = :done WHERE _id = :id", args)?;
        }
        "drop" => {
            let Some(task) = chosen() else { return Ok(()) };
            store.collection("tasks")?.remove(task["_id"].clone())?;
        }
        _ => eprintln!("add TEXT, done NUMBER or drop NUMBER"),
    }
    Ok(())
}

/// By the device's clock: the order in which people expect their tasks.
#[expect(clippy::disallowed_methods, reason = "a program may look at the clock")]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn print(tasks: &[Value]) {
    println!("{} tasks", tasks.len());
    for (place, task) in tasks.iter().enumerate() {
        let mark = if task["done"] == json!(true) { "x" } else { " " };
        println!("{}. [{mark}] {}", place + 1, task["text"].as_str().unwrap_or_default());
    }
}
