//! CBOR in the vectors' notation: JSON, and `{"$bytes": "hex"}` for byte strings.
//!
//! Invariants: what is written is in its shortest form, as the protocol wants it.
//! Not here: what a message means (`sync-protocol`). Written apart from the code that it tests.

use anyhow::{Context, Result, bail, ensure};

use crate::notation::{Json, from_hex, hex};

/// Appends an item.
///
/// # Errors
/// A value that the protocol has no place for.
pub(crate) fn write(json: &Json, out: &mut Vec<u8>) -> Result<()> {
    match json {
        Json::Null => out.push(0xf6),
        Json::Bool(value) => out.push(if *value { 0xf5 } else { 0xf4 }),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => head(0, number, out),
            (None, Some(number)) => head(1, u64::try_from(-1 - number)?, out),
            (None, None) => {
                out.push(0xfb);
                out.extend(number.as_f64().context("a number is one")?.to_be_bytes());
            }
        },
        Json::Text(text) => {
            head(3, text.len() as u64, out);
            out.extend(text.as_bytes());
        }
        Json::List(elements) => {
            head(4, elements.len() as u64, out);
            elements.iter().try_for_each(|element| write(element, out))?;
        }
        Json::Object(fields) if fields.len() == 1 && fields[0].0 == "$bytes" => {
            let bytes = from_hex(json.text_of("$bytes")?)?;
            head(2, bytes.len() as u64, out);
            out.extend(bytes);
        }
        Json::Object(fields) => {
            head(5, fields.len() as u64, out);
            for (name, value) in fields {
                write(&Json::text(name), out)?;
                write(value, out)?;
            }
        }
    }
    Ok(())
}

fn head(major: u8, number: u64, out: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    let (short, kept) = match number {
        0..=23 => (bytes[7], 0),
        24..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    out.push(major << 5 | short);
    out.extend(&bytes[8 - kept..]);
}

/// Reads one item, which is all there is.
///
/// # Errors
/// It is none that [`write`] writes, but for half and single floats, which are read too.
pub(crate) fn read(bytes: &[u8]) -> Result<Json> {
    let mut rest = bytes;
    let json = item(&mut rest)?;
    ensure!(rest.is_empty(), "bytes after the end");
    Ok(json)
}

fn item(rest: &mut &[u8]) -> Result<Json> {
    let first = take(rest, 1)?[0];
    let (major, short) = (first >> 5, first & 31);
    if major == 7 {
        return simple(short, rest);
    }
    let number = match short {
        0..=23 => u64::from(short),
        24..=27 => take(rest, 1 << (short - 24))?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
        _ => bail!("a length that is not definite"),
    };
    Ok(match major {
        0 => Json::Number(number.into()),
        1 => Json::Number((-1 - i64::try_from(number)?).into()),
        2 => Json::Object(vec![("$bytes".to_owned(), Json::text(hex(take(rest, usize::try_from(number)?)?)))]),
        3 => Json::text(std::str::from_utf8(take(rest, usize::try_from(number)?)?)?),
        4 => Json::List((0..number).map(|_| item(rest)).collect::<Result<_>>()?),
        5 => Json::Object((0..number).map(|_| field(rest)).collect::<Result<_>>()?),
        _ => bail!("a tag"),
    })
}

fn field(rest: &mut &[u8]) -> Result<(String, Json)> {
    let name = item(rest)?.as_text().context("a name is a text")?.to_owned();
    Ok((name, item(rest)?))
}

fn simple(short: u8, rest: &mut &[u8]) -> Result<Json> {
    let float = match short {
        20 | 21 => return Ok(Json::Bool(short == 21)),
        22 => return Ok(Json::Null),
        25 => half(u16::from_be_bytes(take(rest, 2)?.try_into()?)),
        26 => f64::from(f32::from_be_bytes(take(rest, 4)?.try_into()?)),
        27 => f64::from_be_bytes(take(rest, 8)?.try_into()?),
        _ => bail!("a simple value that JSON has not"),
    };
    Ok(Json::Number(serde_json::Number::from_f64(float).context("a float that JSON has not")?))
}

/// A float of 16 bits (RFC 8949, appendix D).
fn half(bits: u16) -> f64 {
    let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let magnitude = match exponent {
        0 => mantissa * 2_f64.powi(-24),
        31 => f64::INFINITY,
        _ => (1024.0 + mantissa) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count).context("the bytes end")?;
    *rest = left;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, bytes: &str) {
        let json = Json::parse(json).expect("it is JSON");
        let mut written = Vec::new();
        write(&json, &mut written).expect("it can be written");
        assert_eq!(hex(&written), bytes);
        assert_eq!(read(&written).expect("it can be read"), json);
    }

    /// Appendix A of RFC 8949.
    #[test]
    fn it_is_written_as_the_rfc_writes_it() {
        check("0", "00");
        check("24", "1818");
        check("1000", "1903e8");
        check("1000000", "1a000f4240");
        check("18446744073709551615", "1bffffffffffffffff");
        check("-1", "20");
        check("-1000", "3903e7");
        check("1.1", "fb3ff199999999999a");
        check("[false, true, null]", "83f4f5f6");
        check(r#"{"a": 1, "b": [2, 3]}"#, "a26161016162820203");
        check(r#"{"$bytes": "01020304"}"#, "4401020304");
        check(r#""ü水""#, "65c3bce6b0b4");
    }

    #[test]
    fn short_floats_are_read() {
        for (bytes, json) in
            [("f93e00", "1.5"), ("f90001", "5.960464477539063e-8"), ("f9c400", "-4.0"), ("fa47c35000", "100000.0")]
        {
            assert_eq!(read(&from_hex(bytes).expect("it is hex")).expect("it can be read").to_line(), json);
        }
        assert!(read(&[0xf9, 0x7c, 0]).is_err() && read(&[0x83, 1]).is_err() && read(&[0, 0]).is_err());
    }
}
