//! The page of tokens: who has logged in, what they may do, and revoking.

use axum::http::StatusCode;
use credentials::{GrantedQueries, NewToken, PermissionDocument};

use crate::browser::{NOW_MS, Site};

const TOKENS: &str = "/portal/apps/default/tokens";

#[test]
fn users_are_shown_with_what_they_may_do_and_revoked() {
    let site = Site::new();
    let mut admin = site.admin();
    admin.get(TOKENS).says("Nobody logs in to this app").says("headwater login-hook set default");
    let queries = [("orders".to_owned(), vec!["_id.user == '<ann>'".to_owned()])].into();
    let half = GrantedQueries { everything: false, queries_by_collection: queries };
    let permission = PermissionDocument { read: half.clone(), write: half };
    let (app, user, provider) = ("default".to_owned(), "ann<b>".to_owned(), "accounts".to_owned());
    let new = NewToken { app, user, provider, life_ms: 3_600_000, permission };
    let (token, secret) = site.credentials.create_token(new, NOW_MS).unwrap();
    let page = admin.get(TOKENS);
    page.says("ann&#60;b&#62;").says("accounts").says("restricted: some of 1 collection").says("&#60;ann&#62;");
    page.says("not since the start");
    assert!(!page.text().contains(&secret));
    let answer = admin.post(&format!("{TOKENS}/{}/revoke", token.id), &[]);
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, TOKENS));
    admin.get(TOKENS).says("Revoked the token.").says("Nobody logs in to this app");
    assert!(site.credentials.identify(&secret, NOW_MS).is_none());
    assert_eq!(admin.post(&format!("{TOKENS}/{}/revoke", token.id), &[]).status, StatusCode::NOT_FOUND);
}
