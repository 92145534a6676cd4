//! How a peer is opened, as its message says it.

use crate::arguments::Arguments;
use crate::{ABI, CallError, Code, format};

/// What a host opens a peer with.
#[derive(Clone, Default)]
pub struct Opening {
    /// The folder, or the store's name.
    pub dir: Option<String>,
    /// Where the server is.
    pub server: Option<String>,
    /// Which app there.
    pub app: Option<String>,
    /// A key of the server.
    pub token: Option<String>,
    /// In PEM.
    pub ca_certificates: Vec<String>,
    /// Whether statements are by DQL's strict mode.
    pub strict: bool,
    /// Whether writes return before they are durable.
    pub relaxed: bool,
    /// Who calls, for people.
    pub sdk: Option<String>,
}

impl Opening {
    /// Reads a message.
    ///
    /// # Errors
    /// It is none, or wants what this library does not know.
    pub fn decode(bytes: &[u8]) -> Result<Self, CallError> {
        let mut it = Arguments::new(format::decode(bytes)?, "the configuration");
        let abi = it.number("abi")?;
        if abi != ABI {
            let message = format!("the caller wants list {abi} of calls, and this library has list {ABI}");
            return Err(CallError::new(Code::Unsupported, message));
        }
        let opening = Self {
            dir: it.text_if_given("dir")?,
            server: it.text_if_given("server")?,
            app: it.text_if_given("app")?,
            token: it.text_if_given("token")?,
            ca_certificates: it.texts("ca_certificates")?,
            strict: it.flag("strict")?,
            relaxed: it.flag("relaxed")?,
            sdk: it.text_if_given("sdk")?,
        };
        it.end()?;
        Ok(opening)
    }
}

/// Without secrets.
impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { dir, server, app, strict, relaxed, .. } = self;
        let mut fields = f.debug_struct("Opening");
        fields.field("dir", dir).field("server", server).field("app", app);
        fields.field("strict", strict).field("relaxed", relaxed).finish_non_exhaustive()
    }
}
