//! What happened, as columns: a row of 40 bytes an event, in a ring of bounded size.
use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::protocol::{Label, NodeId, Time};

/// How much to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceLevel {
    /// Nothing.
    Off,
    /// Faults, crashes and notes: who led when, what was broken.
    #[default]
    Summary,
    /// Every message, timer, call and disk write too.
    Full,
}

/// What kind of row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// A node came up.
    Start,
    /// A message left.
    Send,
    /// A message arrived.
    Deliver,
    /// A message was lost; the label says why.
    Drop,
    /// A message was doubled: `id` is the copy's.
    Duplicate,
    /// A timer went off.
    Timer,
    /// An operation was asked.
    Call,
    /// An operation was answered.
    Reply,
    /// Something was written.
    Write,
    /// A disk has synced.
    Sync,
    /// A protocol noted something; `id` is its number.
    Note,
    /// A node crashed.
    Crash,
    /// A node was paused.
    Pause,
    /// A node goes on.
    Resume,
    /// Another fault; the label says which.
    Fault,
    /// A protocol tells how it comes along; `id` is a number that belongs to it.
    Remark,
}

impl RowKind {
    /// The names of all kinds, by code.
    pub const NAMES: [&'static str; 16] = [
        "start",
        "send",
        "deliver",
        "drop",
        "duplicate",
        "timer",
        "call",
        "reply",
        "write",
        "sync",
        "note",
        "crash",
        "pause",
        "resume",
        "fault",
        "remark",
    ];
}

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// World time.
    pub time: Time,
    /// The message, timer or operation it is about: equal in a send and its delivery. Of a note: its number.
    pub id: u64,
    /// The id of the input whose handling caused it; 0: none, it came from outside.
    pub cause: u64,
    /// Where it happened.
    pub node: NodeId,
    /// The other end of a message; `u32::MAX`: none.
    pub peer: NodeId,
    /// The kind of message, the name of the timer, the words of a note: an index into the labels.
    pub label: u32,
    /// What kind of row.
    pub kind: RowKind,
}

const _: () = assert!(size_of::<Row>() <= 40, "a row costs at most 40 bytes");

/// No other end.
pub const NOBODY: NodeId = NodeId(u32::MAX);

/// The rows of a run, the oldest dropped first once there are more than `capacity`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trace {
    level: TraceLevel,
    capacity: usize,
    rows: VecDeque<Row>,
    dropped: u64,
    labels: Vec<Label>,
    numbers: BTreeMap<Label, u32>,
}

impl Trace {
    pub(super) fn new(level: TraceLevel, capacity: usize) -> Self {
        Self {
            level,
            capacity,
            rows: VecDeque::new(),
            dropped: 0,
            labels: Vec::new(),
            numbers: BTreeMap::new(),
        }
    }

    /// How much is kept.
    pub fn level(&self) -> TraceLevel {
        self.level
    }

    pub(super) fn set_level(&mut self, level: TraceLevel) {
        self.level = level;
    }

    pub(super) fn full(&self) -> bool {
        self.level == TraceLevel::Full
    }

    pub(super) fn summary(&self) -> bool {
        self.level >= TraceLevel::Summary
    }

    /// The rows, oldest first.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Row> {
        self.rows.iter()
    }

    /// How many rows the ring has dropped.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The words that rows refer to by index.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    pub(super) fn push(&mut self, row: Row) {
        if self.rows.len() >= self.capacity {
            self.rows.pop_front();
            self.dropped += 1;
        }
        self.rows.push_back(row);
    }

    pub(super) fn number_of(&mut self, label: &str) -> u32 {
        if let Some(&number) = self.numbers.get(label) {
            return number;
        }
        let number = self.labels.len() as u32;
        self.labels.push(Label::Owned(label.to_owned()));
        self.numbers.insert(Label::Owned(label.to_owned()), number);
        number
    }

    /// Forgets the rows, and how many were dropped.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.dropped = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_drops_the_oldest() {
        let mut trace = Trace::new(TraceLevel::Full, 3);
        for time in 0..5 {
            let label = trace.number_of(if time % 2 == 0 { "even" } else { "odd" });
            trace.push(Row {
                time,
                id: 0,
                cause: 0,
                node: NodeId(0),
                peer: NOBODY,
                label,
                kind: RowKind::Note,
            });
        }
        assert_eq!(trace.rows().map(|it| it.time).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!((trace.dropped(), trace.labels()), (2, &["even".into(), "odd".into()][..]));
    }

    #[test]
    fn every_kind_has_a_name() {
        assert_eq!(RowKind::NAMES[RowKind::Fault as usize], "fault");
        assert_eq!(RowKind::NAMES[RowKind::Remark as usize], "remark");
        assert_eq!(RowKind::NAMES.len(), RowKind::Remark as usize + 1);
    }
}
