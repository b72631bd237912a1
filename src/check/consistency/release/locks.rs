//! Who holds which lock when.
use super::super::history::Kind;
use super::super::reads_from::{NONE, Run};
use super::Flaw;

/// From taking a lock to giving it back.
#[derive(Clone, Copy, Debug)]
struct Section {
    lock: u32,
    /// From when on it is surely held: the completion of the acquire.
    from: u32,
    /// Until when it is surely held: the invocation of the release; for ever without one.
    to: u32,
    acquire: u32,
    /// [`NONE`] if it was never given back.
    release: u32,
}

/// The critical sections of all locks, by lock, in their order of time.
pub(super) struct Sections(Vec<Section>);

/// How a lock was not held as locks are.
pub(super) enum Wrong {
    /// Given back by a process that does not hold it.
    NotHeld(u32),
    /// Taken by the second before the first one gave it back; each as (acquire, release or [`NONE`]).
    Twice((u32, u32), (u32, u32)),
}

impl Sections {
    /// The sections, or the first wrong that is found. O(n log n).
    pub fn of(run: &Run<'_>) -> Result<Self, Wrong> {
        let mut sections: Vec<Section> = Vec::new();
        let mut held = vec![NONE; run.slots.len()];
        for session in 0..run.sessions() {
            let first = sections.len();
            for op in run.of_session(session) {
                let (row, lock) = (run.rows[op as usize] as usize, run.key[op as usize]);
                let index = &mut held[lock as usize];
                match run.history.kind[row] {
                    Kind::ACQUIRE => {
                        let from = run.history.completed[row];
                        if let Some(open) = sections.get(*index as usize) {
                            return Err(Wrong::Twice((open.acquire, NONE), (op, NONE)));
                        }
                        *index = sections.len() as u32;
                        sections.push(Section { lock, from, to: u32::MAX, acquire: op, release: NONE });
                    }
                    Kind::RELEASE => {
                        let Some(open) = sections.get_mut(*index as usize) else {
                            return Err(Wrong::NotHeld(op));
                        };
                        (open.release, open.to) = (op, run.history.invoked[row]);
                        *index = NONE;
                    }
                    _ => {}
                }
            }
            sections[first..].iter().for_each(|it| held[it.lock as usize] = NONE);
        }
        sections.sort_unstable_by_key(|it| (it.lock, it.from));
        let overlap =
            sections.windows(2).find(|pair| pair[0].lock == pair[1].lock && pair[0].to > pair[1].from);
        match overlap {
            Some(pair) => {
                Err(Wrong::Twice((pair[0].acquire, pair[0].release), (pair[1].acquire, pair[1].release)))
            }
            None => Ok(Self(sections)),
        }
    }

    /// The locks handed on, as (release, the next acquire).
    pub fn transfers(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let handed = |pair: &&[Section]| pair[0].lock == pair[1].lock && pair[0].release != NONE;
        self.0.windows(2).filter(handed).map(|pair| (pair[0].release, pair[1].acquire))
    }
}

/// The flaw of a lock that was not held as locks are.
pub(super) fn held_wrongly(run: &Run<'_>, wrong: &Wrong) -> Flaw {
    let (anomaly, reason, ops) = match wrong {
        Wrong::NotHeld(release) => (
            "lock not held",
            format!("{} gives a lock back that its process does not hold.", run.say(*release)),
            vec![*release],
        ),
        Wrong::Twice(first, second) => (
            "lock held twice",
            format!("{} takes a lock that {} has not given back yet.", run.say(second.0), run.say(first.0)),
            vec![second.0, first.0, first.1, second.1],
        ),
    };
    Flaw {
        anomaly: anomaly.to_owned(),
        reason,
        culprits: ops.into_iter().filter(|op| *op != NONE).map(|op| run.rows[op as usize]).collect(),
        ..Flaw::default()
    }
}
