//! Exhaustive exploration of a specification: two-phase commit, by one thread and by two.
use distlab::check::explore::specs::TwoPhase;
use distlab::check::explore::{Options, explore};
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 2])]
fn two_phase_with_7_managers(bencher: Bencher, threads: usize) {
    let options = Options { threads, ..Options::default() };
    bencher.counter(ItemsCount::new(2_744_706u32)).bench_local(|| {
        let report = explore(&TwoPhase::new(7), &options, &mut |_| true);
        assert_eq!(report.ok().map(|it| it.distinct), Some(296_448));
    });
}
