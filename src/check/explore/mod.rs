//! Exhaustive exploration: every order of events, not one (notes 2.14).
//!
//! [`Model`] is the seam: initial states, the actions enabled in a state, the state an action leads to. Two kinds
//! of systems stand behind it: worlds of any protocol, where nothing but the order of events is left to chance,
//! and specifications written down as a model directly. An exploration visits every state that can be reached,
//! checks [properties](Property) in each, and answers with a [`Report`]: what was covered, and for a property that
//! does not hold the shortest way there.
mod ancestry;
mod breadth;
mod course;
mod depth;
mod expand;
mod fair;
mod finish;
mod kept;
mod memory;
mod model;
mod options;
mod pulse;
mod report;
pub mod specs;
mod tally;
#[cfg(test)]
mod tests;
mod visited;
mod walks;
pub mod world;

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

pub use model::{Claim, Model, Property};
pub use options::{Limits, Options, Strategy};
pub use report::{Counterexample, Failed, Graph, Level, Outcome, Progress, Report, Stopped};

use breadth::Batch;
use course::Course;
use pulse::{Meter, Pulse};

/// How often who watches is asked while others work.
const LOOK: Duration = Duration::from_millis(10);

/// Explores `model`.
///
/// `watch` is called on the calling thread every few milliseconds (with one thread: after every few states); if it
/// says no, the exploration ends with what it has.
///
/// ```
/// use distlab::check::explore::{Model, Options, Outcome, Property, explore};
/// use distlab::sim::Fingerprint;
///
/// /// Two jugs of 3 and 5 liters: fill one, empty one, or pour one into the other.
/// struct Jugs([Property; 1]);
///
/// impl Model for Jugs {
///     type State = (u8, u8);
///     type Action = &'static str;
///     type Error = std::convert::Infallible;
///
///     fn initial(&self) -> Result<Vec<(u8, u8)>, Self::Error> {
///         Ok(vec![(0, 0)])
///     }
///     fn actions(&self, _: &(u8, u8), actions: &mut Vec<&'static str>) -> Result<(), Self::Error> {
///         actions.extend(["fill 3", "fill 5", "empty 3", "empty 5", "3 into 5", "5 into 3"]);
///         Ok(())
///     }
///     fn next(&self, &(a, b): &(u8, u8), action: &&'static str) -> Result<Option<(u8, u8)>, Self::Error> {
///         let next = match *action {
///             "fill 3" => (3, b),
///             "fill 5" => (a, 5),
///             "empty 3" => (0, b),
///             "empty 5" => (a, 0),
///             "3 into 5" => (a - a.min(5 - b), b + a.min(5 - b)),
///             _ => (a + b.min(3 - a), b - b.min(3 - a)),
///         };
///         Ok(Some(next))
///     }
///     fn fingerprint(&self, state: &(u8, u8), lane: u64) -> u64 {
///         Fingerprint::of(&(lane, state))
///     }
///     fn kind(&self, _: &&'static str) -> u32 {
///         0
///     }
///     fn kind_name(&self, _: u32) -> String {
///         "move".into()
///     }
///     fn properties(&self) -> &[Property] {
///         &self.0
///     }
///     fn holds(&self, _: usize, &(_, b): &(u8, u8)) -> Result<bool, Self::Error> {
///         Ok(b != 4)
///     }
/// }
///
/// let jugs = Jugs([Property::always("never four liters")]);
/// let report = explore(&jugs, &Options::default(), &mut |_| true).ok().unwrap();
/// assert_eq!(report.properties[0].1, Outcome::Fails(Some(0)));
/// let way = ["fill 5", "5 into 3", "empty 3", "5 into 3", "fill 5", "5 into 3"];
/// assert_eq!(report.counterexamples[0].actions, way); // the shortest
/// ```
///
/// # Errors
/// If the model fails: with the way to where it did.
///
/// # Panics
/// If [`Options::check`] refuses the options.
pub fn explore<M: Model>(
    model: &M,
    options: &Options,
    watch: &mut dyn FnMut(&Progress) -> bool,
) -> Result<Report<M>, Failed<M>> {
    explore_by(model, options, Batch::default(), watch)
}

fn explore_by<M: Model>(
    model: &M,
    options: &Options,
    batch: Batch,
    watch: &mut dyn FnMut(&Progress) -> bool,
) -> Result<Report<M>, Failed<M>> {
    if let Err(invalid) = options.check() {
        panic!("{invalid}");
    }
    let (course, meter) = (Course::new(model, *options), Meter::default());
    let several = options.threads > 1 && options.strategy != Strategy::DepthFirst;
    // Where there are no more threads to be had, one does: the report is the same.
    match several.then(|| rayon::ThreadPoolBuilder::new().num_threads(options.threads).build()) {
        Some(Ok(pool)) => together(&course, &pool, batch, &meter, watch),
        _ => run(&course, 1, batch, &mut Pulse::watched(&meter, watch)),
    }
}

/// Lets the threads of the pool explore, and watches them.
fn together<M: Model>(
    course: &Course<M>,
    pool: &rayon::ThreadPool,
    batch: Batch,
    meter: &Meter,
    watch: &mut dyn FnMut(&Progress) -> bool,
) -> Result<Report<M>, Failed<M>> {
    let (done, result) = channel();
    let result = pool.in_place_scope(|scope| {
        scope.spawn(move |_| {
            let report = run(course, pool.current_num_threads(), batch, &mut Pulse::silent(meter));
            done.send(report).expect("somebody waits for it");
        });
        loop {
            match result.recv_timeout(LOOK) {
                Ok(report) => return Some(report),
                Err(RecvTimeoutError::Timeout) if meter.cancelled() || watch(&meter.progress()) => {}
                Err(RecvTimeoutError::Timeout) => meter.cancel(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    });
    result.expect("a thread that panics takes the scope with it")
}

fn run<M: Model>(
    course: &Course<M>,
    threads: usize,
    batch: Batch,
    pulse: &mut Pulse,
) -> Result<Report<M>, Failed<M>> {
    match (course.options.strategy, course.options.wide) {
        (Strategy::BreadthFirst, false) => breadth::explore::<M, u64>(course, threads, batch, pulse),
        (Strategy::BreadthFirst, true) => breadth::explore::<M, u128>(course, threads, batch, pulse),
        (Strategy::DepthFirst, false) => depth::explore::<M, u64>(course, pulse),
        (Strategy::DepthFirst, true) => depth::explore::<M, u128>(course, pulse),
        (Strategy::Walks { count, seed }, _) => walks::explore(course, count, seed, threads, pulse),
    }
}
