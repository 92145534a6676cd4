//! A portal over a temporary data directory, and a browser that keeps its cookies and reads its
//! forms.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, Response, StatusCode, header, uri::Scheme},
};
use credentials::Credentials;
use document::{Action, Changeset, CollectionName, Condition, DocumentId, Operation, Origin, SiteId, Value};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use operations::{AuditLog, ConsumerGroup, ConsumerGroups, PeerDirectory, SeenPeer};
use portal::{
    Answering, ApiCalls, Portal, PortalOptions, PortalParts, SearchBounds, SignInTokens, limits::SCAN_DOCUMENTS_MAX,
};
use store::{App, AppName, DataDir, StoreOptions, WallClock};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::watch};
use topics::{AppTopics, TopicRegistry};

pub(crate) const NOW_MS: u64 = 1_700_000_000_000;
const HOST: &str = "127.0.0.1:8080";

#[derive(Debug)]
pub(crate) struct HandClock {
    now_ms: AtomicU64,
    /// By how much the wall clock was set, beside what has passed.
    set_by_ms: AtomicI64,
}

impl WallClock for HandClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(SeqCst).checked_add_signed(self.set_by_ms.load(SeqCst)).unwrap()
    }

    fn boot_ms(&self) -> u64 {
        self.now_ms.load(SeqCst)
    }
}

/// Groups as the test says.
#[derive(Debug, Default)]
pub(crate) struct SaidGroups(pub(crate) Mutex<Vec<ConsumerGroup>>);

impl ConsumerGroups for SaidGroups {
    fn of_app(&self, _: &str) -> Vec<ConsumerGroup> {
        self.0.lock().unwrap().clone()
    }

    fn has_members(&self, _: &str, group: &str) -> bool {
        self.of_app("").iter().any(|known| known.name == group && !known.members.is_empty())
    }
}

/// Peers as the test says.
#[derive(Debug, Default)]
pub(crate) struct SaidPeers {
    pub(crate) seen: Mutex<Vec<SeenPeer>>,
    /// Whose sessions were ended.
    pub(crate) shut_out: Mutex<Vec<SiteId>>,
}

impl PeerDirectory for SaidPeers {
    fn of_app(&self, _: &str, after: Option<SiteId>, count_max: usize) -> Vec<SeenPeer> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|peer| Some(peer.site) > after).take(count_max).cloned().collect()
    }

    fn of_site(&self, _: &str, site: SiteId) -> Option<SeenPeer> {
        self.seen.lock().unwrap().iter().find(|peer| peer.site == site).cloned()
    }

    fn connected(&self, _: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|peer| peer.connection.is_some()).count()
    }

    fn shut_out(&self, _: &str, site: SiteId) {
        self.shut_out.lock().unwrap().push(site);
    }

    fn forget_app(&self, _: &str) {
        self.seen.lock().unwrap().clear();
    }
}

/// The HTTP API of the same data.
#[derive(Debug)]
struct SiteApi(http_api::HttpApi);

impl ApiCalls for SiteApi {
    fn call(&self, request: Request<bytes::Bytes>, bytes_max: usize) -> Answering {
        let api = self.0.clone();
        Box::pin(async move { api.answer_page_call(request, bytes_max).await })
    }
}

fn api(
    data_dir: &Arc<DataDir>,
    topics: &Arc<TopicRegistry>,
    credentials: &Arc<Credentials>,
    clock: &Arc<HandClock>,
) -> SiteApi {
    let options = http_api::HttpApiOptions::new(AppName::new("default").unwrap(), "localhost:9".to_owned());
    let parts = http_api::HttpApiParts {
        maintenance: operations::Maintenance::new(data_dir.clone(), topics.clone()),
        sinks: sinks::Sinks::open(topics.clone(), sinks::Host::of(data_dir)).unwrap(),
        data_dir: data_dir.clone(),
        topics: topics.clone(),
        credentials: credentials.clone(),
        clock: clock.clone(),
        pages: Router::new(),
        sign_in_links: None,
        peers: None,
        peer_directory: None,
        groups: None,
        audit: Arc::new(AuditLog::none()),
    };
    SiteApi(http_api::HttpApi::new(options, parts, prometheus_client::registry::Registry::default()))
}

pub(crate) struct Site {
    pub(crate) router: Router,
    pub(crate) routes: Vec<(Method, &'static str)>,
    pub(crate) data: Arc<DataDir>,
    pub(crate) topics: Arc<TopicRegistry>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) tokens: Arc<SignInTokens>,
    pub(crate) groups: Arc<SaidGroups>,
    pub(crate) peers: Arc<SaidPeers>,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) runtime: Runtime,
    options: PortalOptions,
    parts: PortalParts,
    _stop: watch::Sender<bool>,
    /// Goes last: an app that is closed without its files waits in vain for the engine.
    pub(crate) directory: TempDir,
}

impl Site {
    /// With the apps `default` and `shop`.
    pub(crate) fn new() -> Self {
        Self::with_endpoint("localhost:9")
    }

    pub(crate) fn with_endpoint(endpoint: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self::on(runtime, endpoint, NOW_MS)
    }

    /// `now_ms` is what the clock says until the test changes it.
    pub(crate) fn on(runtime: Runtime, endpoint: &str, now_ms: u64) -> Self {
        let _within = runtime.enter();
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock { now_ms: now_ms.into(), set_by_ms: 0.into() });
        let data = DataDir::open(directory.path(), StoreOptions::default(), clock.clone(), rand::random).unwrap();
        let credentials = Credentials::open(directory.path(), now_ms).unwrap();
        for name in ["default", "shop"] {
            let name = AppName::new(name).unwrap();
            data.create_app(&name).unwrap();
            credentials.ensure_bundle(name.as_str(), &name.main_topic(), endpoint, now_ms).unwrap();
        }
        let topics = TopicRegistry::new(data.clone());
        let (tokens, groups) = (SignInTokens::new(rand::random), Arc::new(SaidGroups::default()));
        let peers = Arc::new(SaidPeers::default());
        let (stop, stopping) = watch::channel(false);
        let options = PortalOptions {
            default_app: AppName::new("default").unwrap(),
            kafka_endpoint: endpoint.to_owned(),
            http_base: format!("http://{HOST}"),
            retention_bytes: Some(1 << 30),
            retention_ms: Some(86_400_000),
            version: "1.2.3".to_owned(),
            open_doors: vec!["127.0.0.1:8080".parse().unwrap()],
            // Where a search stops must not depend on how fast the machine is.
            search: SearchBounds { time_max: Duration::from_secs(600), count_max: SCAN_DOCUMENTS_MAX },
        };
        let parts = PortalParts {
            maintenance: operations::Maintenance::new(data.clone(), topics.clone()),
            sinks: sinks::Sinks::open(topics.clone(), sinks::Host::of(&data)).unwrap(),
            data_dir: data.clone(),
            topics: topics.clone(),
            credentials: credentials.clone(),
            groups: groups.clone(),
            peers: peers.clone(),
            audit: Arc::new(AuditLog::of(directory.path())),
            sign_in: tokens.clone(),
            clock: clock.clone(),
            random: rand::random,
            openapi: http_api::HttpApi::description(),
            api: Arc::new(api(&data, &topics, &credentials, &clock)),
            stopping,
        };
        let portal = Portal::new(options.clone(), parts.clone());
        let (router, routes) = (portal.router(), portal.routes().to_vec());
        drop(_within);
        Self {
            router,
            routes,
            data,
            topics,
            credentials,
            tokens,
            groups,
            peers,
            clock,
            runtime,
            directory,
            options,
            parts,
            _stop: stop,
        }
    }

    pub(crate) fn sinks(&self) -> &Arc<sinks::Sinks> {
        &self.parts.sinks
    }

    /// Everything that the portal has in memory is gone, as by a restart of the server.
    pub(crate) fn restart(&mut self) {
        let _within = self.runtime.enter();
        self.router = Portal::new(self.options.clone(), self.parts.clone()).router();
    }

    pub(crate) fn topics(&self) -> Arc<AppTopics> {
        self.runtime.block_on(self.topics.app("default")).unwrap()
    }

    pub(crate) fn app(&self) -> Arc<App> {
        self.data.app("default").unwrap()
    }

    pub(crate) fn audit(&self) -> &AuditLog {
        &self.parts.audit
    }

    pub(crate) fn now(&self, now_ms: u64) {
        self.clock.now_ms.store(now_ms, SeqCst);
    }

    /// Sets the wall clock, so far from what it would say.
    pub(crate) fn set_clock_by(&self, ms: i64) {
        self.clock.set_by_ms.store(ms, SeqCst);
    }

    pub(crate) fn write(&self, collection: &str, id: &str, json: &str) {
        let Value::Map(value) = Value::from_json(json.as_bytes()).unwrap() else { panic!("no object") };
        let operation = Operation {
            collection: CollectionName::new(collection).unwrap(),
            id: DocumentId::from_value(&Value::String(id.into())).unwrap(),
            condition: Condition::Always,
            action: Action::upsert(value),
        };
        let changeset = Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() };
        self.runtime.block_on(self.app().commit(changeset)).unwrap();
    }

    /// A browser that has not signed in.
    pub(crate) fn visitor(&self) -> Browser<'_> {
        Browser { site: self, cookies: Vec::new(), csrf: String::new() }
    }

    /// A browser that has these cookies.
    pub(crate) fn browser_of(&self, cookies: &[(String, String)]) -> Browser<'_> {
        Browser { site: self, cookies: cookies.to_vec(), csrf: String::new() }
    }

    /// A browser that has signed in by a link.
    pub(crate) fn admin(&self) -> Browser<'_> {
        let mut browser = self.visitor();
        let (token, _) = self.tokens.make(self.clock.now_ms(), std::time::Duration::from_secs(60));
        browser.get(&format!("/portal/sign-in?token={token}"));
        let answer = browser.post("/portal/sign-in", &[("token", &token)]);
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/portal/"));
        browser.get("/portal/apps/default/settings");
        assert_eq!(browser.csrf.len(), 64, "the page has a form");
        browser
    }

    fn send(&self, request: Request<Body>) -> Answer {
        let service = TowerToHyperService::new(self.router.clone());
        self.runtime.block_on(async {
            let response = service.call(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let is_stream = parts.headers.get(header::CONTENT_TYPE).is_some_and(|it| it == "text/event-stream");
            let bytes =
                if is_stream { beginning(body).await } else { axum::body::to_bytes(body, 64 << 20).await.unwrap() };
            Answer { status: parts.status, headers: parts.headers, bytes: bytes.to_vec() }
        })
    }
}

pub(crate) struct Browser<'s> {
    pub(crate) site: &'s Site,
    pub(crate) cookies: Vec<(String, String)>,
    /// The token of the last page that had one.
    pub(crate) csrf: String,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    pub(crate) fn location(&self) -> &str {
        self.header(header::LOCATION)
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn says(&self, words: &str) -> &Self {
        assert!(self.text().contains(words), "{words:?} is not in: {}", self.text());
        self
    }
}

impl Browser<'_> {
    /// Its cookies, for [`Site::browser_of`].
    pub(crate) fn kept(self) -> Vec<(String, String)> {
        self.cookies
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], "")
    }

    /// A form with this session's token. Where the answer leads to what the form would do, to what is
    /// wrong with it, or to a secret, that page.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf.clone();
        let fields = [&[("csrf", csrf.as_str())], fields].concat();
        let answer = self.ask(Method::POST, path, &[], &encoded(&fields));
        let location = answer.location().split('#').next().unwrap().to_owned();
        let leads_on = ["draft=", "/portal/problems/", "keys?made"].iter().any(|mark| location.contains(mark));
        if !leads_on {
            return answer;
        }
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        let shown = self.get(&location);
        let again = self.get(&location);
        assert_eq!(shown.status, again.status, "{location} can be loaded again");
        shown
    }

    pub(crate) fn ask(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let answer = self.site.send(self.request(method, path, headers, body));
        for set in answer.headers.get_all(header::SET_COOKIE) {
            self.keep(set.to_str().unwrap());
        }
        let html = String::from_utf8_lossy(&answer.bytes);
        if let Some((_, rest)) = html.split_once("name=\"csrf\" value=\"") {
            self.csrf = rest.split('"').next().unwrap().to_owned();
        }
        answer
    }

    /// The answer to a GET, whose body is not read.
    pub(crate) fn unread(&self, path: &str) -> Response<Body> {
        let service = TowerToHyperService::new(self.site.router.clone());
        self.site.runtime.block_on(service.call(self.request(Method::GET, path, &[], ""))).unwrap()
    }

    fn request(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, HOST)
            .header(header::COOKIE, cookies.join("; "))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.extension(Scheme::HTTP).body(Body::from(body.to_owned())).unwrap()
    }

    fn keep(&mut self, set: &str) {
        assert!(set.contains("; Path=/portal; HttpOnly; SameSite=Strict"), "{set}");
        let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
        self.cookies.retain(|(known, _)| known != name);
        if !value.is_empty() {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }
}

/// What a stream that goes on says first.
async fn beginning(mut body: Body) -> bytes::Bytes {
    let first = tokio::time::timeout(std::time::Duration::from_secs(30), body.frame()).await;
    first.unwrap().unwrap().unwrap().into_data().unwrap()
}

pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A route's path with something in the place of its parameters.
pub(crate) fn filled(path: &str) -> String {
    let file = if path.contains("settings/files") { "cluster.p12" } else { "portal.css" };
    let values = [
        ("{app}", "default"),
        ("{file}", file),
        ("{name}", "main"),
        ("{serial}", "00"),
        ("{page}", "nothing"),
        ("{collection}", "people"),
        ("{id}", "%22a%22"),
        ("{topic}", "user-consumable-default"),
        ("{partition}", "0"),
        ("{offset}", "0"),
        ("{group}", "readers"),
        ("{site}", "42"),
        ("{call}", "write"),
        ("{number}", "1"),
    ];
    let path = values.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
    path.replace("{*path}", "no/such/page")
}
