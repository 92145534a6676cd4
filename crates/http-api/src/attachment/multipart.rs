//! A form with one file in it, taken apart as it comes (`multipart/form-data`: RFC 7578; its
//! delimiters: RFC 2046, section 5.1.1).
//!
//! Invariants: no more of the form is held than a delimiter, or the headers of a part, can be; what
//! is not exactly one part named `file`, with both of its delimiters, is an error. Pure: who reads
//! the form hands it over piece by piece.

use memchr::memmem::Finder;

use crate::limits::{PART_HEAD_BYTES_MAX, PART_TAIL_BYTES_MAX};

/// The longest boundary (RFC 2046, section 5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;

/// Why a form is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MultipartError {
    #[error("an attachment is uploaded as multipart/form-data with a boundary: curl -F file=@photo.jpg")]
    NotMultipart,
    #[error("the form does not begin with its boundary")]
    NoBegin,
    #[error("the boundary is followed by neither a line's end nor two hyphens")]
    Delimiter,
    #[error("the headers of the part are longer than {PART_HEAD_BYTES_MAX} bytes")]
    HeadTooLong,
    #[error("the part must say Content-Disposition: form-data; name=\"file\"{}", found.as_ref().map_or(String::new(), |name| format!(", not name={name:?}")))]
    NotFile { found: Option<String> },
    #[error("Content-Transfer-Encoding {0:?} is not supported: send the file's own bytes")]
    Encoded(String),
    #[error("the form has more than one part: an upload is one file")]
    SecondPart,
    #[error("the form has no part: it needs one named \"file\"")]
    NoPart,
    #[error("the form is cut off: its last boundary is missing")]
    CutOff,
    #[error("the form goes on after its last boundary")]
    Rest,
}

/// A form that is being read.
#[derive(Debug)]
pub(crate) struct Multipart {
    delimiter: Vec<u8>,
    finder: Finder<'static>,
    state: State,
    /// What came and could not be told apart yet.
    pending: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Begin,
    /// After the first delimiter.
    FirstDelimiter,
    Head,
    Content,
    /// After the delimiter at the file's end.
    LastDelimiter,
    End,
}

impl Multipart {
    /// For a form of this `Content-Type`.
    pub(crate) fn new(content_type: &str) -> Result<Self, MultipartError> {
        let boundary = boundary(content_type).ok_or(MultipartError::NotMultipart)?;
        let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
        let finder = Finder::new(&delimiter).into_owned();
        // Before the first delimiter no line ends.
        Ok(Self { delimiter, finder, state: State::Begin, pending: b"\r\n".to_vec() })
    }

    /// Takes the next bytes of the form; gives what of the file is certain to `content`, in pieces.
    pub(crate) fn take(&mut self, bytes: &[u8], mut content: impl FnMut(&[u8])) -> Result<(), MultipartError> {
        let rest = match self.pass_through(bytes, &mut content) {
            Some(passed) => &bytes[passed..],
            None => bytes,
        };
        self.pending.extend_from_slice(rest);
        let mut at = 0;
        while let Some(used) = self.step(at, &mut content)? {
            at += used;
        }
        self.pending.drain(..at);
        Ok(())
    }

    /// Within the file bytes need not be copied: gives those before its end to `content`, and how many they are. `None`
    /// where what is pending may go on in `bytes` as a delimiter, or there are too few to tell.
    fn pass_through(&mut self, bytes: &[u8], content: &mut impl FnMut(&[u8])) -> Option<usize> {
        let len = self.delimiter.len();
        if self.state != State::Content || bytes.len() < len {
            return None;
        }
        let before = self.pending.len();
        self.pending.extend_from_slice(&bytes[..len - 1]);
        let is_split = self.finder.find(&self.pending).is_some();
        self.pending.truncate(before);
        if is_split {
            return None;
        }
        content(&self.pending);
        self.pending.clear();
        let passed = self.finder.find(bytes).unwrap_or(bytes.len() + 1 - len);
        content(&bytes[..passed]);
        Some(passed)
    }

    /// The form is at its end.
    pub(crate) fn finish(self) -> Result<(), MultipartError> {
        if self.state == State::End { Ok(()) } else { Err(MultipartError::CutOff) }
    }

    /// One step from `at` on; gives how much of the pending bytes it has used, `None` if it needs more
    /// of them.
    fn step(&mut self, at: usize, content: &mut impl FnMut(&[u8])) -> Result<Option<usize>, MultipartError> {
        let rest = &self.pending[at..];
        let (used, state) = match self.state {
            State::Begin if rest.len() < self.delimiter.len() => return Ok(None),
            State::Begin => {
                // A client may send an empty line first.
                let empty = usize::from(rest.starts_with(b"\r\n\r\n")) * 2;
                match rest[empty..].starts_with(&self.delimiter) {
                    true => (empty + self.delimiter.len(), State::FirstDelimiter),
                    false if empty > 0 && rest.len() < empty + self.delimiter.len() => return Ok(None),
                    false => return Err(MultipartError::NoBegin),
                }
            }
            State::FirstDelimiter | State::LastDelimiter => match (rest, self.state) {
                ([b'\r', b'\n', ..], State::FirstDelimiter) => (0, State::Head),
                ([b'-', b'-', ..], State::FirstDelimiter) => return Err(MultipartError::NoPart),
                ([b'-', b'-', ..], _) => (2, State::End),
                ([b'\r', b'\n', ..], _) => return Err(MultipartError::SecondPart),
                ([] | [b'\r'] | [b'-'], _) => return Ok(None),
                _ => return Err(MultipartError::Delimiter),
            },
            State::Head => match memchr::memmem::find(rest, b"\r\n\r\n") {
                Some(end) if end <= PART_HEAD_BYTES_MAX => {
                    check_head(&rest[..end])?;
                    (end + 4, State::Content)
                }
                None if rest.len() <= PART_HEAD_BYTES_MAX => return Ok(None),
                _ => return Err(MultipartError::HeadTooLong),
            },
            State::Content => return Ok(self.content_step(at, content)),
            State::End if rest.len() > PART_TAIL_BYTES_MAX => return Err(MultipartError::Rest),
            State::End => return Ok(None),
        };
        self.state = state;
        Ok(Some(used))
    }

    fn content_step(&mut self, at: usize, content: &mut impl FnMut(&[u8])) -> Option<usize> {
        let rest = &self.pending[at..];
        if let Some(end) = self.finder.find(rest) {
            content(&rest[..end]);
            self.state = State::LastDelimiter;
            return Some(end + self.delimiter.len());
        }
        // What may be the beginning of a delimiter stays.
        let certain = (rest.len() + 1).checked_sub(self.delimiter.len()).filter(|&certain| certain > 0)?;
        content(&rest[..certain]);
        Some(certain)
    }
}

/// The boundary of a `multipart/form-data`.
fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let is_one = !boundary.is_empty() && boundary.len() <= BOUNDARY_BYTES_MAX && boundary.bytes().all(is_allowed);
    (is_one && !boundary.ends_with(' ')).then_some(boundary)
}

/// The value of a parameter, in quotes or not; as it stands there, with its escapes.
fn parameter<'t>(mut parameters: &'t str, name: &str) -> Option<&'t str> {
    loop {
        let (known, rest) = parameters.split_once('=')?;
        let (value, rest) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => {
                // A backslash keeps what follows it from ending the text (RFC 9110, section 5.6.4).
                let mut is_escaped = false;
                let end = quoted.find(|c| match (std::mem::take(&mut is_escaped), c) {
                    (false, '"') => true,
                    (false, '\\') => {
                        is_escaped = true;
                        false
                    }
                    _ => false,
                })?;
                (&quoted[..end], &quoted[end + 1..])
            }
            None => {
                let (value, rest) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
                (value.trim(), rest)
            }
        };
        if known.trim_matches([' ', '\t', ';']).eq_ignore_ascii_case(name) {
            return Some(value);
        }
        parameters = rest;
    }
}

/// Whether these are the headers of the part that is wanted.
fn check_head(head: &[u8]) -> Result<(), MultipartError> {
    let head = String::from_utf8_lossy(head);
    let mut disposition = None;
    for line in head.split("\r\n") {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-disposition") {
            disposition = Some(value);
        } else if name.eq_ignore_ascii_case("content-transfer-encoding")
            && !["binary", "8bit", "7bit"].iter().any(|plain| value.eq_ignore_ascii_case(plain))
        {
            return Err(MultipartError::Encoded(value.to_owned()));
        }
    }
    let (kind, parameters) = disposition.unwrap_or_default().split_once(';').unwrap_or_default();
    match parameter(parameters, "name").filter(|_| kind.trim().eq_ignore_ascii_case("form-data")) {
        Some("file") => Ok(()),
        found => Err(MultipartError::NotFile { found: found.map(str::to_owned) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=x-y";

    /// What comes of a form that comes in pieces of so many bytes.
    fn read(form: &[u8], piece: usize) -> Result<Vec<u8>, MultipartError> {
        let mut reader = Multipart::new(TYPE)?;
        let mut content = Vec::new();
        for bytes in form.chunks(piece) {
            reader.take(bytes, |bytes| content.extend_from_slice(bytes))?;
        }
        reader.finish()?;
        Ok(content)
    }

    fn form(content: &[u8]) -> Vec<u8> {
        let head = b"--x-y\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a;b\"\r\nContent-Type: text/plain\r\n\r\n";
        [head, content, b"\r\n--x-y--\r\n"].concat()
    }

    #[test]
    fn the_file_comes_out_however_the_form_comes() {
        let quoted = String::from_utf8(form(b"abc"))
            .unwrap()
            .replace("name=\"file\"; filename=\"a;b\"", r#"filename="a\"; name=b"; name="file""#);
        assert_eq!(read(quoted.as_bytes(), 9).as_deref(), Ok(&b"abc"[..]));
        let near = b"\r\n--x\r\n--x-\r\n\r\n".repeat(100);
        for content in [&b""[..], b"a", b"\r\n", b"\r\n--x-", b"--x-y--", &near, &[0; 5000]] {
            for piece in (1..20).chain([64, 100_000]) {
                assert_eq!(read(&form(content), piece).as_deref(), Ok(content), "{piece}");
            }
        }
        let mut empty_line_first = b"\r\n".to_vec();
        empty_line_first.extend(form(b"abc"));
        assert_eq!(read(&empty_line_first, 1).as_deref(), Ok(&b"abc"[..]));
    }

    #[test]
    fn whatever_is_not_one_file_is_refused() {
        let part = |name: &str| format!("--x-y\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\nabc\r\n");
        let named = |found: &str| MultipartError::NotFile { found: Some(found.to_owned()) };
        for (form, error) in [
            (part("file"), MultipartError::CutOff),
            (part("file") + "--x-", MultipartError::CutOff),
            (part("photo") + "--x-y--", named("photo")),
            (part("file") + &part("file") + "--x-y--", MultipartError::SecondPart),
            ("--x-y--\r\n".to_owned(), MultipartError::NoPart),
            ("--x-z\r\n".to_owned(), MultipartError::NoBegin),
            ("--x-yz\r\n\r\n".to_owned(), MultipartError::Delimiter),
            ("--x-y\r\nContent-Type: a/b\r\n\r\nabc\r\n--x-y--".to_owned(), MultipartError::NotFile { found: None }),
            (format!("--x-y\r\n{}", "a".repeat(20_000)), MultipartError::HeadTooLong),
            (
                part("file").replace("\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
                MultipartError::Encoded("base64".to_owned()),
            ),
            (part("file") + "--x-y--" + &"z".repeat(5000), MultipartError::Rest),
            (String::new(), MultipartError::CutOff),
        ] {
            for piece in [1, 1000] {
                assert_eq!(read(form.as_bytes(), piece), Err(error.clone()), "{form:.60}");
            }
        }
    }

    #[test]
    fn boundaries() {
        let long = format!("multipart/form-data; boundary={}", "a".repeat(71));
        for (given, expected) in [
            (TYPE, Some("x-y")),
            ("Multipart/Form-Data; charset=utf-8; Boundary=\"a b:c\"", Some("a b:c")),
            ("multipart/form-data;boundary=a;x=y", Some("a")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/mixed; boundary=a", None),
            ("multipart/form-data; boundary=\"a\r\n\"", None),
            (&long, None),
        ] {
            assert_eq!(boundary(given), expected, "{given}");
        }
    }
}
