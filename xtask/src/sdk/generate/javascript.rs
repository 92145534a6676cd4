//! The error codes as an object of JavaScript, and its type.

use super::{COMMAND, Code};

pub(super) fn codes(codes: &[Code]) -> String {
    let mut text = format!(
        "// The error codes: what `HeadwaterError.code` may be, each with its number.\n\
         // Made of sdks/calls.json by `{COMMAND}`. Numbers and texts never change.\n\n\
         /** Each code's number. */\n\
         export const codes = Object.freeze({{\n"
    );
    for Code { number, code, meaning } in codes {
        text += &format!("  /** {meaning} */\n  {code}: {number},\n");
    }
    text += "});\n";
    text
}

pub(super) fn types(codes: &[Code]) -> String {
    let mut text = format!(
        "// The error codes: what `HeadwaterError.code` may be, each with its number.\n\
         // Made of sdks/calls.json by `{COMMAND}`. Numbers and texts never change.\n\n\
         /** Each code's number. */\n\
         export declare const codes: {{\n"
    );
    for Code { number, code, meaning } in codes {
        text += &format!("  /** {meaning} */\n  readonly {code}: {number};\n");
    }
    text += "};\n\n/** What `HeadwaterError.code` may be. */\nexport type Code = keyof typeof codes;\n";
    text
}
