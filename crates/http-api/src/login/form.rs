//! What a login brings: a form with `appId`, `provider`, `token` and `siteId`.
//!
//! Not here: whether what it brings is right (`login`).

use serde::Serialize;

use crate::{login::answer, login_error::FormError};

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

impl LoginForm {
    /// Reads `application/x-www-form-urlencoded`. `app` is whose path it came to, if that names one; `default_app` is
    /// meant where nothing does. The site is of no weight, and what is not known is passed over.
    pub(crate) fn parse(body: &[u8], app: Option<&str>, default_app: &str) -> Result<Self, FormError> {
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
        let app_id = app_id.filter(|app: &String| !app.is_empty());
        let app = app.map(str::to_owned).or(app_id).unwrap_or_else(|| default_app.to_owned());
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
        let form =
            LoginForm::parse(b"appId=shop&provider=own+one&token=a%2Bb%3D&siteId=7&more=x", None, "default").unwrap();
        let asked = String::from_utf8(form.question()).unwrap();
        assert_eq!(asked, r#"{"appID":"shop","provider":"own one","token":"a+b="}"#);
        assert!(!format!("{form:?}").contains("a+b"));
        let missing = |body: &[u8]| LoginForm::parse(body, None, "default").unwrap_err();
        assert_eq!(missing(br#"{"appId":"shop"}"#), FormError::Missing("provider"));
        assert_eq!(missing(b"appId=a&token=b"), FormError::Missing("provider"));
        assert_eq!(missing(b"appId=a&provider=b&token=c&token=d"), FormError::Twice("token"));
        let app = |body: &[u8], app| LoginForm::parse(body, app, "default").unwrap().app;
        assert_eq!(app(b"appId=x&provider=a&token=b", Some("shop")), "shop");
        assert_eq!([app(b"provider=a&token=b", None), app(b"appId=&provider=a&token=b", None)], ["default", "default"]);
    }
}
