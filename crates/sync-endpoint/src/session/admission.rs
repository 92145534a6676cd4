//! What a hello is let in by: token, app, site.
//!
//! Invariant: the token is looked at first, and nothing else before.

use std::sync::Arc;

use credentials::Credentials;
use document::SiteId;
use permissions::KnownRights;
use store::{App, AppUnavailable, Site, SnapshotError};
use sync_protocol::{Authorised, ByeCode, Cursor, FormerSite, Hello, Rest, Seq, SeqRange, TxnId};

use super::retry_after_ms;
use crate::{
    access::Caller,
    endpoint::{Arrival, Shared},
    limits::RETRY_WRITES_AFTER_MS,
    live_sites::{NoEntry, Opening, SitePlace},
    peers::LivePeer,
};

/// A peer that is let in.
pub(super) struct Admitted {
    pub(super) app: Arc<App>,
    pub(super) caller: Caller,
    pub(super) site: SiteId,
    pub(super) site_place: SitePlace,
    pub(super) authorised: Authorised,
}

/// Why one is not.
pub(crate) struct NotAdmitted {
    pub(crate) code: ByeCode,
    pub(crate) message: String,
    pub(crate) retry_after_ms: Option<u64>,
}

impl NotAdmitted {
    fn denied(message: String) -> Self {
        Self { code: ByeCode::Denied, message, retry_after_ms: None }
    }

    pub(crate) fn busy(message: String) -> Self {
        Self { code: ByeCode::Busy, message, retry_after_ms: Some(retry_after_ms(RETRY_WRITES_AFTER_MS)) }
    }

    pub(crate) fn site_reused(message: &str) -> Self {
        Self { code: ByeCode::SiteReused, message: message.to_owned(), retry_after_ms: None }
    }
}

/// Looks at a hello.
pub(super) async fn admit(
    shared: &Arc<Shared>,
    arrival: &Arrival,
    session: u64,
    hello: &Hello,
) -> Result<Admitted, NotAdmitted> {
    let Arrival { app: name, is_open, address } = arrival;
    let caller = caller_of(&shared.credentials, &shared.rights, *is_open, name, hello, shared.clock.now_ms())?;
    if let Err(retry_after_ms) = shared.take_turn() {
        shared.metrics.put_off.inc();
        let message = "so many peers come at once".to_owned();
        return Err(NotAdmitted { code: ByeCode::Busy, message, retry_after_ms: Some(retry_after_ms) });
    }
    let app = match shared.topics.app(name).await {
        Ok(topics) => topics.app().clone(),
        Err(AppUnavailable::NotFound { .. }) => return Err(no_app(name)),
        Err(error) => return Err(NotAdmitted::busy(error.to_string())),
    };
    let site = hello.site;
    let sites = {
        let (app, caller, former) = (app.clone(), caller.clone(), hello.former);
        let look_up = move || Sites::look_up(&app, site, former, &caller);
        tokio::task::spawn_blocking(look_up).await.expect("a look-up does not panic")?
    };
    let peer = LivePeer::new(shared.clock.clone(), *address, hello, app.incarnation().id);
    let opening = Opening { session, instance: hello.instance, subject: caller.subject(), peer };
    let site_place = shared.live_sites.enter(name, site, opening).await.map_err(|refused| match refused {
        NoEntry::Alive => NotAdmitted::site_reused("the site has another session"),
        NoEntry::Late => NotAdmitted::busy("the peer has a later connection".to_owned()),
    })?;
    // Whoever revokes it from here on finds the session.
    if shared.credentials.is_peer_revoked(name, site.0) {
        return Err(NotAdmitted::denied("the peer is revoked".to_owned()));
    }
    let authorised = authorised(&app, &caller, hello, sites, shared.clock.now_ms());
    Ok(Admitted { app, caller, site, site_place, authorised })
}

/// Whose a hello is, if anything may be done in the app.
pub(crate) fn caller_of(
    credentials: &Credentials,
    known: &KnownRights,
    is_open: bool,
    app: &str,
    hello: &Hello,
    now_ms: u64,
) -> Result<Caller, NotAdmitted> {
    let caller = Caller::identify(credentials, known, is_open, hello.token.as_deref(), now_ms);
    let caller = caller.map_err(NotAdmitted::denied)?;
    if caller.may_anything(app) { Ok(caller) } else { Err(no_app(app)) }
}

fn no_app(app: &str) -> NotAdmitted {
    NotAdmitted::denied(format!("there is no app {app:?}, or nothing in it may be done"))
}

/// What is known of the sites in a hello.
pub(crate) struct Sites {
    /// The greatest number of the peer's site that was taken.
    seq: u64,
    /// The site that it had before, if that is the caller's.
    former: Option<Site>,
}

impl Sites {
    /// Blocks on disk. Refused if the site is somebody else's.
    pub(crate) fn look_up(
        app: &App,
        site: SiteId,
        former: Option<SiteId>,
        caller: &Caller,
    ) -> Result<Self, NotAdmitted> {
        let busy = |error: SnapshotError| NotAdmitted::busy(error.to_string());
        let known = app.site(site).map_err(busy)?;
        if known.as_ref().is_some_and(|known| known.subject != caller.subject()) {
            return Err(NotAdmitted::site_reused("the site is somebody else's"));
        }
        let former = former.map(|former| app.site(former)).transpose().map_err(busy)?.flatten();
        let former = former.filter(|it| it.subject == caller.subject());
        Ok(Self { seq: known.map_or(0, |known| known.seq), former })
    }
}

/// What the welcome says.
pub(crate) fn authorised(app: &App, caller: &Caller, hello: &Hello, sites: Sites, wall_ms: u64) -> Authorised {
    let is_ahead = |cursor: &&Cursor| cursor.incarnation == app.incarnation().id && cursor.txn.0 > app.newest_txn().0;
    if let Some(cursor) = hello.cursor.as_ref().filter(is_ahead) {
        app.note_ahead(|| format!("the small peer {} has seen transaction {}", hello.site.0, cursor.txn.0));
    }
    Authorised {
        incarnation: app.incarnation().id,
        newest: TxnId(app.newest_txn().0),
        floor: TxnId(app.tombstone_floor_txn().0),
        window_start: TxnId(app.events_after().0),
        fork: hello.cursor.as_ref().map_or(TxnId(0), |cursor| TxnId(app.fork_from(cursor.incarnation).0)),
        site_seq: Seq(sites.seq),
        former: sites.former.map(told),
        wall_ms,
        permission: caller.permission_hash(app.name().as_str()),
        expires_ms: caller.remaining_ms(wall_ms),
    }
}

/// What is known of a site, as its peer is told.
fn told(site: Site) -> FormerSite {
    let range = |(first, last)| SeqRange { first: Seq(first), last: Seq(last), rest: Rest::default() };
    FormerSite {
        seq: Seq(site.seq),
        known_from: Seq(site.known_from),
        missing: site.missing.into_iter().map(range).collect(),
        rest: Rest::default(),
    }
}
