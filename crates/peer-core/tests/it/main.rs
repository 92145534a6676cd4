//! Peers against a small model of the server: rule by rule, and over random histories.

mod disk;
mod histories;
mod offline;
mod random;
mod rig;
mod server;
mod synced;
