//! What a page is asked with: who asks, about which app, with which fields.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
    response::{IntoResponse as _, Redirect, Response},
};
use store::App;
use topics::AppTopics;

pub(crate) use crate::address::{app_path, segment};
use crate::{
    audit::NothingDone,
    draft::{Draft, Drafts},
    failure::Failure,
    form::{CSRF, Form},
    layout::{Layout, Section},
    session::Flash,
    state::Shared,
    visitor::Visitor,
};

/// The field of an address that names what was typed before.
const DRAFT: &str = "draft";

/// A request for any page.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) state: Shared,
    pub(crate) visitor: Visitor,
    /// The fields of the query.
    pub(crate) query: Form,
    /// The fields of the body; none where nothing is changed.
    pub(crate) form: Form,
    params: RawPathParams,
    /// Whether the page shows what was typed before, without being asked for it.
    is_restored: AtomicBool,
}

/// A request for a page of an app.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) visit: Visit,
    pub(crate) app: Arc<App>,
    pub(crate) topics: Arc<AppTopics>,
}

impl Visit {
    /// What stands at `{name}` of the route's path.
    pub(crate) fn param(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        found.expect("a page asks for what its route has")
    }

    /// What surrounds a page that belongs to no app; its navigation is the default app's.
    pub(crate) fn layout(&self, title: impl Into<String>, section: Option<Section>) -> Layout {
        self.layout_of(self.named_app(), title, section)
    }

    /// The app that the query names, or the default one.
    pub(crate) fn named_app(&self) -> &str {
        let named = self.query.filled("app").filter(|app| self.state.has_app(app));
        named.unwrap_or(self.state.options.default_app.as_str())
    }

    /// As [`Visit::layout`], with the navigation of an app.
    pub(crate) fn layout_of(&self, app: &str, title: impl Into<String>, section: Option<Section>) -> Layout {
        Layout { begin_anew: self.begin_anew(), ..Layout::new(&self.state, Some(&self.visitor), app, title, section) }
    }

    /// Where the page is as if nothing had been typed on it, if something has.
    fn begin_anew(&self) -> Option<String> {
        let mut query = self.query.without(&[DRAFT]).encoded();
        if !query.is_empty() {
            query.push('&');
        }
        self.is_restored.load(Relaxed).then(|| format!("?{query}{DRAFT}=none"))
    }

    /// What was typed into the form `of` and not carried out: what the address names (`?draft=7`), or
    /// else what was typed last. `?draft=none` forgets all of it.
    pub(crate) fn draft(&self, of: &str) -> Option<Draft> {
        let session = self.visitor.session?;
        let asked = self.query.filled(DRAFT);
        let restored = |draft: &Draft| {
            self.is_restored.store(true, Relaxed);
            draft.clone()
        };
        let find = |drafts: &mut Drafts| match asked.map(str::parse) {
            None => drafts.latest(of).map(restored),
            Some(Ok(number)) => drafts.numbered(of, number).cloned(),
            Some(Err(_)) => {
                drafts.forget(of);
                None
            }
        };
        self.state.sessions.with(session, |session| find(&mut session.drafts)).flatten()
    }

    /// Whether the address names a draft: its page shows what became of it.
    pub(crate) fn names_draft(&self) -> bool {
        self.query.filled(DRAFT).is_some_and(|text| text.parse::<u64>().is_ok())
    }

    /// Keeps what was sent as a draft of the form `of`, and leads to `page`, which shows it again, with
    /// what is wrong with it or what it would do. So nothing is sent twice by a browser that loads the
    /// page again or comes back to it.
    pub(crate) fn again(&self, of: &str, page: &str, error: Option<String>) -> Response {
        self.again_with(of, page, error, None)
    }

    /// The same where one field is wrong.
    pub(crate) fn again_at(&self, of: &str, page: &str, field: &'static str, error: String) -> Response {
        self.again_with(of, page, Some(error), Some(field))
    }

    fn again_with(&self, of: &str, page: &str, error: Option<String>, wrong_field: Option<&'static str>) -> Response {
        let draft = Draft { form: self.form.without(&[CSRF]), error, wrong_field };
        let keep = |session| self.state.sessions.with(session, |session| session.drafts.keep(of, draft));
        let number = self.visitor.session.and_then(keep).unwrap_or_default();
        let (page, fragment) =
            page.split_once('#').map_or((page, String::new()), |(page, rest)| (page, format!("#{rest}")));
        let joint = if page.contains('?') { '&' } else { '?' };
        let mut response = Redirect::to(&format!("{page}{joint}{DRAFT}={number}{fragment}")).into_response();
        response.extensions_mut().insert(NothingDone);
        response
    }

    /// The form `of` was carried out: what was typed into it is kept no longer.
    pub(crate) fn carried_out(&self, of: &str) {
        if let Some(session) = self.visitor.session {
            self.state.sessions.with(session, |session| session.drafts.forget(of));
        }
    }

    /// Leaves a message for the next page.
    pub(crate) fn tell(&self, good: bool, text: impl Into<String>) {
        if let Some(session) = self.visitor.session {
            self.state.sessions.tell(session, Flash { good, text: text.into() });
        }
    }
}

impl Scope {
    /// The app's name.
    pub(crate) fn name(&self) -> &str {
        self.app.name().as_str()
    }

    pub(crate) fn state(&self) -> &Shared {
        &self.visit.state
    }

    pub(crate) fn layout(&self, title: impl Into<String>, section: Section) -> Layout {
        let layout = Layout::new(&self.visit.state, Some(&self.visit.visitor), self.name(), title, Some(section));
        Layout { begin_anew: self.visit.begin_anew(), ..layout }
    }

    /// The path of another page of the app.
    pub(crate) fn path(&self, rest: &str) -> String {
        app_path(self.name(), rest)
    }

    /// 303 to another page of the app, which tells how it went.
    pub(crate) fn done(&self, text: impl Into<String>, rest: &str) -> Response {
        self.visit.tell(true, text);
        Redirect::to(&self.path(rest)).into_response()
    }
}

impl FromRequestParts<Shared> for Visit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Failure> {
        let visitor = parts.extensions.get::<Visitor>().expect("the gate puts the visitor on every request").clone();
        let form = parts.extensions.remove::<Form>().unwrap_or_default();
        let query = Form::parse(parts.uri.query().unwrap_or_default().as_bytes())?;
        let params =
            RawPathParams::from_request_parts(parts, state).await.map_err(|_not_utf8| Failure::PageNotFound)?;
        Ok(Self { state: state.clone(), visitor, query, form, params, is_restored: AtomicBool::new(false) })
    }
}

impl FromRequestParts<Shared> for Scope {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Failure> {
        let visit = Visit::from_request_parts(parts, state).await?;
        let name = visit.param("app").to_owned();
        let topics = state.topics.app(&name).await?;
        Ok(Self { visit, app: topics.app().clone(), topics })
    }
}
