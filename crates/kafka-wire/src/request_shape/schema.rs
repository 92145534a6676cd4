//! How a request is laid out: the words of the tables in `requests`.
//!
//! A table says what `clients/src/main/resources/common/message/*.json` of Apache Kafka says, reduced to what decides
//! lengths. A type without a number (`TEXT`, arrays) has the compact form in flexible versions (KIP-482) and the plain
//! one before.

/// A request's body in all served versions.
pub(super) struct RequestSchema {
    /// The first version with compact lengths and tagged fields, in the request's header too.
    pub(super) flexible_since: i16,
    pub(super) body: Struct,
}

/// Fields in their order, then, in flexible versions, tagged fields.
pub(super) struct Struct {
    pub(super) fields: &'static [Field],
    /// The tagged fields that the decoder looks into; all others it skips by their size.
    pub(super) tags: &'static [Tag],
}

pub(super) struct Field {
    pub(super) name: &'static str,
    /// The first and the last version that has the field.
    since: i16,
    until: i16,
    pub(super) shape: Shape,
}

pub(super) struct Tag {
    pub(super) number: u32,
    pub(super) field: Field,
}

pub(super) enum Shape {
    /// So many bytes.
    Fixed(usize),
    Text,
    NullableText,
    NullableBytes,
    Bytes,
    Array(&'static Shape),
    NullableArray(&'static Shape),
    Struct(Struct),
    /// A byte of -1 if there is none, else 1 and the fields.
    NullableStruct(Struct),
}

pub(super) const BOOLEAN: Shape = Shape::Fixed(1);
pub(super) const INT8: Shape = Shape::Fixed(1);
pub(super) const INT16: Shape = Shape::Fixed(2);
pub(super) const INT32: Shape = Shape::Fixed(4);
pub(super) const INT64: Shape = Shape::Fixed(8);
pub(super) const UUID: Shape = Shape::Fixed(16);
pub(super) const TEXT: Shape = Shape::Text;
pub(super) const NULLABLE_TEXT: Shape = Shape::NullableText;
pub(super) const BYTES: Shape = Shape::Bytes;
pub(super) const NULLABLE_BYTES: Shape = Shape::NullableBytes;

impl Struct {
    pub(super) fn fields_in(&self, version: i16) -> impl Iterator<Item = &'static Field> + use<> {
        self.fields.iter().filter(move |field| field.is_in(version))
    }
}

impl Field {
    pub(super) fn is_in(&self, version: i16) -> bool {
        (self.since..=self.until).contains(&version)
    }
}

/// A request that is flexible from a version on.
pub(super) const fn request(flexible_since: i16, fields: &'static [Field]) -> RequestSchema {
    RequestSchema { flexible_since, body: Struct { fields, tags: &[] } }
}

/// An array's element, or a tagged field, that has fields of its own.
pub(super) const fn structure(fields: &'static [Field]) -> Shape {
    Shape::Struct(Struct { fields, tags: &[] })
}

/// The same where there may be none.
pub(super) const fn nullable_structure(fields: &'static [Field]) -> Shape {
    Shape::NullableStruct(Struct { fields, tags: &[] })
}

/// A field of every version.
pub(super) const fn always(name: &'static str, shape: Shape) -> Field {
    between(0, i16::MAX, name, shape)
}

/// A field from a version on.
pub(super) const fn since(version: i16, name: &'static str, shape: Shape) -> Field {
    between(version, i16::MAX, name, shape)
}

/// A field up to a version.
pub(super) const fn until(version: i16, name: &'static str, shape: Shape) -> Field {
    between(0, version, name, shape)
}

/// A field from a version to a version, both included.
pub(super) const fn between(since: i16, until: i16, name: &'static str, shape: Shape) -> Field {
    Field { name, since, until, shape }
}
