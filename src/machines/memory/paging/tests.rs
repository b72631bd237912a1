//! The policies against their slow doubles, worked numbers, and laws.
use super::reference::Slow;
use super::simulate::{Details, References, compare, detailed, distinct, simulate};
use super::*;
use crate::sim::{Purpose, Rng};

const BELADY: [u64; 12] = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5];

fn references(pages: &[u64]) -> References<'_> {
    References { pages, page_bits: 0, writes: None }
}

fn faults(pages: &[u64], kind: Kind, frames: u64) -> u64 {
    let counts = simulate(&references(pages), kind, frames, &Options::default(), &mut || true).unwrap();
    assert_eq!(counts.hits + counts.faults, pages.len() as u64);
    counts.faults
}

#[test]
fn beladys_string() {
    let both = |kind| [3, 4].map(|frames| faults(&BELADY, kind, frames));
    assert_eq!(both(Kind::Fifo), [9, 10]);
    assert_eq!(both(Kind::Lru), [10, 8]);
    assert_eq!(both(Kind::Opt), [7, 6]);
}

#[test]
fn figure_2_42_swaps_page_0_out_for_page_1() {
    let mut details = Details::default();
    let counts = detailed(
        &references(&[0, 2, 1]),
        Kind::Lru,
        2,
        &Options::default(),
        &mut || true,
        Some(&mut details),
    );
    assert_eq!(counts, Ok(Counts { hits: 0, faults: 3, evictions: 1, write_backs: 0 }));
    assert_eq!((details.outcomes, details.victims), (vec![1, 1, 2], vec![0, 0, 0]));
}

/// References with some locality: of few pages, in runs, with repeats.
fn random_pages(rng: &mut Rng, length: usize, pages: u64) -> Vec<u64> {
    let mut found = Vec::with_capacity(length);
    while found.len() < length {
        let page = rng.below(pages);
        match rng.below(4) {
            0 => found.extend((0..1 + rng.below(5)).map(|i| (page + i) % pages)),
            1 => found.extend((0..1 + rng.below(3)).map(|_| page)),
            _ => found.push(rng.below(1 + page)),
        }
    }
    found.truncate(length);
    found
}

fn random_options(rng: &mut Rng) -> Options {
    if rng.below(2) == 0 {
        return Options { seed: rng.below(9), ..Options::default() };
    }
    Options {
        insert_referenced: rng.below(2) == 0,
        in_ratio: rng.unit(),
        out_ratio: 2.0 * rng.unit(),
        small_ratio: rng.unit(),
        ghost_ratio: 2.0 * rng.unit(),
        move_to_main: 1 + rng.below(3) as u8,
        fill_main: rng.below(2) == 0,
        seed: rng.below(9),
    }
}

#[test]
fn every_access_meets_what_it_meets_in_the_slow_double() {
    for seed in 0..1500 {
        let mut rng = Rng::stream(seed, Purpose::Memory, 2, 0);
        let (frames, pages) = (1 + rng.below(12), 1 + rng.below(24));
        let length = rng.below(150) as usize;
        let string = random_pages(&mut rng, length, pages);
        let options = random_options(&mut rng);
        // The same numbers far apart, for the table.
        let far: Vec<u64> = string.iter().map(|page| page.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        for kind in Kind::ALL {
            let mut slow = Slow::new(kind, frames as usize, options);
            slow.future = far.clone();
            let expected: Vec<_> = far.iter().map(|page| slow.access(*page)).collect();
            let mut details = Details::default();
            let run = &references(&far);
            let counts = detailed(run, kind, frames, &options, &mut || true, Some(&mut details)).unwrap();
            for (at, expected) in expected.iter().enumerate() {
                let found = match (details.outcomes[at], details.victims[at]) {
                    (0, _) => Access::Hit,
                    (1, _) => Access::Filled,
                    (_, victim) => Access::Evicted(victim),
                };
                // Which of the pages that never come again leaves first is left open.
                let same =
                    found == *expected || kind == Kind::Opt && leaves_unused(found, *expected, &far[at..]);
                assert!(same, "{} seed {seed}, reference {at}: {found:?}, not {expected:?}", kind.name());
            }
            assert_eq!(simulate(run, kind, frames, &options, &mut || true), Ok(counts), "{}", kind.name());
            // Near ones are kept in an array.
            let (near, mut found) = (references(&string), Details::default());
            let same = detailed(&near, kind, frames, &options, &mut || true, Some(&mut found)).unwrap();
            assert_eq!((same, &found.outcomes), (counts, &details.outcomes), "{} seed {seed}", kind.name());
            let far = found.victims.iter().map(|page| page.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            assert!(far.eq(details.victims.iter().copied()), "{} seed {seed}", kind.name());
            assert_eq!(simulate(&near, kind, frames, &options, &mut || true), Ok(counts), "{}", kind.name());
            let total = expected.iter().filter(|it| **it != Access::Hit).count() as u64;
            assert_eq!(counts.faults, total, "{} seed {seed}", kind.name());
        }
    }
}

fn leaves_unused(found: Access<u64>, expected: Access<u64>, rest: &[u64]) -> bool {
    matches!((found, expected), (Access::Evicted(a), Access::Evicted(b)) if !rest.contains(&a) && !rest.contains(&b))
        || found == expected
}

#[test]
fn arrays_and_tables_are_the_same_machine_also_when_pages_are_removed() {
    for seed in 0..600 {
        let mut rng = Rng::stream(seed, Purpose::Memory, 3, 0);
        let (frames, pages) = (1 + rng.below(8) as usize, 1 + rng.below(20));
        let options = random_options(&mut rng);
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Opt) {
            let mut direct = Policy::<Direct>::new(kind, frames, &options).unwrap();
            let mut hashed = Policy::<Hashed>::new(kind, frames, &options).unwrap();
            let mut resident = std::collections::BTreeSet::new();
            for _ in 0..120 {
                let page = rng.below(pages);
                if rng.below(6) == 0 {
                    let removed = direct.remove(page as u32);
                    assert_eq!(removed, resident.remove(&page), "{} seed {seed}", kind.name());
                    assert_eq!(removed, hashed.remove(page));
                } else {
                    let met = direct.access(page as u32);
                    let wide = match hashed.access(page) {
                        Access::Hit => Access::Hit,
                        Access::Filled => Access::Filled,
                        Access::Evicted(page) => Access::Evicted(page as u32),
                    };
                    assert_eq!(met, wide, "{} seed {seed}", kind.name());
                    assert_eq!(met == Access::Hit, !resident.insert(page), "{} seed {seed}", kind.name());
                    if let Access::Evicted(victim) = met {
                        assert!(resident.remove(&u64::from(victim)), "{} seed {seed}", kind.name());
                    }
                }
                assert!(resident.len() <= frames && direct.resident() == resident.len());
                assert!((0..pages).all(|it| direct.contains(it as u32) == resident.contains(&it)));
            }
        }
    }
}

#[test]
fn one_pass_gives_the_misses_of_lru_for_every_number_of_frames() {
    for seed in 0..800 {
        let mut rng = Rng::stream(seed, Purpose::Memory, 4, 0);
        let (length, pages) = (rng.below(300) as usize, 1 + rng.below(40));
        let mut string = random_pages(&mut rng, length, pages);
        if seed % 2 == 0 {
            string.iter_mut().for_each(|page| *page = (*page << 33) + 5);
        }
        let histogram = distances::histogram(&string, 0, &mut || true).unwrap();
        let misses = distances::misses(&histogram);
        assert_eq!(misses.len() as u64, distinct(&string, 0, &mut || true).unwrap());
        assert!(misses.is_sorted_by(|a, b| a >= b), "LRU is a stack algorithm");
        for (at, expected) in misses.iter().enumerate() {
            assert_eq!(faults(&string, Kind::Lru, at as u64 + 1), *expected, "seed {seed}");
        }
        let slow = |at: usize| {
            let before = string[..at].iter().rposition(|page| *page == string[at])?;
            let between: std::collections::BTreeSet<_> = string[before..at].iter().collect();
            Some(between.len() as u32)
        };
        let mut at = 0;
        let same = |distance| {
            assert_eq!(distance, slow(at).unwrap_or(distances::COLD), "seed {seed}");
            at += 1;
        };
        distances::for_each(&string, 0, &mut || true, same).unwrap();
    }
}

/// Enough references to number lines anew and to write logs out, many times, with tables small and large, and where
/// references are looked up in groups.
#[test]
fn distances_and_runs_agree_on_long_strings() {
    for (pages, bits) in [(3000, 20), (3000, 0), (60_000, 0), (150_000, 12)] {
        let mut rng = Rng::stream(pages, Purpose::Memory, 5, 0);
        let string: Vec<u64> = (0..600_000)
            .map(|_| {
                let most = 1 + rng.below(pages);
                rng.below(most) << bits
            })
            .collect();
        let misses = distances::misses(&distances::histogram(&string, bits, &mut || true).unwrap());
        for frames in [1, 7, 64, 500, 1500, 2500, 40_000] {
            let run = References { pages: &string, page_bits: bits, writes: None };
            let counts = simulate(&run, Kind::Lru, frames, &Options::default(), &mut || true).unwrap();
            assert_eq!(counts.faults, misses[(frames as usize).min(misses.len()) - 1]);
        }
        arrays_and_tables_look_up_the_same(&string, bits);
    }
}

/// The distances and the next uses of a long string, and of one with the same pages numbered far apart.
fn arrays_and_tables_look_up_the_same(string: &[u64], bits: u32) {
    let far: Vec<u64> =
        string.iter().map(|page| (page >> bits).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    let all = |pages: &[u64], bits: u32| {
        let mut found = Vec::with_capacity(pages.len());
        distances::for_each(pages, bits, &mut || true, |distance| found.push(distance)).unwrap();
        found
    };
    let distances = all(string, bits);
    assert!(distances == all(&far, 0));
    let misses = distances::misses(&distances::histogram(&far, 0, &mut || true).unwrap());
    let longer = |frames: u32| distances.iter().filter(|it| **it == distances::COLD || **it > frames).count();
    for frames in [1, 2, 100, 1000, misses.len()] {
        assert_eq!(misses[frames - 1], longer(frames as u32) as u64);
    }
    let next = optimal::next_uses(&far, 0, &mut || true).unwrap();
    assert!(next == optimal::next_uses(string, bits, &mut || true).unwrap());
    let mut last = vec![None; string.len()];
    for (at, page) in string.iter().enumerate() {
        let before = last[(page >> bits) as usize].replace(at);
        assert!(before.is_none_or(|before: usize| next[before] as usize == at));
    }
    assert!(last.into_iter().flatten().all(|at| next[at] == u32::MAX));
}

#[test]
fn nobody_beats_the_optimum_and_it_has_the_stack_property() {
    for seed in 0..200 {
        let mut rng = Rng::stream(seed, Purpose::Memory, 6, 0);
        let pages = 2 + rng.below(20);
        let string = random_pages(&mut rng, 200, pages);
        let optimum: Vec<u64> = (1..12).map(|frames| faults(&string, Kind::Opt, frames)).collect();
        assert!(optimum.is_sorted_by(|a, b| a >= b));
        for kind in Kind::ALL {
            for (at, best) in optimum.iter().enumerate() {
                assert!(faults(&string, kind, at as u64 + 1) >= *best, "{} seed {seed}", kind.name());
            }
        }
    }
}

#[test]
fn comparing_is_simulating_each() {
    let mut rng = Rng::stream(2, Purpose::Memory, 7, 0);
    let string = random_pages(&mut rng, 4000, 300);
    let written: Vec<bool> = string.iter().map(|_| rng.below(5) == 0).collect();
    let frames = [1, 3, 50, 299, 1_000_000];
    let options = Options::default();
    for writes in [None, Some(&written[..])] {
        let run = References { pages: &string, page_bits: 1, writes };
        for frames in [&frames[..], &frames[1..2]] {
            let found = compare(&run, &Kind::ALL, frames, &options, &|| true).unwrap();
            let each =
                |kind: Kind, frames: u64| simulate(&run, kind, frames, &options, &mut || true).unwrap();
            let expected =
                Kind::ALL.into_iter().flat_map(|kind| frames.iter().map(move |it| each(kind, *it)));
            assert_eq!(found, expected.collect::<Vec<_>>());
        }
    }
}

#[test]
fn everything_long_can_be_interrupted() {
    let (run, options) = (references(&BELADY), Options::default());
    for kind in Kind::ALL {
        let stopped = Err(simulate::Error::Interrupted);
        assert_eq!(simulate(&run, kind, 3, &options, &mut || false), stopped, "{}", kind.name());
        assert_eq!(
            compare(&run, &[kind], &[3, 4], &options, &|| false).unwrap_err(),
            simulate::Error::Interrupted
        );
        // Later than in the preparations, too.
        let mut looks = 1;
        let mut go_on = || {
            looks -= 1;
            looks >= 0
        };
        assert_eq!(simulate(&run, kind, 3, &options, &mut go_on).is_err(), kind == Kind::Opt);
    }
    assert!(distances::histogram(&BELADY, 0, &mut || false).is_err());
    assert!(distinct(&BELADY, 0, &mut || false).is_err());
}

#[test]
fn a_page_is_written_back_once_for_every_stay_in_which_it_was_written() {
    for seed in 0..300 {
        let mut rng = Rng::stream(seed, Purpose::Memory, 8, 0);
        let string = random_pages(&mut rng, 200, 12);
        let writes: Vec<bool> = string.iter().map(|_| rng.below(3) == 0).collect();
        let run = References { pages: &string, page_bits: 0, writes: Some(&writes) };
        for kind in Kind::ALL {
            let mut details = Details::default();
            let options = Options::default();
            let counts = detailed(&run, kind, 4, &options, &mut || true, Some(&mut details)).unwrap();
            let mut dirty = std::collections::BTreeSet::new();
            for (at, page) in string.iter().enumerate() {
                if details.outcomes[at] >= 2 {
                    assert_eq!(details.outcomes[at] == 3, dirty.remove(&details.victims[at]), "seed {seed}");
                }
                if writes[at] {
                    dirty.insert(*page);
                }
            }
            let codes = |code| details.outcomes.iter().filter(|it| **it == code).count() as u64;
            let found = Counts {
                hits: codes(0),
                faults: codes(1) + codes(2) + codes(3),
                evictions: codes(2) + codes(3),
                write_backs: codes(3),
            };
            assert_eq!(counts, found);
            assert_eq!(simulate(&run, kind, 4, &options, &mut || true), Ok(counts));
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let run = |frames, kind, options| simulate(&references(&BELADY), kind, frames, &options, &mut || true);
    let named = |result: Result<Counts, simulate::Error>| match result {
        Err(simulate::Error::Parameter(it)) => it.parameter,
        other => panic!("{other:?}"),
    };
    assert_eq!(named(run(0, Kind::Lru, Options::default())), "frames");
    assert_eq!(named(run(0, Kind::Opt, Options::default())), "frames");
    assert_eq!(named(run(2, Kind::TwoQ, Options { in_ratio: 1.5, ..Options::default() })), "in_ratio");
    assert_eq!(
        named(run(2, Kind::S3Fifo, Options { ghost_ratio: f64::NAN, ..Options::default() })),
        "ghost_ratio"
    );
    assert_eq!(
        named(run(2, Kind::S3Fifo, Options { move_to_main: 0, ..Options::default() })),
        "move_to_main"
    );
    assert_eq!(Policy::<Direct>::new(Kind::Opt, 2, &Options::default()).unwrap_err().parameter, "policy");
    let stopped = simulate(&references(&BELADY), Kind::Lru, 2, &Options::default(), &mut || false);
    assert_eq!(stopped, Err(simulate::Error::Interrupted));
    assert_eq!(
        simulate(&references(&[]), Kind::Arc, 2, &Options::default(), &mut || true),
        Ok(Counts::default())
    );
}
