//! A protocol that does a bit of everything, as its state and its input happen to say: sends, writes, answers, arms
//! and cancels timers, makes choices.
use serde::{Deserialize, Serialize};

use crate::sim::{self, Broken, Cx, Fingerprint, NodeId, OpId, Protocol, Span, Step, View, Whole};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Chaos {
    pub count: u32,
    pub mood: u8,
    open: Vec<OpId>,
}

impl Chaos {
    pub fn new(count: u32, mood: u8) -> Self {
        Self { count, mood, open: Vec::new() }
    }

    fn react(&mut self, cx: &mut Cx<'_, Self>, input: impl std::hash::Hash) {
        let mut bits = Fingerprint::of(&(self.mood, cx.id, &input, cx.disk().0, 3_u8));
        let mut draw = |n: u64| {
            bits = Fingerprint::of(&(bits, 5_u8));
            bits % n
        };
        for _ in 0..draw(5) {
            match draw(12) {
                0 | 1 => cx.send(NodeId(draw(u64::from(self.count) + 1) as u32), draw(3) as u8),
                2 => cx.send_at_once(NodeId(draw(u64::from(self.count)) as u32), draw(3) as u8),
                3 | 4 => cx.write(draw(5) as u8),
                5 | 6 => cx.arm(draw(4) as u8, Span { min: draw(6), max: draw(9) }),
                7 => cx.disarm(draw(4) as u8),
                8 => self.mood = (self.mood + cx.choose(3) as u8) % 4,
                9 => self.mood ^= u8::from(cx.chance(200_000)),
                10 if !self.open.is_empty() => {
                    let op = self.open.remove(0);
                    cx.reply(op, u8::from(cx.durable()));
                }
                _ => self.mood = draw(4) as u8,
            }
        }
    }
}

impl Protocol for Chaos {
    type Msg = u8;
    type Timer = u8;
    type Call = u8;
    type Reply = u8;
    type Disk = Whole<u8>;
    type Monitor = Watcher;

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        self.react(cx, 100_u8);
    }
    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: u8) {
        self.react(cx, (from, msg));
    }
    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, timer: u8) {
        self.react(cx, (7_u8, timer));
    }
    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, call: u8) {
        self.open.push(op);
        self.react(cx, (9_u8, call));
    }
}

/// Remembers a little of every step. Broken where a disk holds a 4 and another node is in mood 3.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Watcher {
    pub seen: u8,
    last: Vec<u32>,
}

impl sim::Monitor<Chaos> for Watcher {
    const INVARIANTS: &'static [&'static str] = &["Never", "NoFourInMoodThree"];

    fn check(&mut self, view: &View<'_, Chaos>, step: &Step<'_, Chaos>, report: &mut Vec<Broken>) {
        self.last.resize(view.len as usize, 0);
        let node = (view.get)(step.node).expect("the node of the step");
        let restarted = self.last[step.node.index()] != node.incarnation;
        self.last[step.node.index()] = node.incarnation;
        let mut writes = 0_u64;
        (step.writes)(&mut |write| writes = Fingerprint::of(&(writes, write)));
        let all = (self.seen, restarted, step.kind == sim::StepKind::Crash, writes, node.disk);
        self.seen = (Fingerprint::of(&all) % 5) as u8;
        let moody = view.nodes().any(|(id, it)| id != step.node && it.state.is_some_and(|it| it.mood == 3));
        if node.disk.0 == 4 && moody {
            report.push(Broken { invariant: "NoFourInMoodThree".into(), detail: "as it says".into() });
        }
    }
}
