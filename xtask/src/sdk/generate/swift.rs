//! The error codes as a type of Swift.

use super::{COMMAND, Code, sentence};

pub(super) fn codes(codes: &[Code]) -> String {
    let mut text = format!(
        "// The error codes: what `HeadwaterError.code` may be.\n\
         // Made of sdks/calls.json by `{COMMAND}`. Texts never change.\n\n\
         /// A code, by the text that messages have. One that a newer library has stays text.\n\
         public struct Code: RawRepresentable, Hashable, Sendable {{\n  public let rawValue: String\n\n  \
         public init(rawValue: String) {{\n    self.rawValue = rawValue\n  }}\n\n"
    );
    for Code { code, meaning, .. } in codes {
        let name = camel(code);
        // `internal` is a word of Swift.
        let name = if name == "internal" { format!("`{name}`") } else { name };
        text += &format!("  /// {}.\n  public static let {name} = Code(rawValue: \"{code}\")\n", sentence(meaning));
    }
    text + "}\n"
}

/// `invalid_message` as `invalidMessage`.
fn camel(code: &str) -> String {
    let mut parts = code.split('_');
    parts.next().into_iter().map(str::to_owned).chain(parts.map(sentence)).collect()
}
