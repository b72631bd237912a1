//! From what was found to a report.
use super::course::{Course, Verdict};
use super::fair;
use super::kept::Kept;
use super::model::Model;
use super::report::{Counterexample, Level, Report, Stopped};
use super::tally::Tally;
use super::visited::Key;

/// What an exploration comes back with.
pub(super) struct Found {
    pub(super) distinct: u64,
    pub(super) tally: Tally,
    pub(super) depth: u32,
    pub(super) levels: Vec<Level>,
    pub(super) stopped: Option<Stopped>,
    pub(super) memory_bytes: u64,
}

impl Found {
    pub(super) fn report<M: Model, K: Key>(
        self,
        course: &Course<M>,
        mut verdict: Verdict<M>,
        kept: Option<Kept<M, K>>,
    ) -> Report<M> {
        let over = matches!(self.stopped, Some(Stopped::Counterexample | Stopped::Cancelled));
        let graph = kept.and_then(|kept| {
            let net = kept.net();
            if !over {
                judge_behaviors(course, &kept, &net, &mut verdict);
            }
            course.options.graph.then(|| kept.graph(course, &net))
        });
        let bits = if course.options.wide { u128::BITS } else { u64::BITS };
        Report {
            distinct: self.distinct,
            generated: self.tally.generated,
            depth: self.depth,
            levels: self.levels,
            terminal: self.tally.terminal,
            coverage: self.tally.coverage(course.model),
            stopped: self.stopped,
            properties: verdict.outcomes(self.stopped.is_none()),
            counterexamples: verdict.counterexamples,
            collision: collision(self.distinct, bits),
            memory_bytes: self.memory_bytes,
            symmetry: course.options.symmetry,
            reduction: course.options.reduction,
            graph,
        }
    }
}

/// How likely it is that of so many states two have the same hash of so many bits: about n^2 / 2^(bits + 1).
fn collision(states: u64, bits: u32) -> f64 {
    let pairs = states as f64 * states.saturating_sub(1) as f64 / 2.0;
    (pairs * 0.5f64.powi(bits as i32)).min(1.0)
}

/// Looks for fair behaviors that never come to what they should.
fn judge_behaviors<M: Model, K: Key>(
    course: &Course<M>,
    kept: &Kept<M, K>,
    net: &fair::Net,
    verdict: &mut Verdict<M>,
) {
    let count = course.eventually.len();
    for (which, &property) in course.eventually.iter().enumerate() {
        let Some(lasso) = net.lasso(&kept.held(which, count)) else { continue };
        let state = |number: u32| kept.states[number as usize].clone();
        let mut states = vec![state(lasso.start)];
        let (mut actions, mut listed) = (Vec::new(), Vec::new());
        let mut from = lasso.start;
        for edge in lasso.path.iter().chain(&lasso.cycle) {
            let found = super::ancestry::list(course.model, &kept.states[from as usize], false, &mut listed);
            // A model that does not do again what it did: what cannot be shown is left out.
            let (Ok(_), Some(action)) = (found, listed.get(edge.ordinal as usize)) else { break };
            actions.push(action.clone());
            states.push(state(edge.to));
            from = edge.to;
        }
        let closing = if lasso.cycle.is_empty() { None } else { actions.pop() };
        if closing.is_some() {
            states.pop();
        }
        let begin = lasso.path.len().min(states.len() - 1);
        verdict.refuted(Counterexample {
            property: Some(property),
            states,
            actions,
            lasso: Some(begin),
            closing,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collisions_follow_the_birthday_rule() {
        assert!((collision(1 << 32, 64) - 0.5).abs() < 1e-9);
        assert_eq!((collision(0, 64), collision(1, 64)), (0.0, 0.0));
        assert!((collision(10_000_000, 64) - 2.7e-6).abs() < 1e-7);
        assert!(collision(10_000_000, 128) < 1e-24);
    }
}
