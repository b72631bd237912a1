//! Stable storage as the engine sees it: which writes are durable yet, and what waits for them.
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::error::Error;
use super::protocol::{NodeId, OpId, Protocol, Storage, Time};
use super::rng::{Probability, Rng};

/// How disks behave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiskModel {
    /// How long a sync takes. Writes made while one is under way share the next one (group commit).
    pub sync: Distribution,
    /// Whether effects wait for the sync at all. Without it a write is taken for durable at once and becomes
    /// so a sync later: what skipping fsync means.
    pub fsync: bool,
}

impl Default for DiskModel {
    /// Durable at once.
    fn default() -> Self {
        Self { sync: Distribution::Constant(0), fsync: true }
    }
}

impl DiskModel {
    /// Whether all parameters make sense.
    ///
    /// # Errors
    /// [`Error::Parameter`] with the first that does not.
    pub fn check(&self) -> Result<(), Error> {
        Ok(self.sync.check().map_err(|it| it.within("disk.sync"))?)
    }
}

/// An effect that waits for a sync.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Held<P: Protocol> {
    /// A message to a node.
    Send(NodeId, P::Msg),
    /// An answer to an operation.
    Reply(OpId, P::Reply),
}

/// A ticket: how many writes had been made when something happened.
type Ticket = u64;

/// One node's disk, less what is on it: that lies beside it, to be lent to handlers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Disk<P: Protocol> {
    /// How to take back what is not durable, oldest first.
    undo: VecDeque<(Ticket, <P::Disk as Storage>::Write)>,
    written: Ticket,
    /// What the disk says is durable. It may lie.
    acknowledged: Ticket,
    /// The last sync that ended covered writes up to here, or said so.
    synced: Ticket,
    /// The sync under way covers writes up to here.
    syncing: Option<Ticket>,
    outbox: VecDeque<(Ticket, Held<P>)>,
    /// How often it has lost power, and with it the sync under way.
    boot: u32,
    rng: Rng,
    lies: Probability,
    factor: f64,
    extra: Time,
    full: bool,
}

impl<P: Protocol> Disk<P> {
    pub(super) fn new(rng: Rng) -> Self {
        Self {
            undo: VecDeque::new(),
            written: 0,
            acknowledged: 0,
            synced: 0,
            syncing: None,
            outbox: VecDeque::new(),
            boot: 0,
            rng,
            lies: Probability::default(),
            factor: 1.0,
            extra: 0,
            full: false,
        }
    }

    pub(super) fn reseed(&mut self, rng: Rng) {
        self.rng = rng;
    }

    /// Whether writes are durable as soon as they are made.
    pub(super) fn instant(&self, model: &DiskModel) -> bool {
        model.sync == Distribution::Constant(0)
            && self.extra == 0
            && !self.full
            && self.lies == Probability::default()
    }

    /// A write was made; `inverse` takes it back.
    pub(super) fn wrote(&mut self, inverse: <P::Disk as Storage>::Write, model: &DiskModel) {
        if self.undo.is_empty() && self.instant(model) {
            return;
        }
        self.written += 1;
        self.undo.push_back((self.written, inverse));
        if !model.fsync {
            self.acknowledged = self.written;
        }
    }

    /// Whether the node may take everything written so far for durable.
    pub(super) fn durable(&self) -> bool {
        self.written == self.acknowledged
    }

    /// Keeps an effect until everything written so far is durable.
    pub(super) fn hold(&mut self, held: Held<P>) {
        self.outbox.push_back((self.written, held));
    }

    /// Begins a sync if one is needed and none is under way; returns how long it takes.
    pub(super) fn begin_sync(&mut self, model: &DiskModel) -> Option<Time> {
        if self.syncing.is_some() || self.full || self.written == self.synced {
            return None;
        }
        self.syncing = Some(self.written);
        let takes = model.sync.sample(&mut self.rng);
        Some(((takes as f64 * self.factor) as Time).saturating_add(self.extra))
    }

    /// The sync under way completes.
    pub(super) fn end_sync(&mut self) {
        let Some(ticket) = self.syncing.take() else { return };
        self.synced = ticket;
        self.acknowledged = self.acknowledged.max(ticket);
        if self.rng.happens(self.lies) {
            return;
        }
        while self.undo.front().is_some_and(|(made, _)| *made <= ticket) {
            self.undo.pop_front();
        }
    }

    /// The next effect that has waited long enough.
    pub(super) fn release(&mut self) -> Option<Held<P>> {
        let (ticket, _) = self.outbox.front()?;
        if *ticket > self.acknowledged {
            return None;
        }
        self.outbox.pop_front().map(|(_, held)| held)
    }

    /// Power fails: takes back what is not durable. Returns the writes that would undo that.
    pub(super) fn lose_unsynced(
        &mut self,
        content: &mut P::Disk,
        torn: bool,
    ) -> Vec<<P::Disk as Storage>::Write> {
        self.outbox.clear();
        self.interrupt();
        (self.acknowledged, self.synced) = (self.written, self.written);
        let mut undone = Vec::new();
        while let Some((_, inverse)) = self.undo.pop_back() {
            undone.push(content.apply(inverse));
        }
        let rng = &mut self.rng;
        if torn
            && let Some(first) = undone.last()
            && let Some(part) = P::Disk::torn(first, &mut |n| rng.below(u64::from(n.max(1))) as u32)
        {
            undone.push(content.apply(part));
        }
        undone
    }

    /// Everything written becomes durable, by decree.
    pub(super) fn settle_all(&mut self) {
        self.undo.clear();
        (self.acknowledged, self.synced) = (self.written, self.written);
    }

    /// What waits, oldest first.
    pub(super) fn held(&self) -> impl Iterator<Item = &Held<P>> {
        self.outbox.iter().map(|(_, held)| held)
    }

    /// All that waits is forgotten, and everything written is durable.
    pub(super) fn forget(&mut self) {
        self.settle_all();
        self.outbox.clear();
        self.interrupt();
    }

    /// A process dies: what waited for the disk waits in vain, while the disk goes on.
    pub(super) fn drop_held(&mut self) {
        self.outbox.clear();
    }

    /// Whether anything written may still be lost.
    pub(super) fn is_writing(&self) -> bool {
        !self.undo.is_empty()
    }

    fn interrupt(&mut self) {
        self.syncing = None;
        self.boot += 1;
    }

    /// What a sync that begins now carries, to be known by.
    pub(super) fn boot(&self) -> u32 {
        self.boot
    }

    /// Whether the sync of a boot is the one under way.
    pub(super) fn is_syncing(&self, boot: u32) -> bool {
        self.boot == boot && self.syncing.is_some()
    }

    /// Why nobody can say what will become of its writes; `None`: it behaves.
    pub(super) fn misbehaves(&self) -> Option<&'static str> {
        match () {
            () if self.lies != Probability::default() => Some("its disk lies"),
            () if self.full => Some("its disk is full"),
            () => None,
        }
    }

    /// The inverses of the writes that are not durable, oldest first; how many of them the sync under way covers;
    /// what waits, and for how many of these writes. `None`: the disk has lied about some of them.
    #[allow(clippy::type_complexity)] // three lists, taken apart at once
    pub(super) fn unsynced(&self) -> Option<(Vec<<P::Disk as Storage>::Write>, u32, Vec<(u32, Held<P>)>)> {
        let durable = self.written - self.undo.len() as Ticket;
        if self.synced != durable {
            return None;
        }
        let ahead = |ticket: Ticket| ticket.saturating_sub(durable) as u32;
        let undo = self.undo.iter().map(|(_, inverse)| inverse.clone()).collect();
        let held = self.outbox.iter().map(|(ticket, held)| (ahead(*ticket), held.clone())).collect();
        Some((undo, self.syncing.map_or(0, ahead), held))
    }

    pub(super) fn set_lies(&mut self, lies: Probability) {
        self.lies = lies;
    }

    pub(super) fn set_slow(&mut self, factor: f64, extra: Time) {
        (self.factor, self.extra) = (factor, extra);
    }

    pub(super) fn set_full(&mut self, full: bool) {
        self.full = full;
    }
}
