//! Leaving.

use super::{GroupError, group::Group};

/// Who leaves: by member id, or (an administrator removes a static member) by static name alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaver {
    /// Its id; may be empty if there is an instance id.
    pub(crate) member_id: String,
    /// Its static name.
    pub(crate) instance_id: Option<String>,
}

impl Group {
    pub(super) fn handle_leave(&mut self, now_ms: u64, leaver: &Leaver) -> Result<(), GroupError> {
        if self.pending.remove(&leaver.member_id).is_some() {
            self.after_departure(now_ms);
            return Ok(());
        }
        let member_id = match &leaver.instance_id {
            Some(instance_id) if leaver.member_id.is_empty() => {
                self.instances.get(instance_id).cloned().ok_or(GroupError::UnknownMemberId)?
            }
            instance_id => self.member_mut(&leaver.member_id, instance_id.as_deref())?.id.clone(),
        };
        self.expel(&member_id, GroupError::UnknownMemberId);
        self.after_departure(now_ms);
        Ok(())
    }
}
