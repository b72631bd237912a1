//! Options that make no sense, and who watches.
use crate::check::explore::specs::TwoPhase;
use crate::check::explore::*;

fn complaint(options: Options) -> String {
    options.check().expect_err("it makes no sense").to_string()
}

#[test]
fn says_which_option_makes_no_sense() {
    let sound = Options::default();
    let with = |limits| Options { limits, ..sound };
    let limits = Limits::default();
    let walks = |count| Options { strategy: Strategy::Walks { count, seed: 0 }, ..sound };
    assert_eq!(complaint(Options { threads: 0, ..sound }), "threads is 0; allowed: from 1 to 1024");
    assert_eq!(complaint(Options { threads: 5_000, ..sound }), "threads is 5000; allowed: from 1 to 1024");
    let at_least = "at least 1, or no limit";
    let depth = Limits { depth: Some(0), ..limits };
    assert_eq!(complaint(with(depth)), format!("limits.depth is 0; allowed: {at_least}"));
    let states = Limits { states: Some(0), ..limits };
    assert_eq!(complaint(with(states)), format!("limits.states is 0; allowed: {at_least}"));
    let memory = Limits { memory_bytes: 0, ..limits };
    assert_eq!(complaint(with(memory)), "limits.memory_bytes is 0; allowed: at least 1");
    assert_eq!(complaint(walks(0)), "strategy.count is 0; allowed: at least 1");
    let graph = complaint(Options { graph: true, ..walks(1) });
    assert_eq!(graph, "graph is true; allowed: false for random walks, which remember nothing");
    assert_eq!(sound.check(), Ok(()));
    assert_eq!(walks(1).check(), Ok(()));
}

#[test]
fn ends_when_who_watches_says_so() {
    let endless = Strategy::Walks { count: u64::MAX, seed: 0 };
    for (strategy, threads) in [
        (Strategy::BreadthFirst, 1),
        (Strategy::BreadthFirst, 2),
        (Strategy::DepthFirst, 1),
        (endless, 1),
        (endless, 2),
    ] {
        let (mut looks, mut most) = (0, Progress::default());
        let me = std::thread::current().id();
        let report =
            explore(&TwoPhase::new(9), &Options { strategy, threads, ..Options::default() }, &mut |it| {
                assert_eq!(std::thread::current().id(), me);
                assert!(it.generated >= most.generated);
                (most, looks) = (*it, looks + 1);
                looks < 3
            });
        let report = report.ok().unwrap();
        assert_eq!((looks, report.stopped), (3, Some(Stopped::Cancelled)), "{strategy:?}");
        assert!(report.generated < 100_000_000);
        assert_eq!(report.properties[0].1, Outcome::Unknown);
    }
}

#[test]
fn stays_within_its_memory() {
    for (strategy, threads) in
        [(Strategy::BreadthFirst, 1), (Strategy::BreadthFirst, 2), (Strategy::DepthFirst, 1)]
    {
        for graph in [false, true] {
            let limits = Limits { memory_bytes: 1 << 20, ..Limits::default() };
            let options = Options { strategy, threads, limits, graph, ..Options::default() };
            let report = explore(&TwoPhase::new(8), &options, &mut |_| true).ok().unwrap();
            assert_eq!(report.stopped, Some(Stopped::Memory));
            assert!(report.memory_bytes <= 1 << 20);
            // As much as fits was visited.
            let bytes = if graph { 1_500 } else { 30 };
            assert!(report.distinct > (1 << 20) / bytes, "{} {strategy:?} {graph}", report.distinct);
        }
    }
}

#[test]
fn a_panic_of_the_model_goes_through() {
    struct Panics;
    impl Model for Panics {
        type State = u8;
        type Action = u8;
        type Error = ();
        fn initial(&self) -> Result<Vec<u8>, ()> {
            Ok((0..200).collect())
        }
        fn actions(&self, _: &u8, _: &mut Vec<u8>) -> Result<(), ()> {
            panic!("no actions today")
        }
        fn next(&self, _: &u8, _: &u8) -> Result<Option<u8>, ()> {
            Ok(None)
        }
        fn fingerprint(&self, state: &u8, lane: u64) -> u64 {
            crate::sim::Fingerprint::of(&(lane, state))
        }
        fn kind(&self, _: &u8) -> u32 {
            0
        }
        fn kind_name(&self, _: u32) -> String {
            String::new()
        }
        fn properties(&self) -> &[Property] {
            &[]
        }
        fn holds(&self, _: usize, _: &u8) -> Result<bool, ()> {
            Ok(true)
        }
    }
    for threads in [1, 2] {
        let options = Options { threads, ..Options::default() };
        let result = std::panic::catch_unwind(|| explore(&Panics, &options, &mut |_| true).is_ok());
        let message = *result.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(message, "no actions today");
    }
}
