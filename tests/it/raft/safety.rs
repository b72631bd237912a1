//! Safety whatever happens, and liveness when it is over.
use super::storm::Storm;
use super::*;
use distlab::protocols::raft::ReadMode;

/// Scenarios S4, S10 and S13: crashes, torn writes, pauses, partitions, loss, duplication, delay, clocks at
/// half to double speed, slow disks; all invariants after every event; then calm.
#[test]
fn storms_break_nothing_and_pass() {
    each_seed(100, |seed| {
        let read_mode = [ReadMode::Log, ReadMode::ReadIndex][seed as usize % 2];
        let storm = Storm { servers: 3 + 2 * (seed as u32 / 2 % 2), read_mode, ..Storm::default() };
        storm.play(seed).unwrap_or_else(|error| panic!("{error}"));
    });
}
