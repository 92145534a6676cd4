//! Regular expressions, bounded in compiled size. Matching takes time linear in the text (the `regex` crate's promise).

use regex::{Regex, RegexBuilder};

use crate::limits::REGEX_BYTES_MAX;

/// A compiled regular expression; equal to another if its source is.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    regex: Regex,
}

impl Pattern {
    /// Compiles `source`; the error is one line that says why it cannot be.
    pub(crate) fn compile(source: &str) -> Result<Self, String> {
        RegexBuilder::new(source)
            .size_limit(REGEX_BYTES_MAX)
            .dfa_size_limit(REGEX_BYTES_MAX)
            .build()
            .map(|regex| Self { regex })
            .map_err(|error| explain(&error))
    }

    /// The text it was compiled from.
    pub(crate) fn source(&self) -> &str {
        self.regex.as_str()
    }

    /// Whether it matches anywhere in `text`.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

fn explain(error: &regex::Error) -> String {
    match error {
        // Several lines: the pattern, a caret below it, and last `error: unclosed group`.
        regex::Error::Syntax(report) => {
            let reason = report.lines().last().unwrap_or(report);
            format!("the regular expression is malformed ({})", reason.strip_prefix("error: ").unwrap_or(reason))
        }
        regex::Error::CompiledTooBig(limit) => {
            format!("the regular expression is too large (compiled, it takes more than {limit} bytes)")
        }
        other => format!("the regular expression cannot be compiled ({other})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(source: &str, expect: &str) {
        assert_eq!(Pattern::compile(source).unwrap_err(), expect);
    }

    #[test]
    fn a_bad_pattern_says_why_in_one_line() {
        check_error("(a", "the regular expression is malformed (unclosed group)");
        check_error(
            "(?=a)",
            "the regular expression is malformed (look-around, including look-ahead and look-behind, is not supported)",
        );
        check_error(r"(a)\1", "the regular expression is malformed (backreferences are not supported)");
        check_error(
            "((a{1000}){1000}){1000}",
            "the regular expression is too large (compiled, it takes more than 1048576 bytes)",
        );
    }

    #[test]
    fn a_match_may_be_anywhere() {
        assert!(Pattern::compile("b+").unwrap().matches("abbc"));
        assert!(!Pattern::compile("^b+$").unwrap().matches("abbc"));
    }
}
