//! The vendor's older way to open: a builder with a folder and an identity.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{Ditto, DittoAuthenticator, DittoConfig, DittoError};

/// A folder.
#[derive(Debug, Clone)]
pub struct PersistentRoot(PathBuf);

impl PersistentRoot {
    /// It is made when the peer is opened.
    ///
    /// # Errors
    /// None; the vendor's says that there may be one.
    pub fn new(path: impl AsRef<Path>) -> Result<Self, DittoError> {
        Ok(Self(path.as_ref().to_owned()))
    }
}

/// The name of an app at the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppId(String);

impl From<&str> for AppId {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl From<String> for AppId {
    fn from(name: String) -> Self {
        Self(name)
    }
}

/// Who the peer is to its server.
#[derive(Debug, Clone)]
pub enum Identity {
    /// With a server.
    OnlinePlayground(OnlinePlayground),
    /// With a server, and somebody who logs in.
    OnlineWithAuthentication(OnlineWithAuthentication),
    /// Without one.
    OfflinePlayground(OfflinePlayground),
}

/// A peer with a server and a key.
#[derive(Debug, Clone)]
pub struct OnlinePlayground {
    app: AppId,
    token: String,
    url: Option<String>,
}

/// A peer with a server, and somebody who logs in.
#[derive(Clone)]
pub struct OnlineWithAuthentication {
    app: AppId,
    url: Option<String>,
    handler: Arc<dyn DittoAuthenticationEventHandler>,
}

impl fmt::Debug for OnlineWithAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, url, .. } = self;
        f.debug_struct("OnlineWithAuthentication").field("app", app).field("url", url).finish_non_exhaustive()
    }
}

/// Who logs in, on the thread of callbacks. One that does not is asked again later.
pub trait DittoAuthenticationEventHandler: Send + Sync {
    /// The server does not take the token, or there is none.
    fn authentication_required(&self, auth: DittoAuthenticator);

    /// It ends in so long.
    fn authentication_expiring_soon(&self, auth: DittoAuthenticator, seconds_remaining: Duration);
}

/// A peer without a server.
#[derive(Debug, Clone)]
pub struct OfflinePlayground(());

impl OnlinePlayground {
    /// `token` is a key of the server, or empty where none is needed; `url` says where the server is.
    /// The vendor's cloud is not there, whether it is wanted or not.
    ///
    /// # Errors
    /// None; the vendor's says that there may be one.
    pub fn new(
        _: Arc<PersistentRoot>,
        app: impl Into<AppId>,
        token: impl Into<String>,
        _enable_cloud_sync: bool,
        url: Option<&str>,
    ) -> Result<Self, DittoError> {
        Ok(Self { app: app.into(), token: token.into(), url: url.map(str::to_owned) })
    }
}

impl OnlineWithAuthentication {
    /// `url` says where the server is. The vendor's cloud is not there, whether it is wanted or not.
    ///
    /// # Errors
    /// None; the vendor's says that there may be one.
    pub fn new(
        _: Arc<PersistentRoot>,
        app: impl Into<AppId>,
        handler: impl DittoAuthenticationEventHandler + 'static,
        _enable_cloud_sync: bool,
        url: Option<&str>,
    ) -> Result<Self, DittoError> {
        Ok(Self { app: app.into(), url: url.map(str::to_owned), handler: Arc::new(handler) })
    }
}

impl OfflinePlayground {
    /// The app makes no difference.
    ///
    /// # Errors
    /// None; the vendor's says that there may be one.
    pub fn new(_: Arc<PersistentRoot>, _: impl Into<AppId>) -> Result<Self, DittoError> {
        Ok(Self(()))
    }
}

impl From<OnlinePlayground> for Identity {
    fn from(identity: OnlinePlayground) -> Self {
        Self::OnlinePlayground(identity)
    }
}

impl From<OnlineWithAuthentication> for Identity {
    fn from(identity: OnlineWithAuthentication) -> Self {
        Self::OnlineWithAuthentication(identity)
    }
}

impl From<OfflinePlayground> for Identity {
    fn from(identity: OfflinePlayground) -> Self {
        Self::OfflinePlayground(identity)
    }
}

/// Opens a peer.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use headwater::compat::{Ditto, OnlinePlayground, PersistentRoot};
///
/// # fn main() -> Result<(), headwater::compat::DittoError> {
/// let ditto = Ditto::builder()
///     .with_root(Arc::new(PersistentRoot::new("till-7")?))
///     .with_identity(|root| OnlinePlayground::new(root, "shop", "a key", false, Some("http://localhost:8080")))?
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct DittoBuilder {
    root: Arc<PersistentRoot>,
    identity: Option<Identity>,
}

impl Default for DittoBuilder {
    fn default() -> Self {
        Self { root: Arc::new(PersistentRoot(PathBuf::from("ditto"))), identity: None }
    }
}

impl DittoBuilder {
    /// The folder; `ditto` if none is named.
    #[must_use]
    pub fn with_root(mut self, root: Arc<PersistentRoot>) -> Self {
        self.root = root;
        self
    }

    /// Who the peer is; without it there is no server.
    ///
    /// # Errors
    /// What `make` says.
    pub fn with_identity<I: Into<Identity>>(
        mut self,
        make: impl FnOnce(Arc<PersistentRoot>) -> Result<I, DittoError>,
    ) -> Result<Self, DittoError> {
        self.identity = Some(make(self.root.clone())?.into());
        Ok(self)
    }

    /// [`Ditto::open_sync`].
    ///
    /// # Errors
    /// As there.
    pub fn build(self) -> Result<Ditto, DittoError> {
        let mut config = DittoConfig::new(&self.root.0);
        match self.identity {
            Some(Identity::OnlinePlayground(OnlinePlayground { app: AppId(app), token, url })) => {
                config.server = url;
                config.app = named(app);
                config.token = Some(token).filter(|token| !token.is_empty());
            }
            Some(Identity::OnlineWithAuthentication(OnlineWithAuthentication { app: AppId(app), url, handler })) => {
                config.server = url;
                config.app = named(app);
                let ditto = Ditto::open_sync(config)?;
                ask_for_logins(&ditto, handler)?;
                return Ok(ditto);
            }
            Some(Identity::OfflinePlayground(_)) | None => {}
        }
        Ditto::open_sync(config)
    }
}

/// Without a name it is the server's default app.
fn named(app: String) -> Option<String> {
    Some(app).filter(|app| !app.is_empty())
}

fn ask_for_logins(ditto: &Ditto, handler: Arc<dyn DittoAuthenticationEventHandler>) -> Result<(), DittoError> {
    let asked = move |ditto: &Ditto, remaining: Duration| {
        let auth = DittoAuthenticator::of(ditto);
        match remaining.is_zero() {
            true => handler.authentication_required(auth),
            false => handler.authentication_expiring_soon(auth, remaining),
        }
    };
    DittoAuthenticator::of(ditto).set_expiration_handler(asked)
}
