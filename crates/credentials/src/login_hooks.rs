//! Login hooks: where an app's users are asked for when they log in, and the secret that signs the question.
//!
//! ```text
//! <data-dir>/login-hooks.json    one entry for each app that has one; made by the first
//! ```
//! Invariants: the secret is shown when it is made and never again; it stands in this file, which only its owner reads,
//! because every question is signed with it. Without the file nobody logs in.
//! Not here: asking (`http-api`), who has logged in (`tokens`).

use std::path::Path;

use files::{DirectoryFormat, PRIVATE_FILE};
use serde::{Deserialize, Serialize};

use crate::{
    CredentialsError, disk,
    ledger::{self, Contents, Entries, Entry, Ledger},
    limits::{HOOK_SECRET_BYTES, SECRET_CHARACTERS},
    random,
};

/// The file's name.
pub(crate) const LOGIN_HOOKS: &str = "login-hooks.json";

/// Where an app's users are asked for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginHook {
    /// The app.
    pub app: String,
    /// Who is asked.
    pub url: String,
    /// Signs the questions.
    pub secret: String,
    /// Since when, ms since the epoch.
    pub set_ms: u64,
}

impl std::fmt::Debug for LoginHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginHook").field("app", &self.app).field("set_ms", &self.set_ms).finish_non_exhaustive()
    }
}

impl Entry for LoginHook {
    /// There is nothing to say.
    type Head = ();
    /// The file came with format 2.
    type Old = Self;

    fn id(&self) -> &str {
        &self.app
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct LoginHooks(Ledger<LoginHook>);

impl LoginHooks {
    pub(crate) fn open(data_dir: &Path) -> Result<Self, CredentialsError> {
        let path = data_dir.join(LOGIN_HOOKS);
        disk::tighten(&path, PRIVATE_FILE)?;
        let entries = Self::look(data_dir)?.map_or_else(Entries::new, |found| found.entries);
        Ok(Self(Ledger::new(&path, (), entries)))
    }

    /// Reads the file and changes nothing; `None` if there is none.
    pub(crate) fn look(data_dir: &Path) -> Result<Option<Contents<LoginHook>>, CredentialsError> {
        ledger::read(&data_dir.join(LOGIN_HOOKS), DirectoryFormat::Sealed)
    }

    pub(crate) fn of(&self, app: &str) -> Option<LoginHook> {
        self.0.live().entries.get(app).cloned()
    }

    /// Takes the place of the one that the app has. Without a secret it keeps that one's, or gets a new one.
    pub(crate) fn set(
        &self,
        app: &str,
        url: String,
        secret: Option<String>,
        now_ms: u64,
    ) -> Result<LoginHook, CredentialsError> {
        let is_usable = |secret: &String| {
            HOOK_SECRET_BYTES.contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !secret.as_ref().is_none_or(is_usable) {
            let (least, most) = (HOOK_SECRET_BYTES.start(), HOOK_SECRET_BYTES.end());
            let rule = format!("the secret of a login hook is {least} to {most} visible ASCII characters");
            return Err(CredentialsError::bad_name(rule));
        }
        let kept = self.of(app).map(|hook| hook.secret);
        let made = || random::letters_and_digits(SECRET_CHARACTERS);
        let secret = secret.or(kept).unwrap_or_else(made);
        let hook = LoginHook { app: app.to_owned(), url, secret, set_ms: now_ms };
        self.0.change(|live| {
            live.entries.insert(app.to_owned(), hook.clone());
            Ok(())
        })?;
        tracing::info!(app, "set the login hook");
        Ok(hook)
    }

    /// Whether there was one.
    pub(crate) fn delete(&self, app: &str) -> Result<bool, CredentialsError> {
        let (deleted, saved) = self.0.withdraw(|entries| entries.remove(app));
        saved?;
        if deleted.is_some() {
            tracing::info!(app, "deleted the login hook");
        }
        Ok(deleted.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_outlives_the_server_and_keeps_its_secret_until_it_gets_another() {
        let directory = tempfile::tempdir().unwrap();
        let open = || LoginHooks::open(directory.path()).unwrap();
        assert!(open().of("shop").is_none() && !directory.path().join(LOGIN_HOOKS).exists());
        let set = |url: &str, secret: Option<&str>| open().set("shop", url.into(), secret.map(str::to_owned), 7);
        let first = set("https://a.example/", None).unwrap();
        assert_eq!(first.secret.len(), SECRET_CHARACTERS);
        assert_eq!(open().of("shop"), Some(first.clone()));
        assert_eq!(set("https://b.example/", None).unwrap().secret, first.secret);
        assert_eq!(set("https://b.example/", Some("a-secret-of-one-s-own")).unwrap().secret, "a-secret-of-one-s-own");
        for secret in ["", "short", "with a space in it, which is none", &"x".repeat(257)] {
            assert!(set("https://b.example/", Some(secret)).is_err(), "{secret}");
        }
        assert!(open().delete("shop").unwrap() && !open().delete("shop").unwrap());
        assert!(!format!("{first:?}").contains(&first.secret));
    }
}
