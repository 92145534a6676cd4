//! The error codes as constants of C and C++.

use super::{COMMAND, Code};

pub(super) fn codes(codes: &[Code]) -> String {
    let mut text = format!(
        "/* The error codes of Headwater's small peers. An answer's `error.code` is the text, these are the numbers.\n \
         * Made of sdks/calls.json by `{COMMAND}`. Numbers and texts never change. */\n\
         #ifndef HEADWATER_CODES_H\n#define HEADWATER_CODES_H\n\n\
         typedef enum HeadwaterError {{\n"
    );
    for Code { number, code, meaning } in codes {
        text += &format!("  /* {meaning} */\n  HEADWATER_ERROR_{} = {number},\n", code.to_uppercase());
    }
    text += "} HeadwaterError;\n\n#define HEADWATER_CODES(CODE) \\\n";
    let listed: Vec<String> = codes
        .iter()
        .map(|code| format!("  CODE(HEADWATER_ERROR_{}, \"{}\")", code.code.to_uppercase(), code.code))
        .collect();
    text += &listed.join(" \\\n");
    text += "\n\n#endif\n";
    text
}
