//! Who watches an exploration sees how it goes, and may end it.
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::report::Progress;

/// How many states may be generated between two looks; a slow model takes milliseconds for them.
const WORK: u32 = 128;

/// What the threads of an exploration and who watches it have in common.
#[derive(Default)]
pub(super) struct Meter {
    cancelled: AtomicBool,
    distinct: AtomicU64,
    generated: AtomicU64,
    depth: AtomicU32,
    frontier: AtomicU64,
    memory_bytes: AtomicU64,
}

impl Meter {
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub(super) fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub(super) fn show(&self, progress: Progress) {
        self.distinct.store(progress.distinct, Ordering::Relaxed);
        self.generated.store(progress.generated, Ordering::Relaxed);
        self.depth.store(progress.depth, Ordering::Relaxed);
        self.frontier.store(progress.frontier, Ordering::Relaxed);
        self.memory_bytes.store(progress.memory_bytes, Ordering::Relaxed);
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            distinct: self.distinct.load(Ordering::Relaxed),
            generated: self.generated.load(Ordering::Relaxed),
            depth: self.depth.load(Ordering::Relaxed),
            frontier: self.frontier.load(Ordering::Relaxed),
            memory_bytes: self.memory_bytes.load(Ordering::Relaxed),
        }
    }
}

/// One thread's side of it.
pub(super) struct Pulse<'a> {
    pub(super) meter: &'a Meter,
    /// Only on the thread of who watches.
    watch: Option<&'a mut dyn FnMut(&Progress) -> bool>,
    work: u32,
}

impl<'a> Pulse<'a> {
    pub(super) fn watched(meter: &'a Meter, watch: &'a mut dyn FnMut(&Progress) -> bool) -> Self {
        Self { meter, watch: Some(watch), work: 0 }
    }

    pub(super) fn silent(meter: &'a Meter) -> Self {
        Self { meter, watch: None, work: 0 }
    }

    /// Some work was done; false: it is to end here.
    #[inline]
    pub(super) fn beat(&mut self, work: usize) -> bool {
        self.work += work as u32;
        if self.work < WORK { true } else { self.look() }
    }

    #[inline(never)]
    fn look(&mut self) -> bool {
        self.work = 0;
        if let Some(watch) = &mut self.watch
            && !watch(&self.meter.progress())
        {
            self.meter.cancel();
        }
        !self.meter.cancelled()
    }
}
