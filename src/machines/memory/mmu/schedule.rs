//! Several processes on one processor: one that faults sleeps while its page is transferred, and others go on.
use std::collections::VecDeque;

use serde::Serialize;

use super::access::{Done, Kind};
use super::machine::Machine;
use super::replay::{Stopped, Why};
use super::space::SpaceId;
use crate::sim::Invalid;

/// After how many accesses of one turn it ends in any case, and it is asked whether to go on.
const OFTEN: usize = 1 << 18;

/// What one process does.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// Which process.
    pub space: SpaceId,
    /// The addresses it accesses.
    pub addresses: &'a [u64],
    /// 0 reads, 1 writes, 2 fetches; `None`: all read.
    pub kinds: Option<&'a [u8]>,
}

/// How the processor is given away.
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    /// After how many nanoseconds it is another one's turn; infinite: only when one sleeps or ends.
    pub quantum_ns: f64,
    /// Whether transfers go on by themselves (direct memory access); otherwise the processor waits for each.
    pub dma: bool,
    /// How many turns to take down.
    pub most_turns: usize,
}

/// Some time that the processor spent in one way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Turn {
    /// Which job; `None`: nobody could go on.
    pub job: Option<u32>,
    /// From when, in nanoseconds.
    pub begin_ns: f64,
    /// Until when.
    pub end_ns: f64,
    /// Whether it waited for a transfer.
    pub waiting: bool,
}

/// How one process fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Fared {
    /// What it spent on the processor.
    pub cpu_ns: f64,
    /// What it spent asleep, until its transfers were done.
    pub blocked_ns: f64,
    /// When it ended.
    pub finished_ns: f64,
    /// How often it waited for the device.
    pub transfers: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Schedule {
    /// When the last process ended.
    pub total_ns: f64,
    /// When the processor worked, for processes and for going from one to the other.
    pub busy_ns: f64,
    /// When it waited.
    pub idle_ns: f64,
    /// When the device worked.
    pub device_ns: f64,
    /// How often the processor went over to another process.
    pub switches: u64,
    /// Each process.
    pub jobs: Vec<Fared>,
    /// What the processor did, as far as it was taken down.
    pub turns: Vec<Turn>,
}

/// Where things are.
struct Run<'a> {
    jobs: &'a [Job<'a>],
    turns: Turns,
    next: Vec<usize>,
    ready: VecDeque<usize>,
    /// When they wake, and who. The device serves one after the other, so they wake in this order.
    asleep: VecDeque<(f64, usize)>,
    now: f64,
    device_free: f64,
    report: Schedule,
}

impl Machine {
    /// Runs all jobs to their end. An access whose page must be transferred counts as made when the transfer
    /// begins; its process sleeps until it ends. The device does one transfer after the other.
    /// `stop` is asked now and then whether to give up, with what there is.
    pub fn schedule(
        &mut self,
        jobs: &[Job<'_>],
        turns: Turns,
        mut stop: impl FnMut() -> bool,
    ) -> Result<Schedule, Stopped> {
        let mut run = Run {
            jobs,
            turns,
            next: vec![0; jobs.len()],
            ready: (0..jobs.len()).collect(),
            asleep: VecDeque::new(),
            now: 0.0,
            device_free: 0.0,
            report: Schedule { jobs: vec![Fared::default(); jobs.len()], ..Schedule::default() },
        };
        let (mut last, mut since_asked) = (None, 0);
        while let Some(job) = run.next_job() {
            if last.is_some_and(|it| it != job) {
                run.report.switches += 1;
                run.now += self.times.context_switch;
                run.report.busy_ns += self.times.context_switch;
            }
            last = Some(job);
            self.switch(jobs[job].space).map_err(|error| Stopped { at: 0, why: Why::Error(error) })?;
            since_asked += self.turn(&mut run, job)?;
            if since_asked >= OFTEN && std::mem::take(&mut since_asked) > 0 && stop() {
                break;
            }
        }
        run.report.total_ns = run.report.jobs.iter().fold(0.0, |most, it| f64::max(most, it.finished_ns));
        Ok(run.report)
    }

    /// One process goes on until it sleeps, ends, or its time is over.
    /// Says how many accesses that were.
    fn turn(&mut self, run: &mut Run<'_>, job: usize) -> Result<usize, Stopped> {
        let Job { space, addresses, kinds } = run.jobs[job];
        let (begin, first) = (run.now, run.next[job]);
        let mut device_ns = 0.0;
        while run.next[job] < addresses.len() && device_ns == 0.0 {
            let over = run.now - begin >= run.turns.quantum_ns && run.now > begin;
            if over || run.next[job] - first >= OFTEN {
                break;
            }
            let at = run.next[job];
            let stop = |why| Stopped { at, why };
            let code = kinds.map_or(0, |it| it[at]);
            let kind = Kind::of(code).ok_or_else(|| {
                let allowed = "0 (read), 1 (write) or 2 (fetch)";
                stop(Why::Error(Invalid::new("kinds", code, allowed).into()))
            })?;
            let mut done = Done::new();
            let address = (space, addresses[at]);
            self.access_address(address, kind, false, &mut done).map_err(|it| stop(Why::Error(it)))?;
            if let Some(denial) = done.denial {
                return Err(stop(Why::Denied(denial)));
            }
            device_ns = done.device_ns;
            run.now += self.prices().of(&done) - device_ns;
            run.next[job] += 1;
        }
        run.spent(Some(job), begin, false);
        run.after(job, device_ns);
        Ok(run.next[job] - first)
    }
}

impl Run<'_> {
    /// Who goes on; waits for somebody to wake if nobody can.
    fn next_job(&mut self) -> Option<usize> {
        self.wake();
        // Who wakes may have nothing left to do.
        while self.ready.is_empty() {
            let (at, _) = *self.asleep.front()?;
            let begin = std::mem::replace(&mut self.now, at);
            self.report.idle_ns += at - begin;
            self.note(None, begin, true);
            self.wake();
        }
        self.ready.pop_front()
    }

    fn wake(&mut self) {
        while let Some(&(at, job)) = self.asleep.front()
            && at <= self.now
        {
            self.asleep.pop_front();
            if self.next[job] < self.jobs[job].addresses.len() {
                self.ready.push_back(job);
            }
        }
    }

    fn spent(&mut self, job: Option<usize>, begin: f64, waiting: bool) {
        self.report.busy_ns += self.now - begin;
        if let Some(job) = job {
            self.report.jobs[job].cpu_ns += self.now - begin;
            self.report.jobs[job].finished_ns = self.now;
        }
        self.note(job, begin, waiting);
    }

    fn note(&mut self, job: Option<usize>, begin_ns: f64, waiting: bool) {
        if self.report.turns.len() < self.turns.most_turns && self.now > begin_ns {
            let job = job.map(|it| it as u32);
            self.report.turns.push(Turn { job, begin_ns, end_ns: self.now, waiting });
        }
    }

    /// A turn is over, perhaps because of a transfer.
    fn after(&mut self, job: usize, device_ns: f64) {
        let more = self.next[job] < self.jobs[job].addresses.len();
        if device_ns == 0.0 {
            // Who woke meanwhile was here first.
            self.wake();
            if more {
                self.ready.push_back(job);
            }
            return;
        }
        let begin = self.device_free.max(self.now);
        let end = begin + device_ns;
        self.device_free = end;
        self.report.device_ns += device_ns;
        let fared = &mut self.report.jobs[job];
        fared.transfers += 1;
        fared.blocked_ns += end - self.now;
        fared.finished_ns = end;
        if self.turns.dma {
            self.asleep.push_back((end, job));
            return;
        }
        let begin = std::mem::replace(&mut self.now, end);
        self.report.idle_ns += end - begin;
        self.note(Some(job), begin, true);
        if more {
            // Nothing keeps it from going on.
            self.ready.push_front(job);
        }
    }
}
