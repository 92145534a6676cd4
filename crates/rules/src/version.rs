//! Versions of the rules. Each frame of a journal says which made it; a replay follows the same.

use document::WriteRules;

/// A version of the rules. Stored in frames: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub enum RulesVersion {
    /// Changesets were journaled as they were asked for, and an update that failed took a stamp.
    AsAsked = 1,
    /// Decisions are journaled.
    Decided = 2,
    /// A document of which a transaction makes no event keeps the txnId of its last event: what
    /// stands for that event says that.
    OfEvents = 3,
}

impl RulesVersion {
    /// What new frames are made by.
    pub const NEWEST: Self = Self::OfEvents;

    /// The version of that number, as [`RulesVersion::number`] gives it; frames without one say 0.
    /// `None`: a newer program's.
    pub fn from_number(number: u16) -> Option<Self> {
        match number {
            0 | 1 => Some(Self::AsAsked),
            2 => Some(Self::Decided),
            3 => Some(Self::OfEvents),
            _ => None,
        }
    }

    /// As it is stored.
    pub fn number(self) -> u16 {
        self as u16
    }

    pub(crate) fn write_rules(self) -> WriteRules {
        match self {
            Self::AsAsked => WriteRules::V1,
            Self::Decided | Self::OfEvents => WriteRules::V2,
        }
    }
}
