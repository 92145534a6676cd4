//! What a login brings: a form with `appId`, `provider`, `token` and `siteId`.
//!
//! Not here: whether what it brings is right (`login`).

use serde::Serialize;

use crate::login::answer;

/// Who wants to log in, and by what they say so.
#[derive(Clone)]
pub(crate) struct LoginForm {
    pub(crate) app: String,
    pub(crate) provider: String,
    /// The provider's token. In no log.
    token: String,
}

impl std::fmt::Debug for LoginForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginForm").field("app", &self.app).field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// What is wrong with a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    #[error(
        "a login is a form (application/x-www-form-urlencoded) with appId, provider, token and siteId; {0} is missing"
    )]
    Missing(&'static str),
    #[error("{0} is there twice")]
    Twice(&'static str),
}

impl LoginForm {
    /// Reads `application/x-www-form-urlencoded`. `app` is whose path it came to, if that names one; the site is of no
    /// weight, and what is not known is passed over.
    pub(crate) fn parse(body: &[u8], app: Option<&str>) -> Result<Self, FormError> {
        let (mut app_id, mut provider, mut token) = (None, None, None);
        for (name, value) in form_urlencoded::parse(body) {
            let (place, name) = match &*name {
                "appId" => (&mut app_id, "appId"),
                "provider" => (&mut provider, "provider"),
                "token" => (&mut token, "token"),
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(FormError::Twice(name));
            }
        }
        let given = |value: Option<String>, name| value.ok_or(FormError::Missing(name));
        let app = match app {
            Some(app) => app.to_owned(),
            None => given(app_id.filter(|app| !app.is_empty()), "appId")?,
        };
        Ok(Self { app, provider: given(provider, "provider")?, token: given(token, "token")? })
    }

    /// What the hook is asked.
    pub(crate) fn question(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Question<'f> {
            #[serde(rename = "appID")]
            app: &'f str,
            provider: &'f str,
            token: &'f str,
        }
        answer::json(&Question { app: &self.app, provider: &self.provider, token: &self.token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_and_what_is_missing_is_named() {
        let form = LoginForm::parse(b"appId=shop&provider=own+one&token=a%2Bb%3D&siteId=7&more=x", None).unwrap();
        let asked = String::from_utf8(form.question()).unwrap();
        assert_eq!(asked, r#"{"appID":"shop","provider":"own one","token":"a+b="}"#);
        assert!(!format!("{form:?}").contains("a+b"));
        let missing = |body: &[u8]| LoginForm::parse(body, None).unwrap_err();
        assert_eq!(missing(b"provider=a&token=b"), FormError::Missing("appId"));
        assert_eq!(missing(b"appId=&provider=a&token=b"), FormError::Missing("appId"));
        assert_eq!(missing(br#"{"appId":"shop"}"#), FormError::Missing("appId"));
        assert_eq!(missing(b"appId=a&token=b"), FormError::Missing("provider"));
        assert_eq!(missing(b"appId=a&provider=b&token=c&token=d"), FormError::Twice("token"));
        assert_eq!(LoginForm::parse(b"appId=x&provider=a&token=b", Some("shop")).unwrap().app, "shop");
    }
}
