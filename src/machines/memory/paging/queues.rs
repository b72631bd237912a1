//! Queues of slots.
use super::index::{Index, Slots};
use super::places::NONE;

/// The shortest that a log is made.
const SHORTEST: usize = 1024;

/// How many lines a log may have for each slot that is in its queue when it is written out: the more, the less often
/// that is, and the more memory is gone through.
const LINES_PER_SLOT: usize = 4;

/// `N` queues as logs. To come to the end of a queue, a slot is written to the end of its log, and what was written of
/// it before counts no more: a bit for each line says which do, and a slot's note which line is its own. So the middle
/// of a queue is left, or a slot moved to the end, by one write to the slot, one to the end of the log and two to bits,
/// of which there are so few that they stay near; nobody's neighbours are looked at. A log is written out anew once it
/// is full.
#[derive(Clone, Debug)]
pub(super) struct Logs<const N: usize> {
    logs: [Log; N],
}

#[derive(Clone, Debug, Default)]
struct Log {
    lines: Vec<u32>,
    /// Which of the lines count.
    bits: Vec<u64>,
    /// No line before this word of bits counts.
    first: usize,
    /// So many lines are written.
    end: usize,
    length: usize,
}

impl Log {
    #[inline]
    fn mark(&mut self, line: usize) {
        self.bits[line / 64] |= 1 << (line % 64);
    }

    #[inline]
    fn clear(&mut self, line: usize) {
        self.bits[line / 64] &= !(1 << (line % 64));
    }
}

impl<const N: usize> Logs<N> {
    pub(super) fn new() -> Self {
        Self { logs: std::array::from_fn(|_| Log::default()) }
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

    /// Puts a slot that is in no queue at the end.
    #[inline]
    pub(super) fn push<I: Index>(&mut self, queue: usize, slots: &mut Slots<I>, slot: u32) {
        self.logs[queue].length += 1;
        self.write(queue, slots, slot);
    }

    /// Moves a slot to the end of its queue.
    #[inline]
    pub(super) fn renew<I: Index>(&mut self, queue: usize, slots: &mut Slots<I>, slot: u32) {
        self.logs[queue].clear(slots.note(slot) as usize / N);
        self.write(queue, slots, slot);
    }

    /// Writes a slot, no line of which counts.
    #[inline]
    fn write<I: Index>(&mut self, queue: usize, slots: &mut Slots<I>, slot: u32) {
        if self.logs[queue].end == self.logs[queue].lines.len() {
            self.write_out(queue, slots);
        }
        let log = &mut self.logs[queue];
        let line = log.end;
        log.end += 1;
        log.lines[line] = slot;
        log.mark(line);
        *slots.note_mut(slot) = (line * N + queue) as u32;
    }

    #[cold]
    #[inline(never)]
    fn write_out<I: Index>(&mut self, queue: usize, slots: &mut Slots<I>) {
        let log = &mut self.logs[queue];
        let mut kept = 0;
        for word in log.first..log.bits.len() {
            let mut bits = log.bits[word];
            while bits != 0 {
                let slot = log.lines[word * 64 + bits.trailing_zeros() as usize];
                log.lines[kept] = slot;
                *slots.note_mut(slot) = (kept * N + queue) as u32;
                kept += 1;
                bits &= bits - 1;
            }
        }
        let limit = (LINES_PER_SLOT * kept).max(SHORTEST).next_multiple_of(64);
        log.lines.resize(limit, 0);
        log.bits.clear();
        log.bits.resize(limit / 64, 0);
        (0..kept).for_each(|line| log.mark(line));
        (log.first, log.end) = (0, kept);
    }

    /// Takes a slot out of its queue, wherever it is.
    #[inline]
    pub(super) fn remove<I: Index>(&mut self, queue: usize, slots: &mut Slots<I>, slot: u32) {
        self.logs[queue].clear(slots.note(slot) as usize / N);
        self.logs[queue].length -= 1;
    }

    /// The first of a queue; it stays.
    #[inline]
    pub(super) fn first(&mut self, queue: usize) -> Option<u32> {
        let log = &mut self.logs[queue];
        while log.first * 64 < log.end {
            let bits = log.bits[log.first];
            if bits != 0 {
                return Some(log.lines[log.first * 64 + bits.trailing_zeros() as usize]);
            }
            if (log.first + 1) * 64 > log.end {
                break; // more lines will come into this word
            }
            log.first += 1;
        }
        None
    }

    /// The last of a queue; it stays.
    #[inline]
    pub(super) fn last(&mut self, queue: usize) -> Option<u32> {
        let log = &mut self.logs[queue];
        while log.end > log.first * 64 {
            let word = (log.end - 1) / 64;
            if log.bits[word] != 0 {
                log.end = word * 64 + 64 - log.bits[word].leading_zeros() as usize;
                return Some(log.lines[log.end - 1]);
            }
            log.end = word * 64;
        }
        None
    }

    /// Takes the first of a queue out of it.
    #[inline]
    pub(super) fn pop<I: Index>(&mut self, queue: usize, slots: &mut Slots<I>) -> Option<u32> {
        let slot = self.first(queue)?;
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
