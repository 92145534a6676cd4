//! The error codes as constants of Go.

use super::{COMMAND, Code, sentence};

pub(super) fn codes(codes: &[Code]) -> String {
    let mut text = format!(
        "// Code generated of sdks/calls.json by `{COMMAND}`. DO NOT EDIT.\n\n\
         package headwater\n\n\
         // What the code of an Error may be: numbers and texts never change, a newer library may have others.\n\
         // errors.Is(err, headwater.ErrClosed) says whether it is the code of an error.\n\
         const (\n"
    );
    for code in codes {
        text += &format!("\t// {} says: {}.\n\t{0} Code = \"{}\"\n", name(code), code.meaning, code.code);
    }
    text += ")\n";
    text
}

/// `invalid_message` as `ErrInvalidMessage`.
fn name(code: &Code) -> String {
    let words: String = code.code.split('_').map(sentence).collect();
    format!("Err{words}")
}
