//! The portal's cookies.
//!
//! Browsers share cookies between the ports of a host: the name carries the server's own port, so that two servers on
//! one machine do not sign each other out. Nor do they let plain HTTP replace a cookie that HTTPS has set: each has a
//! name of its own.

use axum::http::{HeaderMap, HeaderValue, header};

/// One of the portal's two cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The session's secret.
    Session,
    /// Ties the sign-in form to the browser that it was shown in.
    Form,
}

impl Cookie {
    fn name(self, server: &str, secure: bool) -> String {
        let tls = if secure { "-tls" } else { "" };
        match self {
            Cookie::Session => format!("headwater-{server}{tls}"),
            Cookie::Form => format!("headwater-{server}{tls}-form"),
        }
    }

    /// What the browser sent.
    pub(crate) fn read<'h>(self, server: &str, secure: bool, headers: &'h HeaderMap) -> Option<&'h str> {
        let name = self.name(server, secure);
        let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = sent.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// `Set-Cookie` for a value of ours: hex digits, or nothing to have it removed.
    pub(crate) fn set(self, server: &str, value: &str, secure: bool) -> HeaderValue {
        let age = if value.is_empty() { "; Max-Age=0" } else { "" };
        let name = self.name(server, secure);
        let secure = if secure { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path=/portal; HttpOnly; SameSite=Strict{secure}{age}");
        HeaderValue::try_from(text).expect("a server's label and hex digits are header text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_read_and_others_are_not() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; headwater-80-form=1; headwater-80=2;x"));
        assert_eq!(Cookie::Session.read("80", false, &headers), Some("2"));
        assert_eq!(Cookie::Form.read("80", false, &headers), Some("1"));
        assert_eq!(Cookie::Session.read("81", false, &headers), None);
        assert_eq!(Cookie::Session.read("80", true, &headers), None);
        let set = Cookie::Session.set("80", "2", true);
        assert_eq!(set, "headwater-80-tls=2; Path=/portal; HttpOnly; SameSite=Strict; Secure");
    }
}
