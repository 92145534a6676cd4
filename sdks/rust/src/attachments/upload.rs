//! Uploads, each in a thread of its own, so that nothing waits for it but what must.
//!
//! One that breaks off goes on where it was, over connections and processes: the server keeps what came.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    sync::Arc,
    thread,
};

use serde::Deserialize;
use sync_protocol::NackCode;

use super::Attachments;
use crate::{
    connection::Server,
    http::{Request, Response},
    limits::ATTACHMENT_ANSWER_BYTES_MAX,
    mailbox::{Mailbox, Message},
};

/// What came of an upload.
#[derive(Debug)]
pub(crate) enum Uploaded {
    /// The server has the file, durably.
    Done,
    /// It may go better another time.
    Failed(String),
    /// The server does not take it, whenever it comes.
    Refused(NackCode, String),
}

/// What a server has of a file.
enum Came {
    Part(u64),
    /// It says something else.
    Answer(Response),
}

/// Begins to upload the file, and tells the mailbox.
pub(crate) fn start(attachments: Arc<Attachments>, id: String, mailbox: Mailbox) -> io::Result<()> {
    let run = move || {
        let uploaded = attachments.upload(&id).unwrap_or_else(|error| Uploaded::Failed(error.to_string()));
        mailbox.tell(Message::Uploaded { id, uploaded });
    };
    thread::Builder::new().name("headwater-upload".to_owned()).spawn(run).map(drop)
}

impl Attachments {
    fn upload(&self, id: &str) -> io::Result<Uploaded> {
        let (Some(server), Some(path)) = (&self.server, self.folder.find(id)) else {
            return Err(io::Error::other("the attachment's file is gone"));
        };
        let asked = self.request("HEAD", format!("{}/{id}", server.endpoint.attachments_path())).send(server)?;
        if asked.status == 200 {
            return Ok(Uploaded::Done);
        }
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let mut at = match self.ask(server, id, len)? {
            Came::Part(received) => received,
            // A server that knows no parts.
            Came::Answer(answer) if answer.status == 405 => return self.answered(self.post(server, &file)?, id),
            Came::Answer(answer) => return self.answered(answer, id),
        };
        loop {
            let failed = match self.put(server, id, &file, at..len) {
                Ok(answer) => return self.answered(answer, id),
                Err(error) => error,
            };
            at = match self.ask(server, id, len)? {
                // Each connection brings some of it.
                Came::Part(received) if received > at => received,
                Came::Part(_) => return Err(failed),
                Came::Answer(answer) => return self.answered(answer, id),
            };
        }
    }

    /// How much of the file the server has, or what else it says.
    fn ask(&self, server: &Server, id: &str, len: u64) -> io::Result<Came> {
        #[derive(Deserialize)]
        struct Received {
            received: u64,
        }
        let mut request = self.request("PUT", format!("{}/{id}", server.endpoint.attachments_path()));
        request.headers.push(("Content-Range", format!("bytes */{len}")));
        let answer = Request { body: Some((&mut io::empty(), 0)), ..request }.send(server)?;
        if answer.status != 202 {
            return Ok(Came::Answer(answer));
        }
        let Received { received } = serde_json::from_slice(&answer.bytes(ATTACHMENT_ANSWER_BYTES_MAX)?)?;
        Ok(Came::Part(received))
    }

    fn put(&self, server: &Server, id: &str, mut file: &File, part: Range<u64>) -> io::Result<Response> {
        file.seek(SeekFrom::Start(part.start))?;
        let mut request = self.request("PUT", format!("{}/{id}", server.endpoint.attachments_path()));
        if !part.is_empty() {
            let range = format!("bytes {}-{}/{}", part.start, part.end - 1, part.end);
            request.headers.push(("Content-Range", range));
        }
        Request { body: Some((&mut file, part.end - part.start)), ..request }.send(server)
    }

    /// Whole, as a form.
    fn post(&self, server: &Server, file: &File) -> io::Result<Response> {
        let boundary = format!("headwater-{:032x}", rand::random::<u128>());
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        let length = head.len() as u64 + file.metadata()?.len() + tail.len() as u64;
        let mut body = head.as_bytes().chain(file).chain(tail.as_bytes());
        let mut request = self.request("POST", format!("{}/upload", server.endpoint.attachments_path()));
        request.headers.push(("Content-Type", format!("multipart/form-data; boundary={boundary}")));
        Request { body: Some((&mut body, length)), ..request }.send(server)
    }

    fn answered(&self, response: Response, id: &str) -> io::Result<Uploaded> {
        #[derive(Deserialize)]
        struct Kept {
            id: String,
        }
        Ok(match response.status {
            200 => {
                let kept: Kept = serde_json::from_slice(&response.bytes(ATTACHMENT_ANSWER_BYTES_MAX)?)?;
                match kept.id == id {
                    true => Uploaded::Done,
                    false => Uploaded::Refused(NackCode::Invalid, "the file is damaged here".to_owned()),
                }
            }
            202 | 401 | 408 | 409 | 429 | 500.. => {
                Uploaded::Failed(format!("cannot upload an attachment: {}", response.why()))
            }
            413 => Uploaded::Refused(NackCode::TooLarge, response.why()),
            400 => Uploaded::Refused(NackCode::Invalid, response.why()),
            _ => Uploaded::Refused(NackCode::Denied, response.why()),
        })
    }

    pub(super) fn request<'r>(&self, method: &'static str, path: String) -> Request<'r> {
        Request { method, path, headers: self.authorization().into_iter().collect(), body: None }
    }
}
