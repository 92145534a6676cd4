//! Cuts an input into the texts of its documents: a line each, or an element of an array each.
//!
//! Invariants: at most one document is in memory; a [`Position`] is all that is needed to go on
//! behind a document, and tells whether what stands before it is what stood there before.
//! Not here: whether a text is a document (`document`).

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// The longest text of a document, in bytes. A document may have 5 MiB; escapes and spaces take
/// more.
pub(super) const DOCUMENT_BYTES_MAX: usize = 32 << 20;
/// So much of the beginning tells inputs apart, with their size.
const BEGINNING_BYTES: u64 = 64 << 10;
const READ_BYTES: usize = 256 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How documents stand in an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Format {
    Ndjson,
    JsonArray,
}

/// A place between two documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Position {
    /// Bytes before it.
    pub(super) bytes: u64,
    /// Line ends before it.
    pub(super) lines: u64,
    /// Where the line that it stands in begins.
    pub(super) line_start: u64,
    /// Of the bytes before it.
    pub(super) digest: u64,
}

/// Where something stands, both from 1; the column in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) column: u64,
}

impl Place {
    /// To be hashed.
    pub(super) fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.line.to_le_bytes());
        bytes[8..].copy_from_slice(&self.column.to_le_bytes());
        bytes
    }
}

/// What is wrong with an input, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) place: Place,
    pub(super) what: String,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A text that may be a document, which begins here: see [`Reader::text`].
    Text(Place),
    /// What is none; the next one can be read.
    Bad(Fault),
    /// Nothing.
    End,
}

/// Why nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("line {}, column {}: {}", .0.place.line, .0.place.column, .0.what)]
    Fault(Fault),
}

/// The beginning, which was looked at, and the rest.
type Source = Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>>;

/// An input that is read.
pub(super) struct Reader {
    from: BufReader<Source>,
    pub(super) format: Format,
    /// XXH3 of the beginning and the size.
    pub(super) fingerprint: u128,
    digest: Xxh3,
    position: Position,
    text: Vec<u8>,
    /// Of an array.
    at: InArray,
}

/// Where in an array it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InArray {
    Before,
    /// After '[', where ']' may come.
    Begun,
    AfterElement,
    After,
}

/// How what gzip makes begins (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

impl Reader {
    /// `format` is `None` if the beginning is to tell.
    pub(super) fn new(
        mut from: Box<dyn Read + Send>,
        len_bytes: Option<u64>,
        format: Option<Format>,
    ) -> io::Result<Self> {
        let mut beginning = Vec::new();
        from.by_ref().take(BEGINNING_BYTES).read_to_end(&mut beginning)?;
        if beginning.starts_with(&GZIP) {
            let told = "it is compressed by gzip: zcat it, and import from stdin";
            return Err(io::Error::new(io::ErrorKind::InvalidData, told));
        }
        let mut hash = Xxh3::new();
        hash.update(&beginning);
        hash.update(&len_bytes.map_or(u64::MAX, |bytes| bytes).to_le_bytes());
        let format = format.unwrap_or_else(|| format_of(&beginning));
        Ok(Self {
            from: BufReader::with_capacity(READ_BYTES, Cursor::new(beginning).chain(from)),
            format,
            fingerprint: hash.digest128(),
            digest: Xxh3::new(),
            position: Position::default(),
            text: Vec::new(),
            at: InArray::Before,
        })
    }

    /// Goes on at a place of an earlier reading; `false` if what stands before it is not what it was.
    pub(super) fn skip_to(&mut self, place: Position) -> io::Result<bool> {
        while self.position.bytes < place.bytes {
            let chunk = self.from.fill_buf()?;
            let length = chunk.len().min(usize::try_from(place.bytes - self.position.bytes).unwrap_or(usize::MAX));
            if length == 0 {
                return Ok(false);
            }
            self.digest.update(&chunk[..length]);
            self.from.consume(length);
            self.position.bytes += length as u64;
        }
        if place.bytes == 0 {
            return Ok(true);
        }
        self.position = place;
        self.at = InArray::AfterElement;
        Ok(self.digest.digest() == place.digest)
    }

    /// Where it is: behind what came last.
    pub(super) fn position(&self) -> Position {
        Position { digest: self.digest.digest(), ..self.position }
    }

    /// What came last.
    pub(super) fn text(&self) -> &[u8] {
        self.text.trim_ascii()
    }

    /// Goes to the next document.
    pub(super) fn advance(&mut self) -> Result<Next, ReadError> {
        match self.format {
            Format::Ndjson => self.advance_line(),
            Format::JsonArray => self.advance_element(),
        }
    }

    fn place(&self) -> Place {
        Place { line: self.position.lines + 1, column: self.position.bytes - self.position.line_start + 1 }
    }

    fn advance_line(&mut self) -> Result<Next, ReadError> {
        loop {
            let (place, is_first) = (self.place(), self.position.bytes == 0);
            if self.read_line()? == 0 {
                return Ok(Next::End);
            }
            let mut is_too_long = false;
            while self.text.len() == DOCUMENT_BYTES_MAX && self.text.last() != Some(&b'\n') {
                is_too_long = true;
                self.read_line()?;
            }
            if is_too_long {
                return Ok(Next::Bad(Fault { place, what: too_long() }));
            }
            if is_first && self.text.starts_with(BYTE_ORDER_MARK) {
                self.text[..BYTE_ORDER_MARK.len()].fill(b' ');
            }
            let before = self.text.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            if before < self.text.len() {
                return Ok(Next::Text(Place { column: place.column + before as u64, ..place }));
            }
        }
    }

    /// Up to a line's end, or as much of it as a document may have.
    fn read_line(&mut self) -> io::Result<usize> {
        self.text.clear();
        let read = (&mut self.from).take(DOCUMENT_BYTES_MAX as u64).read_until(b'\n', &mut self.text)?;
        self.digest.update(&self.text);
        self.position.bytes += read as u64;
        if self.text.last() == Some(&b'\n') {
            self.position.lines += 1;
            self.position.line_start = self.position.bytes;
        }
        Ok(read)
    }

    fn advance_element(&mut self) -> Result<Next, ReadError> {
        let expected = match self.at {
            InArray::Before => "'[', with which an array begins",
            InArray::Begun => "a document or ']'",
            InArray::AfterElement => "',' or ']'",
            InArray::After => "nothing behind the array",
        };
        let next = self.next_visible()?;
        match (self.at, next) {
            (InArray::Before, Some(b'[')) => {
                self.take(1);
                self.at = InArray::Begun;
                self.advance_element()
            }
            (InArray::Begun | InArray::AfterElement, Some(b']')) => {
                self.take(1);
                self.at = InArray::After;
                self.advance_element()
            }
            (InArray::AfterElement, Some(b',')) => {
                self.take(1);
                self.next_visible()?;
                self.element()
            }
            (InArray::Begun, Some(_)) => self.element(),
            (InArray::After, None) => Ok(Next::End),
            (_, found) => {
                let found = found.map_or("the end of the input".to_owned(), |byte| format!("{:?}", char::from(byte)));
                self.fault(format!("{found} stands where {expected} is expected"))
            }
        }
    }

    fn fault<T>(&self, what: String) -> Result<T, ReadError> {
        Err(ReadError::Fault(Fault { place: self.place(), what }))
    }

    /// Up to the ',' or ']' behind an element.
    fn element(&mut self) -> Result<Next, ReadError> {
        let place = self.place();
        self.text.clear();
        let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
        loop {
            let chunk = self.from.fill_buf()?;
            if chunk.is_empty() {
                return self.fault(format!("the input ends in the document that begins in line {}", place.line));
            }
            let end = chunk.iter().position(|&byte| {
                if in_string {
                    in_string = escaped || byte != b'"';
                    escaped = !escaped && byte == b'\\';
                    return false;
                }
                match byte {
                    b'"' => in_string = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' if depth > 0 => depth -= 1,
                    b',' | b']' | b'}' => return depth == 0,
                    _ => {}
                }
                false
            });
            let length = end.unwrap_or(chunk.len());
            if self.text.len() + length > DOCUMENT_BYTES_MAX {
                return Err(ReadError::Fault(Fault { place, what: too_long() }));
            }
            self.text.extend_from_slice(&chunk[..length]);
            self.take(length);
            if end.is_some() {
                self.at = InArray::AfterElement;
                return Ok(Next::Text(place));
            }
        }
    }

    /// The next byte that is no white space; it is not taken.
    fn next_visible(&mut self) -> io::Result<Option<u8>> {
        loop {
            let is_first = self.position.bytes == 0;
            let chunk = self.from.fill_buf()?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let mark = if is_first && chunk.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
            let white = chunk[mark..].iter().take_while(|byte| byte.is_ascii_whitespace()).count() + mark;
            let found = chunk.get(white).copied();
            self.take(white);
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Takes bytes that are in the buffer.
    fn take(&mut self, length: usize) {
        let taken = &self.from.buffer()[..length];
        self.digest.update(taken);
        if let Some(last) = taken.iter().rposition(|&byte| byte == b'\n') {
            self.position.lines += taken.iter().filter(|&&byte| byte == b'\n').count() as u64;
            self.position.line_start = self.position.bytes + last as u64 + 1;
        }
        self.from.consume(length);
        self.position.bytes += length as u64;
    }
}

fn format_of(beginning: &[u8]) -> Format {
    let beginning = beginning.strip_prefix(BYTE_ORDER_MARK).unwrap_or(beginning);
    if beginning.trim_ascii_start().starts_with(b"[") { Format::JsonArray } else { Format::Ndjson }
}

fn too_long() -> String {
    format!("it is longer than {DOCUMENT_BYTES_MAX} bytes, and no document is")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(text: &str) -> Reader {
        Reader::new(Box::new(Cursor::new(text.to_owned())), Some(text.len() as u64), None).unwrap()
    }

    /// `line:column text` of each document, and how it ends.
    fn read(text: &str) -> Vec<String> {
        rest(&mut reader(text))
    }

    #[test]
    fn what_is_compressed_is_told() {
        let error = Reader::new(Box::new(Cursor::new(b"\x1f\x8b\x08\0")), None, None).err().unwrap();
        assert!(error.to_string().contains("zcat"), "{error}");
    }

    fn rest(reader: &mut Reader) -> Vec<String> {
        let mut found = Vec::new();
        loop {
            match reader.advance() {
                Ok(Next::Text(place)) => {
                    let text = String::from_utf8_lossy(reader.text()).into_owned();
                    found.push(format!("{}:{} {text}", place.line, place.column));
                }
                Ok(Next::Bad(fault)) => found.push(fault.what),
                Ok(Next::End) => return found,
                Err(error) => {
                    found.push(error.to_string());
                    return found;
                }
            }
        }
    }

    #[test]
    fn lines() {
        assert_eq!(read("{\"a\":1}\n\n  {}\r\nx"), ["1:1 {\"a\":1}", "3:3 {}", "4:1 x"]);
        assert_eq!(read("\u{feff}{}\n"), ["1:4 {}"]);
        assert_eq!(read(""), [""; 0]);
    }

    #[test]
    fn elements() {
        let text = "[\n {\"a\":\"]},\\\"\"}, {\"b\":[1,{}]},\n  7\n]\n";
        assert_eq!(read(text), ["2:2 {\"a\":\"]},\\\"\"}", "2:17 {\"b\":[1,{}]}", "3:3 7"]);
        assert_eq!(read(" [ ] "), [""; 0]);
        assert_eq!(read("\u{feff}[{}]"), ["1:5 {}"]);
    }

    #[test]
    fn arrays_that_are_none() {
        let ends = |text: &str| read(text).pop().unwrap();
        assert_eq!(ends("[{}"), "line 1, column 4: the input ends in the document that begins in line 1");
        assert_eq!(ends("[{} {}"), "line 1, column 7: the input ends in the document that begins in line 1");
        assert_eq!(ends("[{}]\n x"), "line 2, column 2: 'x' stands where nothing behind the array is expected");
        assert!(ends("[").contains("the end of the input stands where"));
    }

    #[test]
    fn it_goes_on_where_it_was() {
        for text in ["{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n", "[{\"n\":1},\n{\"n\":2}, {\"n\":3}]"] {
            let mut first = reader(text);
            first.advance().unwrap();
            first.advance().unwrap();
            let place = first.position();
            let mut second = reader(text);
            assert!(second.skip_to(place).unwrap());
            assert_eq!(rest(&mut second), rest(&mut first));
            let mut other = reader(&text.replace('1', "4"));
            assert!(!other.skip_to(place).unwrap(), "what stood before is another");
            assert!(!reader("{}").skip_to(place).unwrap());
        }
    }
}
