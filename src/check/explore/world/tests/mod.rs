//! The explorer of worlds against the simulator, against known numbers, and against bad input.
mod alike;
mod chaos;
mod counts;
mod equivalence;
mod pings;
mod reduction;
mod refusals;
mod ways;

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::sim::{Config, DiskModel, Distribution, Fingerprint, Network, Time, World};

const MS: Time = 1_000_000;

/// All states in the order of a breadth-first search, and the depth of each; at most `most`.
fn visit<P: Protocol, J: Judge<P>>(worlds: &Worlds<P, J>, most: usize) -> Vec<(State, u32)>
where
    J::Error: std::fmt::Debug,
{
    let (mut seen, mut found, mut queue) = (BTreeMap::new(), Vec::new(), VecDeque::new());
    let mut reach = |state: State, depth: u32, queue: &mut VecDeque<(State, u32)>| {
        let key = (worlds.fingerprint(&state, 0), worlds.fingerprint(&state, 1));
        if seen.insert(key, ()).is_none() {
            queue.push_back((state, depth));
        }
    };
    worlds.initial().unwrap().into_iter().for_each(|it| reach(it, 1, &mut queue));
    let mut actions = Vec::new();
    while let Some((state, depth)) = queue.pop_front() {
        actions.clear();
        worlds.actions(&state, &mut actions).unwrap();
        for action in &actions {
            reach(worlds.next(&state, action).unwrap().unwrap(), depth + 1, &mut queue);
        }
        found.push((state, depth));
        assert!(found.len() <= most, "more than {most} states");
    }
    found
}

/// How many states can be reached.
fn count<P: Protocol>(world: &World<P>, setup: Setup<P>) -> usize {
    visit(&Worlds::new(world, setup, ()).unwrap(), 1_000_000).len()
}

/// A small source of numbers, so that a failing walk can be named by one.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = Fingerprint::of(&(self.0, 1_u8));
        ((u128::from(self.0) * n as u128) >> 64) as usize
    }
    fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

fn config() -> Config {
    Config {
        network: Network { latency: Distribution::Constant(MS), ..Network::default() },
        ..Config::default()
    }
}

fn slow_disk() -> DiskModel {
    DiskModel { sync: Distribution::Constant(5 * MS), fsync: true }
}
