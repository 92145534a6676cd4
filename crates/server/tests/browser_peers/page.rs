//! A page that has imported the package, and the site that it comes from.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::browser::Browser;

/// What a page is before a test does something on it.
const PAGE: &str = "<!doctype html><meta charset=utf-8><title>peer</title><link rel=icon href=data:,><body>\
    <script type=module>import * as headwater from '/src/browser/index.js'; window.headwater = headwater</script>";

/// Serves the package's folder, [`PAGE`], and the vectors' folder beside the package's. Ends with the process.
pub(crate) struct Site {
    pub(crate) url: String,
}

impl Site {
    pub(crate) fn start() -> Self {
        let package = package();
        let module = package.join("dist/headwater.wasm");
        assert!(module.exists(), "{} is not there; cargo xtask test builds it", module.display());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let package = package.clone();
                std::thread::spawn(move || drop(answer(stream, &package)));
            }
        });
        Self { url }
    }

    /// Opens the page in a browser, and waits until the package is there.
    #[track_caller]
    pub(crate) fn open(&self, browser: &Browser) {
        browser.open(&self.url);
        browser.wait_until("the package is imported", |it| it.run("return 'headwater' in window", &[]) == json!(true));
    }
}

fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdks/js")
}

fn answer(mut stream: TcpStream, package: &Path) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or("/").split('?').next().unwrap_or("/");
    let found = match path {
        "/" => Ok(PAGE.as_bytes().to_vec()),
        _ if path.starts_with("/conformance/") || path.starts_with("/js/") => {
            std::fs::read(package.with_file_name(path.trim_start_matches('/')))
        }
        _ => std::fs::read(package.join(path.trim_start_matches('/'))),
    };
    let kind = match path.rsplit('.').next() {
        Some("js") => "text/javascript",
        Some("wasm") => "application/wasm",
        _ => "text/html",
    };
    let (status, body) = found.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\
         Access-Control-Allow-Origin: *\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

/// Runs the body of an async function on the page, with `args`: what it returns, or its error as
/// `code: message`.
#[track_caller]
pub(crate) fn tries(browser: &Browser, body: &str, args: &[Value]) -> Result<Value, String> {
    let script = format!(
        "const done = arguments[arguments.length - 1]; const args = [...arguments].slice(0, -1);
        (async () => {{ {body} }})().then(
            (value) => done({{ value: value ?? null }}),
            (error) => done({{ error: `${{error.code}}: ${{error.message}}` }}))"
    );
    let mut done = browser.run_async(&script, args);
    match done["error"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(done["value"].take()),
    }
}

/// The same, of what does not fail.
#[track_caller]
pub(crate) fn does(browser: &Browser, body: &str, args: &[Value]) -> Value {
    tries(browser, body, args).unwrap_or_else(|error| panic!("{error} of: {body}"))
}

/// Opens a peer as `window.peer`.
#[track_caller]
pub(crate) fn open_peer(browser: &Browser, config: &Value) {
    does(browser, "window.peer = await headwater.Headwater.open(args[0])", std::slice::from_ref(config));
}

/// The ids of a collection's documents, in order.
#[track_caller]
pub(crate) fn ids(browser: &Browser, collection: &str) -> Vec<String> {
    let body = "return (await peer.store.collection(args[0]).find().documents()).map((it) => it._id)";
    let ids = does(browser, body, &[collection.into()]);
    ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}
