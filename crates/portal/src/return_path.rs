//! Where one goes after signing in: back to the page that was asked.
//!
//! Invariant: only a path of the portal itself is ever gone to, whatever the address says: no other
//! site, no other port, and not what signs in or out.

use axum::http::{HeaderMap, Uri, header};

use crate::limits::RETURN_PATH_BYTES_MAX;

/// Where one signs in.
pub(crate) const SIGN_IN: &str = "/portal/sign-in";

/// The text, if it is a path of the portal, perhaps with a query.
pub(crate) fn local(text: &str) -> Option<&str> {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\<>\"".contains(&byte));
    let is_straight = !path.contains("//") && path.split('/').all(|part| part != ".." && part != ".");
    let is_page = path.starts_with("/portal/") && !path.starts_with("/portal/sign-") && !is_not_for_people(path);
    (text.len() <= RETURN_PATH_BYTES_MAX && is_plain && is_straight && is_page).then_some(text)
}

/// What a page's script asks for, or what is no page.
fn is_not_for_people(path: &str) -> bool {
    path.starts_with("/portal/assets/")
        || path.ends_with("/now")
        || path.ends_with("/charts")
        || path.ends_with("/events/stream")
}

/// The path and query of a request.
pub(crate) fn of(uri: &Uri) -> Option<&str> {
    uri.path_and_query().and_then(|asked| local(asked.as_str()))
}

/// The page of ours on which a form was sent, as the browser tells it.
pub(crate) fn page_before(headers: &HeaderMap) -> Option<&str> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let (_, rest) = text(header::REFERER)?.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/')?);
    (Some(authority) == text(header::HOST)).then(|| local(path)).flatten()
}

/// The page of the form that goes to `action`, where the browser does not tell it.
pub(crate) fn page_of(action: &str) -> String {
    let parts: Vec<&str> = action.split('/').collect();
    // As /portal/apps/shop/keys/deploy/revoke: the page is two parts before.
    let is_button = |last: &str| ["revoke", "allow", "drop", "delete", "on-gap", "compression"].contains(&last);
    let kept = match parts.as_slice() {
        [.., last] if is_button(last) && parts.len() > 6 => parts.len() - 2,
        [.., "test" | "reset" | "first-document"] => parts.len() - 1,
        _ => parts.len(),
    };
    let page = parts[..kept].join("/");
    // An app's own page ends with a slash.
    if kept == 4 { page + "/" } else { page }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_our_own_pages_are_gone_back_to() {
        for good in ["/portal/", "/portal/apps/shop/documents?query=a%20%3E%201", "/portal/api-docs?app=shop"] {
            assert_eq!(local(good), Some(good));
        }
        for bad in [
            "",
            "/",
            "//evil.example/portal/",
            "https://evil.example/portal/",
            "/\\evil.example",
            "/portal/..//evil.example",
            "/portal//evil.example",
            "/portal/\\evil.example",
            "/portal/../metrics",
            "/portal/sign-out",
            "/portal/sign-in?next=/portal/",
            "/portal/apps/shop/now",
            "/portal/a\r\nset-cookie: a=b",
            "javascript:alert(1)",
            "portal/",
        ] {
            assert_eq!(local(bad), None, "{bad}");
        }
        assert_eq!(local(&format!("/portal/{}", "x".repeat(RETURN_PATH_BYTES_MAX))), None);
    }

    #[test]
    fn the_page_before_is_ours_or_none() {
        let before = |referer: &'static str| {
            let headers = [(header::HOST, "127.0.0.1:8080"), (header::REFERER, referer)];
            let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
            page_before(&headers.into_iter().collect()).map(str::to_owned)
        };
        assert_eq!(before("http://127.0.0.1:8080/portal/apps/a/keys"), Some("/portal/apps/a/keys".to_owned()));
        assert_eq!(before("http://127.0.0.1:9/portal/apps/a/keys"), None);
        assert_eq!(before("http://evil.example/portal/"), None);
        assert_eq!(before("about:blank"), None);
    }

    #[test]
    fn a_form_has_a_page() {
        for (action, page) in [
            ("/portal/apps/a/live-queries", "/portal/apps/a/live-queries"),
            ("/portal/apps/a/documents/people/%22x%22/edit", "/portal/apps/a/documents/people/%22x%22/edit"),
            ("/portal/apps/a/keys/deploy/revoke", "/portal/apps/a/keys"),
            ("/portal/apps/a/keys", "/portal/apps/a/keys"),
            ("/portal/apps/a/consumers/g/reset", "/portal/apps/a/consumers/g"),
            ("/portal/apps/a/settings/test", "/portal/apps/a/settings"),
            ("/portal/apps/a/first-document", "/portal/apps/a/"),
        ] {
            assert_eq!(page_of(action), page);
        }
    }
}
