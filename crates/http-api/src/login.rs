//! Logging in: the app's hook is asked, and whoever it knows gets a token (docs/reference/access.md, "Login").
//!
//! Invariants: nothing is told of why a login is refused, but to the log; a token of the provider's is in no log; a hook
//! is asked once for each login, and what it says is believed only if all of it can be kept.
//! Not here: the route (`resource::login`), the call itself (`outbound`), tokens (`credentials`).

pub(crate) mod answer;
pub(crate) mod attempts;
pub(crate) mod form;

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use credentials::{Credentials, LoginHook, NewToken, NoToken, UserToken};
use outbound::{CallError, Endpoint, HeaderName, HeaderValue, StatusCode};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{MetricType, counter::Counter, family::Family, gauge::ConstGauge},
    registry::Registry,
};
use tokio::sync::Semaphore;

use self::{
    answer::{AnswerError, Known},
    attempts::Attempts,
    form::LoginForm,
};
use crate::{
    limits::{LOGIN_HOOK_TIMEOUT, LOGINS_AT_ONCE},
    state::State,
};

const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");
const SIGNATURE: HeaderName = HeaderName::from_static("ditto-signature");

/// What all logins share.
#[derive(Debug)]
pub(crate) struct Logins {
    attempts: Mutex<Attempts>,
    begun: Instant,
    places: Semaphore,
    outcomes: Family<OutcomeLabels, Counter>,
    /// The hook that was asked last of each app, for the connections that it keeps.
    endpoints: Mutex<HashMap<String, (String, Arc<Endpoint>)>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// Why nobody is logged in, as they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LoginRefused {
    #[error("the login is refused")]
    Refused,
    #[error("too many logins from this address: at most {} a second", crate::limits::LOGINS_PER_SECOND)]
    TooManyAttempts,
    #[error("too many logins are under way; try again")]
    Busy,
}

/// Why nobody is logged in, as the log says.
#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("the app has no login hook: `headwater login-hook set` gives it one")]
    NoHook,
    #[error("the login hook's URL {0}")]
    Url(#[from] outbound::BadUrl),
    #[error("{0}")]
    Call(#[from] CallError),
    #[error("the login hook answered {}", .0.as_u16())]
    Status(StatusCode),
    #[error("the login hook's answer {0}")]
    Answer(#[from] AnswerError),
    #[error("the login hook does not know the user")]
    Unknown,
    #[error("{0}")]
    Token(#[from] NoToken),
    #[error("the server failed: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

impl Why {
    /// By which `/metrics` counts it.
    fn outcome(&self) -> &'static str {
        match self {
            Self::NoHook => "no_hook",
            Self::Unknown => "refused",
            Self::Url(_) | Self::Call(_) | Self::Status(_) => "hook_failed",
            Self::Answer(_) | Self::Token(NoToken::Bad(_)) => "bad_answer",
            Self::Token(_) | Self::Panicked(_) => "no_token",
        }
    }
}

impl Logins {
    pub(crate) fn register(registry: &mut Registry, credentials: &Arc<Credentials>) -> Self {
        let logins = Self {
            attempts: Mutex::default(),
            begun: Instant::now(),
            places: Semaphore::new(LOGINS_AT_ONCE),
            outcomes: Family::default(),
            endpoints: Mutex::default(),
        };
        let headwater = registry.sub_registry_with_prefix("headwater");
        headwater.register("logins", "Logins that were tried, by what became of them", logins.outcomes.clone());
        headwater.register_collector(Box::new(TokenCollector(credentials.clone())));
        logins
    }

    fn count(&self, outcome: &'static str) {
        self.outcomes.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Whether this address may try now.
    pub(crate) fn take_turn(&self, address: IpAddr) -> Result<(), LoginRefused> {
        let now_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.take_turn(address, now_ms) {
            return Ok(());
        }
        self.count("too_many");
        Err(LoginRefused::TooManyAttempts)
    }

    fn endpoint(&self, app: &str, url: &str) -> Result<Arc<Endpoint>, outbound::BadUrl> {
        let mut endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, endpoint)) = endpoints.get(app).filter(|(known, _)| known == url) {
            return Ok(endpoint.clone());
        }
        let endpoint = Arc::new(Endpoint::parse(url)?);
        endpoints.insert(app.to_owned(), (url.to_owned(), endpoint.clone()));
        Ok(endpoint)
    }
}

/// Counts tokens when somebody scrapes.
struct TokenCollector(Arc<Credentials>);

impl fmt::Debug for TokenCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenCollector")
    }
}

impl Collector for TokenCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let counts = self.0.token_counts();
        if counts.is_empty() {
            return Ok(());
        }
        let help = "Tokens of the app's users that count, or ended within the last minutes";
        let mut encoder = encoder.encode_descriptor("tokens", help, None, MetricType::Gauge)?;
        for (app, count) in counts {
            let gauge = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_family(&[("app", app.as_str())])?)?;
        }
        Ok(())
    }
}

/// Logs in; with the token as its holder presents it.
pub(crate) async fn log_in(
    state: &Arc<State>,
    address: IpAddr,
    form: LoginForm,
) -> Result<(Arc<UserToken>, String), LoginRefused> {
    let logins = &state.logins;
    let Ok(_place) = logins.places.try_acquire() else {
        logins.count("busy");
        return Err(LoginRefused::Busy);
    };
    let (app, provider) = (form.app.clone(), form.provider.clone());
    match tried(state, form).await {
        Ok((token, secret)) => {
            logins.count("success");
            Ok((token, secret))
        }
        Err(why) => {
            logins.count(why.outcome());
            tracing::warn!(app, provider, %address, "a login is refused: {why}");
            Err(LoginRefused::Refused)
        }
    }
}

async fn tried(state: &Arc<State>, form: LoginForm) -> Result<(Arc<UserToken>, String), Why> {
    let hook = state.credentials.login_hook(&form.app).ok_or(Why::NoHook)?;
    let Known { user, life_ms, permission } = asked(state, &hook, &form).await?.ok_or(Why::Unknown)?;
    let new = NewToken { app: form.app, user, provider: form.provider, life_ms, permission };
    let it = state.clone();
    Ok(tokio::task::spawn_blocking(move || it.credentials.create_token(new, it.clock.now_ms())).await??)
}

/// What the app's hook says of the user; `None`: it does not know them.
async fn asked(state: &State, hook: &LoginHook, form: &LoginForm) -> Result<Option<Known>, Why> {
    let endpoint = state.logins.endpoint(&hook.app, &hook.url)?;
    let body = Bytes::from(form.question());
    let signature = outbound::signature(&[&hook.secret], state.clock.now_ms() / 1000, &body);
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (SIGNATURE, HeaderValue::try_from(signature).expect("digits and letters are a header's value")),
    ];
    let (status, body) = state.operations.sinks.outbound().ask(&endpoint, &headers, body, LOGIN_HOOK_TIMEOUT).await?;
    match status {
        StatusCode::OK => Ok(answer::read(&body)?),
        // A hook may say no by its status.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(None),
        other => Err(Why::Status(other)),
    }
}
