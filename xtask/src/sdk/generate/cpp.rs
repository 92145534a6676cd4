//! The error codes as an enum of C++.

use super::{COMMAND, Code, sentence};

pub(super) fn codes(codes: &[Code]) -> String {
    let mut text = format!(
        "// The error codes: what `Error::code()` may be, each with its number.\n\
         // Made of sdks/calls.json by `{COMMAND}`. Numbers and texts never change.\n\
         #pragma once\n\n#include <cstdint>\n#include <string_view>\n\n\
         namespace headwater {{\n\n\
         /// Why something was not done.\n\
         enum class Code : int32_t {{\n  \
         /// One that a newer library has, and these headers have not.\n  unknown = 0,\n"
    );
    for Code { number, code, meaning } in codes {
        text += &format!("  /// {}.\n  {code} = {number},\n", sentence(meaning));
    }
    text += "};\n\n/// As messages name it.\nconstexpr const char *name_of(Code code) {\n  switch (code) {\n";
    for Code { code, .. } in codes {
        text += &format!("    case Code::{code}: return \"{code}\";\n");
    }
    text += "    case Code::unknown: break;\n  }\n  return \"unknown\";\n}\n\n\
             /// The code that messages name so.\nconstexpr Code code_of(std::string_view name) {\n";
    for Code { code, .. } in codes {
        text += &format!("  if (name == \"{code}\") return Code::{code};\n");
    }
    text + "  return Code::unknown;\n}\n\n}  // namespace headwater\n"
}
