//! placeholder
use super::Context;
use crate::config::AppOption;
#[derive(Debug, clap::Args)]
pub(crate) struct Events {
    #[command(flatten)]
    app: AppOption,
}
impl Events {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let _ = (self, context);
        Ok(())
    }
}
