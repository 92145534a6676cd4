//! Records and messages: arrays of fields at fixed places, and what a later version puts after them.

use super::field::Field;
use crate::cbor::{DecodeError, Reader, Writer};

/// Fields that a later version added: kept as they came, and written back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rest {
    count: u64,
    cbor: Vec<u8>,
}

impl Rest {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many fields there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The fields' CBOR, one after the other.
    pub fn as_cbor(&self) -> &[u8] {
        &self.cbor
    }

    pub(super) fn read(from: &mut Reader<'_>, count: u64) -> Result<Self, DecodeError> {
        let mut cbor = Vec::new();
        for _ in 0..count {
            cbor.extend_from_slice(from.skip()?);
        }
        Ok(Self { count, cbor })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.raw(&self.cbor);
    }
}

/// An array of fields, as which it is a field itself.
pub(super) trait Record: Sized {
    const NAME: &'static str;
    const FIELDS: u64;

    /// What the array has: the known fields and the others.
    fn count(&self) -> u64;
    fn write_fields(&self, out: &mut Writer);
    /// `count` fields, of which those beyond [`Record::FIELDS`] are of a later version.
    fn read_fields(from: &mut Reader<'_>, count: u64) -> Result<Self, DecodeError>;
}

/// Reads the field `name`; an error says so.
pub(super) fn read_named<T: Field>(from: &mut Reader<'_>, name: &str) -> Result<T, DecodeError> {
    T::read(from).map_err(|error| DecodeError { what: format!("{name}: {}", error.what), ..error })
}

/// Reads the field `name`, if it is among the `more` that there are.
pub(super) fn read_later<T: Field + Default>(
    from: &mut Reader<'_>,
    more: &mut u64,
    name: &str,
) -> Result<T, DecodeError> {
    if *more == 0 {
        return Ok(T::default());
    }
    *more -= 1;
    read_named(from, name)
}

/// How many of `count` fields are of a later version; an error if known ones are missing.
pub(super) fn rest_count<T: Record>(from: &Reader<'_>, count: u64) -> Result<u64, DecodeError> {
    let missing = || DecodeError { at: from.at(), what: format!("{} has {} fields, here {count}", T::NAME, T::FIELDS) };
    count.checked_sub(T::FIELDS).ok_or_else(missing)
}

/// A struct whose fields stand in an array in this order. Those behind `later` were added to the
/// protocol later: one who does not know them leaves them out, and they are their defaults then.
macro_rules! record {
    (
        $(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $kind:ty,)* }
        $(later { $($(#[$later_meta:meta])* $later:ident: $later_kind:ty,)* })?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $kind,)*
            $($($(#[$later_meta])* pub $later: $later_kind,)*)?
            /// Fields of a later version.
            pub rest: Rest,
        }

        impl Record for $name {
            const NAME: &'static str = stringify!($name);
            const FIELDS: u64 = [$(stringify!($field)),*].len() as u64;

            fn count(&self) -> u64 {
                let later: &[&str] = &[$($(stringify!($later)),*)?];
                Self::FIELDS + later.len() as u64 + self.rest.count()
            }

            fn write_fields(&self, out: &mut Writer) {
                $(self.$field.write(out);)*
                $($(self.$later.write(out);)*)?
                self.rest.write(out);
            }

            fn read_fields(from: &mut Reader<'_>, count: u64) -> Result<Self, DecodeError> {
                #[allow(unused_mut, reason = "not every record has later fields")]
                let mut more = record::rest_count::<Self>(from, count)?;
                Ok(Self {
                    $($field: record::read_named(from, stringify!($field))?,)*
                    $($($later: record::read_later(from, &mut more, stringify!($later))?,)*)?
                    rest: Rest::read(from, more)?,
                })
            }
        }

        impl Field for $name {
            const BYTES_MIN: u64 = 1 + Self::FIELDS;

            fn write(&self, out: &mut Writer) {
                out.array(self.count());
                self.write_fields(out);
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let count = from.record()?;
                Self::read_fields(from, count)
            }
        }
    };
}

/// The messages with their numbers, which are stored and sent: never renumber.
macro_rules! messages {
    ($($number:literal $name:ident $word:literal,)*) => {
        /// A message.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each says it at its struct")]
        pub enum Message {
            $($name($name),)*
            Unknown(Unknown),
        }

        $(impl From<$name> for Message {
            fn from(message: $name) -> Self {
                Self::$name(message)
            }
        })*

        impl Message {
            /// Its number.
            pub fn number(&self) -> u64 {
                match self {
                    $(Self::$name(_) => $number,)*
                    Self::Unknown(unknown) => unknown.number,
                }
            }

            /// Its name in errors and documents.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $word,)*
                    Self::Unknown(_) => "unknown",
                }
            }

            /// Its CBOR, behind what stands in `out`.
            pub(crate) fn encode(&self, out: Vec<u8>) -> Vec<u8> {
                let mut out = Writer::after(out);
                match self {
                    $(Self::$name(message) => {
                        out.array(1 + message.count());
                        out.unsigned($number);
                        message.write_fields(&mut out);
                    })*
                    Self::Unknown(Unknown { number, rest }) => {
                        out.array(1 + rest.count());
                        out.unsigned(*number);
                        rest.write(&mut out);
                    }
                }
                out.finish()
            }

            /// The message that `bytes` are, whole.
            pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
                let mut from = Reader::new(bytes);
                let count = from.record()?.checked_sub(1);
                let count = count.ok_or_else(|| DecodeError { at: 0, what: "an empty message".into() })?;
                let (name, message) = match from.unsigned()? {
                    $($number => ($word, $name::read_fields(&mut from, count).map(Self::$name)),)*
                    number => {
                        let unknown = |rest| Self::Unknown(Unknown { number, rest });
                        ("unknown", Rest::read(&mut from, count).map(unknown))
                    }
                };
                message
                    .and_then(|message| from.finish().map(|()| message))
                    .map_err(|error| DecodeError { what: format!("{name}: {}", error.what), ..error })
            }
        }
    };
}

pub(super) use {messages, record};
