//! The names of cycles.
//!
//! Adya's (*Weak Consistency*, 1999), refined as Elle does it: `G0` only overwrites; `G1c` also reads;
//! `G-single` has one `rw`, `G-nonadjacent` several, but never two in a row, `G2-item` also two in a row. A
//! suffix says what else the cycle needs: `-session` the order of a process, `-realtime` real time.
use super::graph::{Dependency, Link};

use Dependency::{ReadWrite, RealTime, Session, WriteRead, WriteWrite};

/// The name of a cycle.
pub fn name(cycle: &[Link]) -> String {
    let has = |kind| cycle.iter().any(|link| link.kind == kind);
    let overwrites = cycle.iter().filter(|link| link.kind == ReadWrite).count();
    let name = match overwrites {
        0 if has(WriteRead) => "G1c",
        0 => "G0",
        1 => "G-single",
        _ if are_adjacent(cycle) => "G2-item",
        _ => "G-nonadjacent",
    };
    let suffix = match () {
        () if has(RealTime) => "-realtime",
        () if has(Session) => "-session",
        () => "",
    };
    format!("{name}{suffix}")
}

fn are_adjacent(cycle: &[Link]) -> bool {
    let next = |i: usize| &cycle[(i + 1) % cycle.len()];
    (0..cycle.len()).any(|i| cycle[i].kind == ReadWrite && next(i).kind == ReadWrite)
}

/// What people call it, if it has a name besides Adya's.
pub fn friendly(cycle: &[Link]) -> Option<&'static str> {
    let kinds: Vec<Dependency> = rotated(cycle).iter().map(|link| link.kind).collect();
    let cycle = rotated(cycle);
    let same_key = || cycle.iter().all(|link| link.key == cycle[0].key);
    Some(match kinds.as_slice() {
        [WriteWrite, WriteWrite] => "dirty write",
        [ReadWrite, WriteWrite] | [ReadWrite, ReadWrite] if same_key() => "lost update",
        [ReadWrite, ReadWrite] => "write skew",
        [ReadWrite, WriteRead] if same_key() => "non-repeatable read",
        [ReadWrite, WriteRead] => "fractured read",
        [ReadWrite, RealTime, ..] if kinds[1..].iter().all(|it| *it == RealTime) => "stale read",
        [ReadWrite, Session, ..] if kinds[1..].iter().all(|it| *it == Session) => "stale read",
        [ReadWrite, WriteRead, ReadWrite, WriteRead] => "long fork",
        [ReadWrite, rest @ ..] if rest.iter().all(|it| matches!(it, WriteRead | Session)) => {
            "causality violation"
        }
        [ReadWrite, rest @ ..] if !rest.contains(&ReadWrite) => "read skew",
        _ if !kinds.contains(&ReadWrite) && kinds.contains(&WriteRead) => "circular information flow",
        _ => return None,
    })
}

/// The cycle, beginning with an `rw` if there is one.
fn rotated(cycle: &[Link]) -> Vec<Link> {
    let first = cycle.iter().position(|link| link.kind == ReadWrite).unwrap_or(0);
    cycle[first..].iter().chain(&cycle[..first]).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycle(kinds: &[(Dependency, u32)]) -> Vec<Link> {
        let n = kinds.len() as u32;
        let link = |(i, (kind, key)): (usize, &(Dependency, u32))| Link {
            from: i as u32,
            to: (i as u32 + 1) % n,
            kind: *kind,
            key: *key,
        };
        kinds.iter().enumerate().map(link).collect()
    }

    #[test]
    fn cycles_have_the_names_of_the_literature() {
        type Case = (&'static [(Dependency, u32)], &'static str, Option<&'static str>);
        let cases: [Case; 12] = [
            (&[(WriteWrite, 1), (WriteWrite, 2)], "G0", Some("dirty write")),
            (&[(WriteWrite, 1), (Session, 0)], "G0-session", None),
            (&[(WriteRead, 1), (WriteRead, 2)], "G1c", Some("circular information flow")),
            (&[(WriteWrite, 1), (ReadWrite, 1)], "G-single", Some("lost update")),
            (&[(ReadWrite, 1), (WriteRead, 1)], "G-single", Some("non-repeatable read")),
            (&[(WriteRead, 2), (ReadWrite, 1)], "G-single", Some("fractured read")),
            (&[(ReadWrite, 1), (WriteRead, 2), (WriteRead, 3)], "G-single", Some("causality violation")),
            (&[(ReadWrite, 1), (WriteRead, 2), (WriteWrite, 3)], "G-single", Some("read skew")),
            (&[(ReadWrite, 1), (RealTime, 0)], "G-single-realtime", Some("stale read")),
            (&[(ReadWrite, 1), (ReadWrite, 2)], "G2-item", Some("write skew")),
            (
                &[(WriteRead, 1), (ReadWrite, 2), (WriteRead, 2), (ReadWrite, 1)],
                "G-nonadjacent",
                Some("long fork"),
            ),
            (&[(ReadWrite, 1), (ReadWrite, 2), (Session, 0)], "G2-item-session", None),
        ];
        for (kinds, adya, people) in cases {
            let cycle = cycle(kinds);
            assert_eq!((name(&cycle).as_str(), friendly(&cycle)), (adya, people), "{kinds:?}");
        }
    }
}
