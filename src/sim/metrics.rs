//! Counters of a run.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::protocol::Label;

/// What a run has counted so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// Inputs that nodes have handled.
    pub events: u64,
    /// Messages that nodes have sent over the network.
    pub sent: u64,
    /// Messages that have reached a node that was up.
    pub delivered: u64,
    /// Messages lost by the network.
    pub lost: u64,
    /// Messages lost to a cut or partition.
    pub cut: u64,
    /// Messages dropped because their checksum was wrong.
    pub corrupt: u64,
    /// Messages dropped by a node that fails by omission.
    pub omitted: u64,
    /// Messages that arrived twice.
    pub duplicated: u64,
    /// Messages and calls that found their node down, or addressed to no node at all.
    pub unheard: u64,
    /// Bytes sent; counted when the network has a bandwidth, or counts bytes.
    pub bytes: u64,
    /// Timers that went off.
    pub timers: u64,
    /// Operations asked.
    pub calls: u64,
    /// Operations answered.
    pub replies: u64,
    /// Writes to stable storage.
    pub writes: u64,
    /// Syncs completed.
    pub syncs: u64,
    /// How often each thing was noted.
    pub notes: BTreeMap<Label, u64>,
}
