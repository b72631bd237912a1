//! Queues of slots.
use super::index::{Index, NONE, Slots};

/// The note of a slot that is in no queue.
const NOWHERE: u32 = NONE;

/// The shortest that a log is made.
const SHORTEST: usize = 1024;

/// How many lines a log may have for each slot that is in its queue when it is written out: the more, the less often
/// that is, and the more memory is gone through.
const LINES_PER_SLOT: usize = 4;

/// `N` queues as logs. To come to the end of a queue, a slot is written to the end of its log, and what was written of
/// it before counts no more: a slot's note says which line of which log does. So the middle of a queue is left, or a
/// slot moved to the end, by one write to the slot and one to the end of the log, and nobody's neighbours are looked
/// at. A log is written out anew once most of its lines are void.
#[derive(Clone, Debug)]
pub(super) struct Logs<const N: usize> {
    logs: [Log; N],
}

#[derive(Clone, Debug)]
struct Log {
    lines: Vec<u32>,
    first: usize,
    length: usize,
    /// How many lines there may be.
    limit: usize,
}

impl<const N: usize> Logs<N> {
    pub(super) fn new() -> Self {
        let log = || Log { lines: Vec::new(), first: 0, length: 0, limit: SHORTEST };
        Self { logs: std::array::from_fn(|_| log()) }
    }

    #[inline]
    pub(super) fn len(&self, queue: usize) -> usize {
        self.logs[queue].length
    }

    /// The queue of a slot that is in one.
    #[inline]
    pub(super) fn queue_of<I: Index>(slots: &Slots<I>, slot: u32) -> usize {
        slots.note(slot) as usize % N
    }

    /// What the note of a slot says if this line counts.
    #[inline]
    fn note(queue: usize, line: usize) -> u32 {
        (line * N + queue) as u32
    }

    /// Puts a slot that is in no queue at the end.
    #[inline]
    pub(super) fn push<I: Index>(&mut self, queue: usize, slots: &mut Slots<I>, slot: u32) {
        self.logs[queue].length += 1;
        self.write(queue, slots, slot);
    }

    /// Moves a slot to the end of its queue.
    #[inline]
    pub(super) fn renew<I: Index>(&mut self, queue: usize, slots: &mut Slots<I>, slot: u32) {
        let last = self.logs[queue].lines.len().wrapping_sub(1);
        if slots.note(slot) != Self::note(queue, last) {
            self.write(queue, slots, slot);
        }
    }

    #[inline]
    fn write<I: Index>(&mut self, queue: usize, slots: &mut Slots<I>, slot: u32) {
        if self.logs[queue].lines.len() == self.logs[queue].limit {
            *slots.note_mut(slot) = NOWHERE;
            self.write_out(queue, slots);
        }
        let log = &mut self.logs[queue];
        *slots.note_mut(slot) = Self::note(queue, log.lines.len());
        log.lines.push(slot);
    }

    #[cold]
    fn write_out<I: Index>(&mut self, queue: usize, slots: &mut Slots<I>) {
        let log = &mut self.logs[queue];
        let mut kept = 0;
        for line in log.first..log.lines.len() {
            // Without a branch: which lines count is anybody's guess.
            let slot = log.lines[line];
            let note = slots.note_mut(slot);
            let counts = *note == Self::note(queue, line);
            *note = if counts { Self::note(queue, kept) } else { *note };
            log.lines[kept] = slot;
            kept += usize::from(counts);
        }
        log.lines.truncate(kept);
        log.first = 0;
        log.limit = (LINES_PER_SLOT * kept).max(SHORTEST);
    }

    /// Takes a slot out of its queue, wherever it is.
    #[inline]
    pub(super) fn remove<I: Index>(&mut self, queue: usize, slots: &mut Slots<I>, slot: u32) {
        *slots.note_mut(slot) = NOWHERE;
        self.logs[queue].length -= 1;
    }

    /// The first of a queue; it stays.
    #[inline]
    pub(super) fn first<I: Index>(&mut self, queue: usize, slots: &Slots<I>) -> Option<u32> {
        let log = &mut self.logs[queue];
        while let Some(slot) = log.lines.get(log.first) {
            if slots.note(*slot) == Self::note(queue, log.first) {
                return Some(*slot);
            }
            log.first += 1;
        }
        None
    }

    /// The last of a queue; it stays.
    #[inline]
    pub(super) fn last<I: Index>(&mut self, queue: usize, slots: &Slots<I>) -> Option<u32> {
        let log = &mut self.logs[queue];
        while let Some(slot) = log.lines[log.first..].last() {
            if slots.note(*slot) == Self::note(queue, log.lines.len() - 1) {
                return Some(*slot);
            }
            log.lines.pop();
        }
        None
    }

    /// Takes the first of a queue out of it.
    #[inline]
    pub(super) fn pop<I: Index>(&mut self, queue: usize, slots: &mut Slots<I>) -> Option<u32> {
        let slot = self.first(queue, slots)?;
        self.remove(queue, slots, slot);
        Some(slot)
    }
}

#[derive(Clone, Copy, Debug)]
struct Link {
    older: u32,
    newer: u32,
}

/// One queue as a list, for hands that go from slot to slot.
#[derive(Clone, Debug)]
pub(super) struct List {
    links: Vec<Link>,
    oldest: u32,
    newest: u32,
    length: usize,
}

impl List {
    pub(super) fn new() -> Self {
        Self { links: Vec::new(), oldest: NONE, newest: NONE, length: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    #[inline]
    pub(super) fn newer(&self, slot: u32) -> Option<u32> {
        let newer = self.links[slot as usize].newer;
        (newer != NONE).then_some(newer)
    }

    /// Puts a slot that is not in it at its end.
    #[inline]
    pub(super) fn push(&mut self, slot: u32) {
        if self.links.len() <= slot as usize {
            self.links.resize(slot as usize + 1, Link { older: NONE, newer: NONE });
        }
        let older = std::mem::replace(&mut self.newest, slot);
        self.links[slot as usize] = Link { older, newer: NONE };
        match older {
            NONE => self.oldest = slot,
            older => self.links[older as usize].newer = slot,
        }
        self.length += 1;
    }

    #[inline]
    pub(super) fn remove(&mut self, slot: u32) {
        let Link { older, newer } = self.links[slot as usize];
        match older {
            NONE => self.oldest = newer,
            older => self.links[older as usize].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.links[newer as usize].older = older,
        }
        self.length -= 1;
    }
}
