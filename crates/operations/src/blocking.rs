//! Work that waits for a disk.

use tokio::task::JoinError;

/// Runs it on a thread where it holds nobody up.
pub(crate) async fn blocking<T, F, E>(work: impl FnOnce() -> Result<T, F> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    F: Send + 'static,
    E: From<F> + From<JoinError>,
{
    Ok(tokio::task::spawn_blocking(work).await??)
}
