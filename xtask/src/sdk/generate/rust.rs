//! The error codes as an enum of Rust.

use super::{COMMAND, Code, sentence};

pub(super) fn codes(codes: &[Code]) -> String {
    let mut text = format!(
        "//! The codes of errors, one list for all languages. Made of `sdks/calls.json` by\n\
         //! `{COMMAND}`.\n\n\
         /// Why a call was not done.\n\
         #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]\n\
         #[repr(i32)]\n\
         pub enum Code {{\n"
    );
    for code in codes {
        text += &format!("    /// {}.\n    {} = {},\n", sentence(&code.meaning), variant(code), code.number);
    }
    text += "}\n\nimpl Code {\n    /// All of them, in the order of their numbers.\n";
    text += &format!("    pub const ALL: [Self; {}] = [\n", codes.len());
    for code in codes {
        text += &format!("        Self::{},\n", variant(code));
    }
    text +=
        "    ];\n\n    /// As messages name it.\n    pub const fn name(self) -> &'static str {\n        match self {\n";
    for code in codes {
        text += &format!("            Self::{} => \"{}\",\n", variant(code), code.code);
    }
    text += "        }\n    }\n\n    /// As the functions of the C ABI return it; 0 is none of them.\n";
    text += "    pub const fn number(self) -> i32 {\n        self as i32\n    }\n}\n";
    text
}

/// `invalid_message` as `InvalidMessage`.
fn variant(code: &Code) -> String {
    code.code.split('_').map(sentence).collect()
}
