//! What may happen in a world that is explored: budgets of faults, how time and messages behave, who asks what.
use serde::{Deserialize, Serialize};

use crate::sim::{Error, Invariants, NodeId, Protocol};

/// The most of anything that a budget can count.
pub(super) const MOST: u32 = u16::MAX as u32 - 1;

/// What may happen besides what the nodes do by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup<P: Protocol> {
    /// How often faults happen at the most.
    pub budget: Budget,
    /// Which nodes may crash; `None`: all.
    pub crashable: Option<Vec<NodeId>>,
    /// Among which nodes the network may be cut in two, in every way; `None`: among all.
    pub partitionable: Option<Vec<NodeId>>,
    /// The only ways in which the network may be cut, each two groups of nodes; empty: every way.
    pub cuts: Vec<[Vec<NodeId>; 2]>,
    /// Whether crashed nodes are sure to come back, and cuts to be healed: matters for what happens eventually.
    pub mending: bool,
    /// How delays compare with timeouts.
    pub timing: Timing,
    /// Whether a crash may take messages with it that the node has sent and that are under way; `None`: where delays
    /// are bounded, and only a crash in the middle of sending explains that some arrive and others do not.
    pub partial_sends: Option<bool>,
    /// How messages are under way; `None`: as the world's network has it.
    pub messages: Option<Messages>,
    /// What clocks show.
    pub clock: Clocks,
    /// When nodes start that have not yet.
    pub starts: Starts,
    /// What is asked: of each node, one after the other; the next once the one before is answered.
    pub calls: Vec<(NodeId, Vec<P::Call>)>,
    /// Whether it counts in which order operations were asked and answered, so that histories can be judged.
    pub history: bool,
    /// The invariants to look at.
    pub invariants: Invariants,
    /// Groups of nodes that are alike.
    pub symmetry: Vec<Vec<NodeId>>,
}

impl<P: Protocol> Default for Setup<P> {
    /// No faults, nothing asked, delays of any length, all invariants.
    fn default() -> Self {
        Self {
            budget: Budget::default(),
            crashable: None,
            partitionable: None,
            cuts: Vec::new(),
            mending: false,
            timing: Timing::default(),
            partial_sends: None,
            messages: None,
            clock: Clocks::default(),
            starts: Starts::default(),
            calls: Vec::new(),
            history: false,
            invariants: Invariants::All,
            symmetry: Vec::new(),
        }
    }
}

/// How often things happen at the most; `None`: as often as they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Crashes of nodes.
    pub crashes: Option<u32>,
    /// Nodes that come up again.
    pub recoveries: Option<u32>,
    /// Messages lost.
    pub drops: Option<u32>,
    /// Messages that arrive once more.
    pub duplicates: Option<u32>,
    /// Times that the network is cut in two.
    pub partitions: Option<u32>,
    /// Timers that go off.
    pub timeouts: Option<u32>,
}

impl Default for Budget {
    /// No faults; timers as they like, and what has crashed may come back.
    fn default() -> Self {
        Self {
            crashes: Some(0),
            recoveries: None,
            drops: Some(0),
            duplicates: Some(0),
            partitions: Some(0),
            timeouts: None,
        }
    }
}

impl Budget {
    /// In the order of [`Left`](super::state::Spent).
    pub(super) fn counts(&self) -> [Option<u32>; 6] {
        [self.crashes, self.recoveries, self.drops, self.duplicates, self.partitions, self.timeouts]
    }
}

/// How delays compare with timeouts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// A message may take any time: a timer may go off before or after.
    #[default]
    Asynchronous,
    /// Timeouts are longer than delays: no timer goes off while something is under way, and a message that meets a
    /// cut is lost.
    Synchronous,
}

/// How messages are under way from one node to another. What a node sends to itself arrives in order, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Messages {
    /// In any order, each as often as it was sent.
    Bag,
    /// In any order; of equal ones under way there is one.
    Set,
    /// In the order in which they were sent.
    Fifo,
}

/// What clocks show: exploring knows no time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clocks {
    /// A handler that looks at its clock ends the exploration.
    #[default]
    Refused,
    /// They stand still.
    Frozen,
}

/// When nodes start that have not yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Starts {
    /// Before anything else, in the order of their ids. Nothing is missed by that: a node that starts late cannot
    /// be told by others from one whose messages take long and whose timers run late.
    #[default]
    Together,
    /// At any time; messages to a node wait until it has started.
    AnyTime,
}

impl<P: Protocol> Setup<P> {
    /// Whether all of it makes sense for a world of `count` nodes.
    ///
    /// # Errors
    /// [`Error::UnknownNode`], [`Error::Parameter`].
    pub fn check(&self, count: usize) -> Result<(), Error> {
        if count > usize::from(u16::MAX) {
            return Err(Error::parameter("nodes", count, "at most 65,535 to explore"));
        }
        let named = [&self.crashable, &self.partitionable].into_iter().flatten().flatten();
        let named = named.chain(self.symmetry.iter().flatten()).chain(self.cuts.iter().flatten().flatten());
        for node in named.chain(self.calls.iter().map(|(node, _)| node)) {
            if node.index() >= count {
                return Err(Error::UnknownNode { id: node.0, count: count as u32 });
            }
        }
        let names = ["crashes", "recoveries", "drops", "duplicates", "partitions", "timeouts"];
        for (name, limit) in names.into_iter().zip(self.budget.counts()) {
            if let Some(limit) = limit.filter(|limit| *limit > MOST) {
                let allowed = "at most 65,534, or none for no limit";
                return Err(Error::parameter(format!("budget.{name}"), limit, allowed));
            }
        }
        self.check_cuts(count)?;
        self.check_groups()
    }

    fn check_cuts(&self, count: usize) -> Result<(), Error> {
        let cut_at_all = self.budget.partitions != Some(0);
        let among = self.partitionable.as_ref().map_or(count, Vec::len);
        if cut_at_all && self.cuts.is_empty() && !(2..=10).contains(&among) {
            let allowed = "2 to 10 nodes, to cut in every way; or name the ways in `cuts`";
            return Err(Error::parameter("partitionable", format!("{among} nodes"), allowed));
        }
        for [one, other] in &self.cuts {
            let mut nodes: Vec<NodeId> = one.iter().chain(other).copied().collect();
            nodes.sort_unstable();
            if one.is_empty() || other.is_empty() || nodes.windows(2).any(|pair| pair[0] == pair[1]) {
                let allowed = "two groups, none empty, no node twice";
                return Err(Error::parameter("cuts", format!("{one:?}, {other:?}"), allowed));
            }
        }
        Ok(())
    }

    fn check_groups(&self) -> Result<(), Error> {
        let mut nodes = self.symmetry.concat();
        nodes.sort_unstable();
        if let Some(pair) = nodes.windows(2).find(|pair| pair[0] == pair[1]) {
            let allowed = "groups of nodes, no node twice";
            return Err(Error::parameter("symmetry", format!("node {} twice", pair[0].0), allowed));
        }
        Ok(())
    }

    pub(super) fn partial_sends(&self) -> bool {
        self.partial_sends.unwrap_or(self.timing == Timing::Synchronous)
    }
}
