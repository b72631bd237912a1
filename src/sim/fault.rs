//! The vocabulary of faults: one for every cluster, as data, so that plans can be saved, drawn and shrunk.
use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::protocol::{NodeId, Time};
use super::rng::Probability;

/// Something that happens to a world from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// A node loses its memory, its timers, and every write that is not durable, with the messages that
    /// waited for it.
    Crash {
        /// Which node.
        node: NodeId,
        /// Whether its machine loses power. Otherwise only the process dies: what it wrote is with the operating
        /// system, which goes on writing; only a loss of power before that ends can still take it.
        #[serde(default = "yes")]
        lose_unsynced: bool,
        /// Whether the first lost write may remain in part.
        #[serde(default)]
        torn: bool,
        /// Whether the last record on the disk cannot be read any more, durable or not: its checksum tells.
        #[serde(default)]
        corrupt: bool,
    },
    /// A crashed node comes up again, with its disk.
    Recover {
        /// Which node.
        node: NodeId,
    },
    /// A node crashes and its disk is blank afterwards.
    Wipe {
        /// Which node.
        node: NodeId,
    },
    /// A node stops to react (a long collection of garbage); what arrives waits.
    Pause {
        /// Which node.
        node: NodeId,
    },
    /// A paused node goes on with what has waited.
    Resume {
        /// Which node.
        node: NodeId,
    },
    /// A node takes longer for every input: `factor` times its service time, plus `extra`.
    Slow {
        /// Which node.
        node: NodeId,
        /// How many times its service time; 1 is normal.
        factor: f64,
        /// A time added to each input's service, in nanoseconds.
        #[serde(default)]
        extra: Time,
    },
    /// Messages from `from` to `to` are lost; also the other way unless `oneway`.
    Cut {
        /// The sending end.
        from: NodeId,
        /// The receiving end.
        to: NodeId,
        /// Whether the way back stays open.
        #[serde(default)]
        oneway: bool,
    },
    /// Takes back a cut.
    Mend {
        /// The sending end.
        from: NodeId,
        /// The receiving end.
        to: NodeId,
        /// Whether only this direction is mended.
        #[serde(default)]
        oneway: bool,
    },
    /// Messages between nodes of different groups are lost. Nodes in no group reach everybody.
    Partition {
        /// The groups; no node in two of them.
        groups: Vec<Vec<NodeId>>,
    },
    /// A node reaches nobody and is reached by nobody.
    Isolate {
        /// Which node.
        node: NodeId,
    },
    /// Every cut, partition and isolation ends.
    Heal,
    /// Bad weather on some links, on top of what the network does anyway; replaces earlier weather there.
    Weather {
        /// The sending end; none: all.
        #[serde(default)]
        from: Option<NodeId>,
        /// The receiving end; none: all.
        #[serde(default)]
        to: Option<NodeId>,
        /// How bad; the default is calm.
        weather: Weather,
    },
    /// A node drops some of its own messages: a process that fails by omission.
    Omit {
        /// Which node.
        node: NodeId,
        /// How often what it sends is lost.
        #[serde(default)]
        send: Probability,
        /// How often what it should receive is lost.
        #[serde(default)]
        receive: Probability,
        /// Only messages to or from this node.
        #[serde(default)]
        peer: Option<NodeId>,
        /// Only messages of this kind.
        #[serde(default)]
        kind: Option<String>,
    },
    /// A clock jumps. Timers run on elapsed time and do not notice.
    ClockJump {
        /// Whose clock.
        node: NodeId,
        /// By how many nanoseconds; negative: back.
        by: i64,
    },
    /// A clock runs fast or slow from now on; timers run on it.
    ClockDrift {
        /// Whose clock.
        node: NodeId,
        /// Parts per billion fast (positive) or slow (negative, above -1,000,000,000).
        ppb: i64,
    },
    /// A clock's rate wanders by itself from now on: every so often it changes by up to a step, either way. In place
    /// of an earlier wander; with a step of 0 the rate stays what it is then.
    ClockWander {
        /// Whose clock.
        node: NodeId,
        /// From one change to the next, in nanoseconds.
        every: Time,
        /// The most that one change is, in parts per billion; no more than `most_ppb`.
        step_ppb: u32,
        /// How fast or slow it may get, in parts per billion; below 1,000,000,000.
        most_ppb: u32,
    },
    /// A clock stands still, and with it the timers.
    ClockFreeze {
        /// Whose clock.
        node: NodeId,
    },
    /// A frozen clock goes on.
    ClockThaw {
        /// Whose clock.
        node: NodeId,
    },
    /// A disk says that writes are durable when they are not.
    DiskLie {
        /// Whose disk.
        node: NodeId,
        /// How often a sync is a lie.
        probability: Probability,
    },
    /// A disk takes longer to sync: `factor` times its latency, plus `extra`.
    DiskSlow {
        /// Whose disk.
        node: NodeId,
        /// How many times its latency; 1 is normal.
        factor: f64,
        /// A time added to each sync, in nanoseconds.
        #[serde(default)]
        extra: Time,
    },
    /// A disk is full: no sync completes, and what waits for one waits.
    DiskFull {
        /// Whose disk.
        node: NodeId,
        /// Whether it is full from now on, or has room again.
        full: bool,
    },
}

/// What may go wrong with messages on a link.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weather {
    /// How often a message is lost.
    pub loss: Probability,
    /// How often a message arrives twice.
    pub duplicate: Probability,
    /// How often a message arrives damaged; its checksum shows it, and it is dropped.
    pub corrupt: Probability,
    /// A time added to every delivery.
    pub delay: Option<Distribution>,
}

impl Weather {
    /// Whether nothing goes wrong.
    pub fn is_calm(&self) -> bool {
        *self == Self::default()
    }
}

fn yes() -> bool {
    true
}

impl Fault {
    /// A node's machine loses power, and nothing is broken by that.
    pub fn crash(node: NodeId) -> Self {
        Self::Crash { node, lose_unsynced: true, torn: false, corrupt: false }
    }

    /// Every node it names.
    pub fn nodes(&self) -> Vec<NodeId> {
        match self {
            Self::Crash { node, .. }
            | Self::Recover { node }
            | Self::Wipe { node }
            | Self::Pause { node }
            | Self::Resume { node }
            | Self::Slow { node, .. }
            | Self::Isolate { node }
            | Self::ClockJump { node, .. }
            | Self::ClockDrift { node, .. }
            | Self::ClockWander { node, .. }
            | Self::ClockFreeze { node }
            | Self::ClockThaw { node }
            | Self::DiskLie { node, .. }
            | Self::DiskSlow { node, .. }
            | Self::DiskFull { node, .. } => vec![*node],
            Self::Omit { node, peer, .. } => [*node].into_iter().chain(*peer).collect(),
            Self::Cut { from, to, .. } | Self::Mend { from, to, .. } => vec![*from, *to],
            Self::Partition { groups } => groups.concat(),
            Self::Weather { from, to, .. } => from.iter().chain(to).copied().collect(),
            Self::Heal => Vec::new(),
        }
    }
}
