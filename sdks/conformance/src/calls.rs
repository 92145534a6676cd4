//! Which errors a call may be answered with, as `sdks/calls.json` lists them.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::notation::Json;
use crate::vectors::folder;

/// The list of calls.
pub(crate) struct Listed(Json);

impl Listed {
    /// Reads it.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn read() -> Result<Self> {
        let path = folder().join("../../calls.json");
        Ok(Self(Json::parse(&fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?)?))
    }

    /// Whether the answer to a call may be this.
    ///
    /// # Errors
    /// It is an error that the list does not name.
    pub(crate) fn check(&self, call: &str, answer: &Json) -> Result<()> {
        let Some(error) = answer.field("error") else { return Ok(()) };
        let code = error.field("code").context("an error has a code")?;
        let calls = self.0.field("calls").map_or(&[][..], Json::elements);
        let call_errors = calls.iter().find(|it| it.field("call").and_then(Json::as_text) == Some(call));
        let of_call = call_errors.and_then(|it| it.field("errors")).map_or(&[][..], Json::elements);
        let always = self.0.field("always").map_or(&[][..], Json::elements);
        ensure!(
            of_call.contains(code) || always.contains(code),
            "{call} is not listed with the error {}",
            code.to_line()
        );
        Ok(())
    }
}
