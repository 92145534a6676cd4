//! The error codes as constants of C#.

use super::{COMMAND, Code};

pub(super) fn codes(codes: &[Code]) -> String {
    let mut text = format!(
        "// The error codes: what HeadwaterException.Code may be, each with its number.\n\
         // Made of sdks/calls.json by `{COMMAND}`. Numbers and texts never change.\n\n\
         namespace Headwater\n{{\n    \
         /// <summary>What HeadwaterException.Code may be.</summary>\n    \
         public static class Codes\n    {{\n"
    );
    for Code { code, meaning, .. } in codes {
        text += &format!(
            "        /// <summary>{}</summary>\n        public const string {} = \"{code}\";\n\n",
            escaped(meaning),
            name(code)
        );
    }
    text += "        private static readonly string[] Names =\n        {\n";
    text += &codes.iter().map(|Code { code, .. }| format!("            {},\n", name(code))).collect::<String>();
    text += "        };\n\n        \
             /// <summary>The code with a number; of one that this SDK does not know, its digits.</summary>\n        \
             internal static string NameOf(int number)\n        {\n            \
             return number > 0 && number <= Names.Length ? Names[number - 1] : number.ToString();\n        }\n    }\n}\n";
    text
}

/// `in_use` as `InUse`.
fn name(code: &str) -> String {
    code.split('_').map(super::sentence).collect()
}

/// As XML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
