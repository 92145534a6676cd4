//! Imports of apps, each on a thread of its own.
//!
//! Not here: how an app comes in (`app_import`).

use std::sync::Arc;

use store::{AppName, RestoredApp, WallClock as _};
use tokio::runtime::Handle;

use crate::{
    app_import::{ImportRequest, Imported, import_app},
    maintenance::{BackupError, begin, tell_of, yield_to_others},
    operations::Operations,
};

impl Operations {
    /// Begins to take an app in, with a bundle for its first user; `maintenance.imports()` says how far
    /// it is. To be called within the runtime.
    ///
    /// # Errors
    /// It was not begun.
    pub fn begin_import(self: &Arc<Self>, request: ImportRequest) -> Result<(), BackupError> {
        if !request.from.is_absolute() {
            return Err(BackupError::Relative(request.from));
        }
        self.data_dir.check_name_is_free(&request.app)?;
        let now_ms = self.data_dir.clock().now_ms();
        let turn = begin(&self.maintenance.imports, request.app.as_str().to_owned(), now_ms)?;
        let (it, runtime) = (self.clone(), Handle::current());
        std::thread::Builder::new().name("import".to_owned()).spawn(move || {
            yield_to_others();
            let imported = import_app(&it.data_dir, &request, now_ms, &mut tell_of(turn.job()));
            let (app, from) = (request.app.as_str(), request.from.display());
            match &imported {
                Ok(Imported { app: RestoredApp { seam, .. }, what }) => {
                    let (last_txn, first_txn) = (seam.last_txn.0, seam.first_txn);
                    tracing::info!(app, %from, what, last_txn, first_txn, "imported an app");
                    it.make_ready(&runtime, &request.app);
                }
                Err(error) => tracing::error!(app, %from, %error, "the app is not imported"),
            }
            turn.end(it.data_dir.clock().now_ms(), imported.map_err(|error| error.to_string()));
        })?;
        Ok(())
    }

    /// The app is there: what fails here is made at its first use, or at the next start.
    fn make_ready(&self, runtime: &Handle, app: &AppName) {
        let now_ms = self.clock.now_ms();
        let bundle = self.credentials.ensure_bundle(app.as_str(), &app.main_topic(), &self.kafka_endpoint, now_ms);
        if let Err(error) = bundle {
            tracing::error!(app = app.as_str(), %error, "the certificates of an imported app cannot be made");
        }
        if let Err(error) = runtime.block_on(self.topics.app(app.as_str())) {
            tracing::error!(app = app.as_str(), %error, "an imported app cannot be opened");
        }
    }
}
