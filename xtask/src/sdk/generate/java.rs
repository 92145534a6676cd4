//! The error codes as constants of Java.

use super::{COMMAND, Code, sentence};

pub(super) fn codes(codes: &[Code]) -> String {
    let mut text = format!(
        "// Made of sdks/calls.json by `{COMMAND}`. Texts never change.\n\
         package com.headwater;\n\n\
         /** The error codes: what {{@link HeadwaterException#code}} may be. A newer library may have others. */\n\
         public final class Codes {{\n"
    );
    for Code { code, meaning, .. } in codes {
        text += &format!("    /** {}. */\n", sentence(meaning));
        text += &format!("    public static final String {} = \"{code}\";\n", code.to_uppercase());
    }
    text += "\n    private Codes() {\n    }\n}\n";
    text
}
