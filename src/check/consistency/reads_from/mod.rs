//! Which write each read reads from: what all models of plain reads and writes are judged by.
//!
//! [`Run`] is a history without what no model looks at (failed operations, reads without an answer), session by
//! session, so that the order of a session is the order of numbers. Where a value was written once, the write
//! behind a read is known; where it was written several times, [`judge`] tries all of them, depth first.
use rayon::prelude::*;

use self::build::Behind;
pub(crate) use self::build::Reads;
pub(crate) use self::run::{INITIAL, NONE, Run, UNKNOWN};
use super::{Budget, Error, Flaw, History, Model, Verdict, Witness};

pub(crate) mod build;
pub(crate) mod hidden;
pub(crate) mod near;
pub(crate) mod order;
pub(crate) mod past;
pub(crate) mod points;
mod run;
#[cfg(test)]
pub(crate) mod testing;

/// What a model says about a run: its proof, or the flaw; nothing if it was told to stop.
pub(crate) type Finding = Option<Result<Witness, Box<Flaw>>>;

/// Judges a history of reads and writes by a model that is told which write each read reads from.
///
/// O(n log n) and one call of `check` if no value that is read was written twice to its key. Otherwise `check`
/// sees runs in which some reads are [`UNKNOWN`] (it must ignore them, and may only find more flaws the more
/// reads are known); the number of calls can be exponential in the number of ambiguous reads.
pub(crate) fn judge(
    history: &History,
    model: Model,
    algorithm: &str,
    budget: &Budget<'_>,
    check: impl Fn(&Run<'_>) -> Finding,
) -> Result<Verdict, Error> {
    let Reads { mut run, behind } = match Reads::of(history, model)? {
        Ok(reads) => reads,
        Err(flaw) => return Ok(Verdict::fails(model, algorithm, flaw).after(1)),
    };
    let mut search = Search { behind: &behind, budget, check: &check, model, algorithm, states: 0 };
    Ok(search.run(&mut run))
}

/// Does something for each of some sessions, each with tools of its own, on all processors if the run is long.
/// The results are in the order of the sessions.
pub(crate) fn for_each_session<S, T: Send>(
    run: &Run<'_>,
    sessions: &[usize],
    tools: impl Fn() -> S + Sync + Send,
    what: impl Fn(&mut S, usize) -> T + Sync + Send,
) -> Vec<T> {
    if run.len() < 1 << 13 {
        let mut tools = tools();
        return sessions.iter().map(|session| what(&mut tools, *session)).collect();
    }
    sessions.par_iter().map_init(tools, |tools, session| what(tools, *session)).collect()
}

struct Search<'a, C> {
    behind: &'a Behind,
    budget: &'a Budget<'a>,
    check: &'a C,
    model: Model,
    algorithm: &'a str,
    states: u64,
}

impl<C: Fn(&Run<'_>) -> Finding> Search<'_, C> {
    fn run(&mut self, run: &mut Run<'_>) -> Verdict {
        let known = self.look(run);
        let Some(Ok(witness)) = known else { return self.verdict(known) };
        if self.behind.reads.is_empty() {
            return self.verdict(Some(Ok(witness)));
        }
        let guesses: Vec<Vec<u32>> =
            self.behind.reads.iter().map(|read| self.behind.guesses(run, *read)).collect();
        for (read, guesses) in self.behind.reads.iter().zip(&guesses) {
            run.source[read.op as usize] = guesses[0];
        }
        let likely = self.look(run);
        if !matches!(likely, Some(Err(_))) {
            return self.verdict(likely);
        }
        for read in &self.behind.reads {
            run.source[read.op as usize] = UNKNOWN;
        }
        let finding = self.descend(run, &guesses);
        self.verdict(finding)
    }

    /// Depth first through the ambiguous reads in their order of time; gives a branch up at its first flaw.
    fn descend(&mut self, run: &mut Run<'_>, guesses: &[Vec<u32>]) -> Finding {
        let reads = &self.behind.reads;
        let mut tried = vec![0];
        let mut blame: Option<Box<Flaw>> = None;
        let mut culprits: Vec<u32> = Vec::new();
        while let Some(next) = tried.last_mut() {
            let depth_index = *next;
            *next += 1;
            let depth = tried.len() - 1;
            let op = reads[depth].op as usize;
            let Some(guess) = guesses[depth].get(depth_index) else {
                run.source[op] = UNKNOWN;
                culprits.push(run.rows[op]);
                tried.pop();
                continue;
            };
            run.source[op] = *guess;
            match self.look(run)? {
                Ok(witness) if tried.len() == reads.len() => return Some(Ok(witness)),
                Ok(_) => tried.push(0),
                Err(flaw) => {
                    culprits.extend(&flaw.culprits);
                    blame.get_or_insert(flaw);
                }
            }
        }
        let mut flaw = blame?;
        culprits.extend(&flaw.culprits);
        culprits.sort_unstable();
        culprits.dedup();
        culprits.retain(|row| !flaw.culprits.contains(row));
        flaw.culprits.extend(culprits);
        flaw.reason = format!(
            "Some values were written more than once, and every choice of the writes behind them has a flaw. \
             For one: {}",
            flaw.reason
        );
        Some(Err(flaw))
    }

    fn look(&mut self, run: &Run<'_>) -> Finding {
        if self.states >= self.budget.states || (self.states > 0 && (self.budget.stop)()) {
            return None;
        }
        self.states += 1;
        (self.check)(run)
    }

    fn verdict(&self, finding: Finding) -> Verdict {
        match finding {
            Some(Ok(witness)) => Verdict::holds(self.model, self.algorithm, witness),
            Some(Err(flaw)) => Verdict::fails(self.model, self.algorithm, *flaw),
            None => Verdict::unknown(self.model, self.algorithm),
        }
        .after(self.states)
    }
}
