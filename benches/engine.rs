//! The engine: two nodes bounce messages through the full network model, by themselves and among many.
//!
//! All worlds are of the union of all protocols, as Python's is.
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;

use distlab::protocols::{AnyMsg, AnyNode, echo};
use distlab::sim::{Config, Purpose, Rng, Span, Time, TraceLevel, World};
use divan::Bencher;
use divan::counter::ItemsCount;

const EVENTS: u64 = 200_000;

fn main() {
    divan::main();
}

/// Two nodes and as many messages between them, which never come to rest.
fn bouncing(messages: u32, trace: TraceLevel) -> World<AnyNode> {
    let mut world = World::new(Config { trace, ..Config::default() });
    let [a, b] = ["a", "b"].map(|name| world.spawn(name, AnyNode::Echo(echo::Node::default())).unwrap());
    for _ in 0..messages {
        world.inject(a, b, AnyMsg::Echo(echo::Msg::Ping(u32::MAX))).unwrap();
    }
    // Until all have been under way once: the first ones arrive together.
    world.run_until(2_000_000).unwrap();
    world
}

fn run(world: &mut World<AnyNode>) {
    let mut events = 0;
    world.run_some(Time::MAX, EVENTS, &mut events).unwrap();
    assert_eq!(events, EVENTS);
}

#[divan::bench(args = [1, 10, 1_000, 100_000])]
fn bounce(bencher: Bencher, messages: u32) {
    let mut world = bouncing(messages, TraceLevel::Off);
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| run(&mut world));
}

#[divan::bench(args = [1, 100_000])]
fn bounce_with_full_trace(bencher: Bencher, messages: u32) {
    let mut world = bouncing(messages, TraceLevel::Full);
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| run(&mut world));
}

/// What an event costs at least: a binary heap of (time, number, message), one out and one in.
#[divan::bench(args = [1, 10, 1_000, 100_000])]
fn bare_heap(bencher: Bencher, messages: u64) {
    let mut rng = Rng::stream(7, Purpose::Link, 0, 1);
    let mut latency = move || rng.within(Span { min: 500_000, max: 1_500_000 });
    let mut heap: BinaryHeap<_> =
        (0..messages).map(|number| Reverse((latency(), number, [number; 6]))).collect();
    let mut number = messages;
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        for _ in 0..EVENTS {
            let Reverse((at, _, message)) = heap.pop().unwrap();
            heap.push(Reverse((at + latency(), number, black_box(message))));
            number += 1;
        }
    });
}
