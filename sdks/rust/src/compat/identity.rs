//! The vendor's older way to open: a builder with a folder and an identity.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Ditto, DittoConfig, DittoError};

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
        if let Some(Identity::OnlinePlayground(OnlinePlayground { app: AppId(app), token, url })) = self.identity {
            config.server = url;
            config.app = Some(app);
            config.token = Some(token).filter(|token| !token.is_empty());
        }
        Ditto::open_sync(config)
    }
}
