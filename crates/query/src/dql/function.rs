//! The functions of DQL by their names, and how many arguments each takes.
//!
//! Not here: what they do (`call`).

/// A function. `count`, `sum` and their like are [`super::syntax::Aggregate`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Function {
    Abs,
    Ceil,
    Floor,
    Concat,
    Contains,
    StartsWith,
    EndsWith,
    ByteLength,
    CharLength,
    Lower,
    Upper,
    Substr,
    Pos,
    Split,
    JoinStr,
    LTrim,
    RTrim,
    Trim,
    LPad,
    RPad,
    Repeat,
    RegexpLike,
    Type,
    IsNumber,
    IsString,
    IsBoolean,
    JsonType,
    SerializeJson,
    DeserializeJson,
    Coalesce,
    IfMissing,
    IfNull,
    IfMissingOrNull,
    NullIf,
    MissingIf,
    Decode,
    IsMissing,
    IsNull,
    IsMissingOrNull,
    ArrayContains,
    ArrayContainsNull,
    ArrayLength,
    ObjectLength,
    ObjectKeys,
    ObjectValues,
    ObjectSet,
    ObjectUnset,
    ObjectRename,
    ObjectConcat,
    ObjectSize,
    Clock,
    DateAdd,
    DateSub,
    DateDiff,
    DatePart,
    DateRange,
    DateTrunc,
    DateFormat,
    DateCast,
    TzOffset,
    RequestInfo,
}

/// Every function: its name in lower case, itself, how many arguments it takes at least and at most.
const FUNCTIONS: &[(&str, Function, usize, usize)] = {
    use Function::*;
    const MANY: usize = usize::MAX;
    &[
        ("abs", Abs, 1, 1),
        ("array_contains", ArrayContains, 2, 2),
        ("array_contains_null", ArrayContainsNull, 1, 1),
        ("array_length", ArrayLength, 1, 1),
        ("byte_length", ByteLength, 1, 1),
        ("ceil", Ceil, 1, 1),
        ("char_length", CharLength, 1, 1),
        ("character_length", CharLength, 1, 1),
        ("clock", Clock, 0, 2),
        ("coalesce", Coalesce, 1, MANY),
        ("concat", Concat, 1, MANY),
        ("contains", Contains, 2, 2),
        ("date_add", DateAdd, 3, 3),
        ("date_cast", DateCast, 2, 2),
        ("date_diff", DateDiff, 3, 3),
        ("date_format", DateFormat, 2, 2),
        ("date_part", DatePart, 2, 2),
        ("date_range", DateRange, 3, 4),
        ("date_sub", DateSub, 3, 3),
        ("date_trunc", DateTrunc, 2, 2),
        ("decode", Decode, 3, MANY),
        ("deserialize_json", DeserializeJson, 1, 1),
        ("ends_with", EndsWith, 2, 2),
        ("floor", Floor, 1, 1),
        ("ifmissing", IfMissing, 2, MANY),
        ("ifmissingornull", IfMissingOrNull, 2, MANY),
        ("ifnull", IfNull, 2, MANY),
        ("is_boolean", IsBoolean, 1, 1),
        ("is_number", IsNumber, 1, 1),
        ("is_string", IsString, 1, 1),
        ("ismissing", IsMissing, 1, 1),
        ("ismissingornull", IsMissingOrNull, 1, 1),
        ("isnull", IsNull, 1, 1),
        ("joinstr", JoinStr, 2, 2),
        ("json_type", JsonType, 1, 1),
        ("lower", Lower, 1, 1),
        ("lpad", LPad, 2, 3),
        ("ltrim", LTrim, 1, 2),
        ("missingif", MissingIf, 2, 2),
        ("nullif", NullIf, 2, 2),
        ("nvl", IfMissingOrNull, 2, 2),
        ("object_concat", ObjectConcat, 1, MANY),
        ("object_keys", ObjectKeys, 1, 1),
        ("object_length", ObjectLength, 1, 1),
        ("object_rename", ObjectRename, 3, 3),
        ("object_set", ObjectSet, 3, 4),
        ("object_size", ObjectSize, 1, 1),
        ("object_unset", ObjectUnset, 2, 3),
        ("object_values", ObjectValues, 1, 1),
        ("pos", Pos, 2, 2),
        ("regexp_like", RegexpLike, 2, 3),
        ("repeat", Repeat, 2, 2),
        ("request_info", RequestInfo, 0, 0),
        ("rpad", RPad, 2, 3),
        ("rtrim", RTrim, 1, 2),
        ("serialize_json", SerializeJson, 1, 1),
        ("split", Split, 2, 2),
        ("starts_with", StartsWith, 2, 2),
        ("substr", Substr, 2, 3),
        ("trim", Trim, 1, 2),
        ("type", Type, 1, 1),
        ("tz_offset", TzOffset, 1, 2),
        ("upper", Upper, 1, 1),
    ]
};

impl Function {
    /// The function of that name, in any case, and how many arguments it takes at least and at most.
    pub(crate) fn named(name: &str) -> Option<(Self, usize, usize)> {
        let found = FUNCTIONS.binary_search_by(|(known, ..)| (*known).cmp(name.to_ascii_lowercase().as_str())).ok()?;
        let (_, function, least, most) = FUNCTIONS[found];
        Some((function, least, most))
    }

    /// The names of all functions, sorted, each with the fewest and the most arguments.
    pub(crate) fn all() -> impl Iterator<Item = (&'static str, usize, usize)> {
        FUNCTIONS.iter().map(|(name, _, least, most)| (*name, *least, *most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_found_in_any_case() {
        assert!(FUNCTIONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(Function::named("Starts_With"), Some((Function::StartsWith, 2, 2)));
        assert_eq!(Function::named("start_with"), None);
    }
}
