//! The error codes as constants of Python.

use super::{COMMAND, Code};

pub(super) fn codes(codes: &[Code]) -> String {
    let mut text = format!(
        "\"\"\"The error codes: what ``HeadwaterError.code`` may be.\n\n\
         Made of sdks/calls.json by `{COMMAND}`. Numbers and texts never change.\n\"\"\"\n\n\
         from typing import Dict, Final\n\n\n\
         class Code:\n    \"\"\"What ``HeadwaterError.code`` may be. A newer library may have others.\"\"\"\n\n"
    );
    for Code { code, meaning, .. } in codes {
        text += &format!("    #: {meaning}\n    {}: Final = \"{code}\"\n", code.to_uppercase());
    }
    text += "\n\n#: As the functions of the C ABI return them.\nNUMBERS: Final[Dict[str, int]] = {\n";
    for Code { number, code, .. } in codes {
        text += &format!("    \"{code}\": {number},\n");
    }
    text += "}\n";
    text
}
