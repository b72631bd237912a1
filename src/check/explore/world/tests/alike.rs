//! Symmetry against orbits that are counted by brute force, and against a closed form.
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::pings::Pinger;
use super::*;
use crate::check::explore::{Options, Outcome, explore};
use crate::sim::{Cx, Span, Storage};

/// Says hello to all others, and remembers on disk who did. Votes once for the first that it hears.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Greeter {
    all: BTreeSet<NodeId>,
    heard: BTreeSet<NodeId>,
    first: Option<NodeId>,
    open: Vec<OpId>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Met(BTreeSet<NodeId>);

impl Storage for Met {
    type Write = Met;
    fn apply(&mut self, write: Met) -> Met {
        std::mem::replace(self, write)
    }
}

impl Protocol for Greeter {
    type Msg = NodeId;
    type Timer = NodeId;
    type Call = NodeId;
    type Reply = Option<NodeId>;
    type Disk = Met;
    type Monitor = ();

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        self.heard = cx.disk().0.clone();
        let me = cx.id;
        for to in self.all.iter().filter(|it| **it != me) {
            cx.send(*to, me);
        }
        // Its own goes off before those of the others, which go off in any order.
        let span = |it: NodeId| if it == me { Span::exactly(1) } else { Span { min: 2, max: 3 } };
        self.all.iter().for_each(|it| cx.arm(*it, span(*it)));
    }
    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, _: NodeId) {
        self.heard.insert(from);
        self.first.get_or_insert(from);
        cx.write(Met(self.heard.clone()));
        self.open.drain(..).for_each(|op| cx.reply(op, Some(from)));
    }
    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, other: NodeId) {
        match self.heard.contains(&other) {
            true => cx.reply(op, Some(other)),
            false => self.open.push(op),
        }
    }
}

fn greeters(count: u32, config: Config) -> World<Greeter> {
    let mut world = World::new(config);
    let all: BTreeSet<NodeId> = (0..count).map(NodeId).collect();
    for node in 0..count {
        world.spawn(&format!("n{node}"), Greeter { all: all.clone(), ..Greeter::default() }).unwrap();
    }
    world
}

/// Everything there is to a state where node `i` is called `names[i]`, and operation `i` is called `ops[i]`.
fn shown(worlds: &Worlds<Greeter, ()>, state: &State, names: &[u32], ops: &[u64]) -> String {
    let view = worlds.view(state);
    let name = |id: &NodeId| NodeId(names[id.index()]);
    let set = |it: &BTreeSet<NodeId>| it.iter().map(name).collect::<BTreeSet<_>>();
    let node = |id: NodeId| {
        let local = &worlds.tables.node(worlds.layout.local(&state.0, id)).local;
        let up = local.state.as_ref().map(|it| {
            let open: Vec<u64> = it.open.iter().map(|op| ops[op.0 as usize]).collect();
            (set(&it.all), set(&it.heard), it.first.as_ref().map(name), open)
        });
        let unsynced: Vec<_> = local.unsynced.iter().map(|it| set(&it.0)).collect();
        let held = local.held.iter().map(|(waits, held)| match held {
            crate::sim::Held::Send(to, msg) => (*waits, name(to).0, name(msg).0),
            crate::sim::Held::Reply(op, reply) => {
                (*waits, ops[op.0 as usize] as u32, reply.map_or(99, |it| name(&it).0))
            }
        });
        let held: Vec<_> = held.collect();
        let before = |after: u64| {
            let first = local.timers.iter().enumerate().filter(|(at, _)| after >> at & 1 != 0);
            first.map(|(_, it)| name(&it.name)).collect::<BTreeSet<_>>()
        };
        let timers: BTreeMap<NodeId, _> =
            local.timers.iter().map(|it| (name(&it.name), (it.latest, before(it.after)))).collect();
        let disk = (set(&local.disk.0), unsynced, local.syncing, held);
        (name(&id), format!("{up:?} {disk:?} {timers:?} {:?} {}", local.phase, local.turn))
    };
    let nodes: BTreeMap<NodeId, String> = view.nodes().map(node).collect();
    let mut messages: Vec<_> = view.messages().map(|(a, b, msg)| (name(&a), name(&b), name(msg))).collect();
    messages.sort_unstable();
    let op = |(at, it): (usize, Asked<'_, Greeter>)| {
        let before = worlds.layout.answered_before(&state.0, at);
        let before: BTreeSet<u64> =
            (0..ops.len()).filter(|it| before >> it & 1 != 0).map(|it| ops[it]).collect();
        (ops[at], format!("{} {:?} {before:?}", it.asked, it.reply.map(|it| it.as_ref().map(name))))
    };
    let asked: BTreeMap<u64, String> = view.operations().enumerate().map(op).collect();
    let groups = view.partition().map(|groups| groups.iter().map(set_of(names)).collect::<BTreeSet<_>>());
    format!("{nodes:?} {messages:?} {asked:?} {groups:?} {:?}", view.budget())
}

fn set_of(names: &[u32]) -> impl Fn(&Vec<NodeId>) -> BTreeSet<u32> {
    let names = names.to_vec();
    move |group| group.iter().map(|id| names[id.index()]).collect()
}

#[test]
fn clients_that_ping_are_alike() {
    for (clients, each) in [(2, 1), (2, 3), (3, 2), (4, 1)] {
        let mut world = World::new(config());
        let server = world.spawn("server", Pinger::Server).unwrap();
        for client in 0..clients {
            world.spawn(&format!("c{client}"), Pinger::Client { server, left: each }).unwrap();
        }
        let setup = Setup { symmetry: vec![(1..=clients).map(NodeId).collect()], ..Setup::default() };
        let worlds = Worlds::new(&world, setup, ()).unwrap();
        let options = Options { symmetry: true, ..Options::default() };
        let report = explore(&worlds, &options, &mut |_| true).ok().unwrap();
        // Multisets of k of 2m + 1.
        let (k, n) = (u64::from(clients), 2 * u64::from(each) + 1);
        let orbits = (0..k).fold(1, |product, i| product * (n + i) / (i + 1));
        assert_eq!(report.distinct, orbits, "k={clients} m={each}");
    }
}

#[test]
fn states_that_differ_in_names_have_one_canonical_fingerprint_and_no_others_do() {
    let budget = |crashes, partitions| Budget {
        crashes: Some(crashes),
        partitions: Some(partitions),
        recoveries: Some(1),
        timeouts: Some(1),
        ..Budget::default()
    };
    let asks: Vec<(NodeId, Vec<NodeId>)> = (0..2).map(|it| (NodeId(it), vec![NodeId(1 - it)])).collect();
    let cases = [
        (2, config(), budget(1, 1), asks),
        (2, Config { disk: slow_disk(), ..config() }, budget(1, 0), vec![]),
        (3, config(), Budget { timeouts: Some(0), ..budget(0, 0) }, vec![]),
    ];
    for (count, config, budget, calls) in cases {
        let world = greeters(count, config);
        let group: Vec<NodeId> = (0..count).map(NodeId).collect();
        let setup = Setup { budget, calls, symmetry: vec![group], history: true, ..Setup::default() };
        let worlds = Worlds::new(&world, setup, ()).unwrap();
        let states = visit(&worlds, 60_000);
        let names: Vec<Vec<u32>> = match count {
            2 => vec![vec![0, 1], vec![1, 0]],
            _ => [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].map(Vec::from).into(),
        };
        let mut orbits: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        let mut canonical = BTreeSet::new();
        for (state, _) in &states {
            // Node i asks operation i.
            let ops =
                |names: &[u32]| names[..worlds.ops.len()].iter().map(|it| u64::from(*it)).collect::<Vec<_>>();
            let orbit = names.iter().map(|it| shown(&worlds, state, it, &ops(it))).min().unwrap();
            let hash = worlds.canonical(state, 0).unwrap();
            orbits.entry(orbit).or_default().insert(hash);
            canonical.insert(hash);
        }
        assert!(orbits.values().all(|hashes| hashes.len() == 1), "a state and itself renamed look different");
        assert_eq!(canonical.len(), orbits.len());
        assert!(orbits.len() < states.len() / names.len() * 4 / 3, "{} of {}", orbits.len(), states.len());
        let options = Options { symmetry: true, ..Options::default() };
        let report = explore(&worlds, &options, &mut |_| true).ok().unwrap();
        assert_eq!(report.distinct as usize, canonical.len());
    }
}

/// Nobody hears the others first: false as soon as somebody hears.
struct Deaf(Vec<Property>);

impl Judge<Greeter> for Deaf {
    type Error = std::convert::Infallible;
    fn properties(&self) -> &[Property] {
        &self.0
    }
    fn holds(&self, property: usize, view: &View<'_, Greeter>) -> Result<bool, Self::Error> {
        let full = |id| view.state(id).is_some_and(|it| it.heard.len() + 1 == it.all.len());
        Ok(match property {
            0 => !view.nodes().all(full),
            _ => view.nodes().any(full),
        })
    }
}

#[test]
fn verdicts_are_those_without_symmetry() {
    let world = greeters(3, config());
    let group: Vec<NodeId> = (0..3).map(NodeId).collect();
    let claims = || Deaf(vec![Property::always("not all"), Property::sometimes("one")]);
    let setup = Setup {
        symmetry: vec![group],
        budget: Budget { timeouts: Some(0), ..Budget::default() },
        ..Setup::default()
    };
    let verdicts = [false, true].map(|symmetry| {
        let worlds = Worlds::new(&world, setup.clone(), claims()).unwrap();
        let options = Options { symmetry, ..Options::default() };
        let report = explore(&worlds, &options, &mut |_| true).ok().unwrap();
        let way = &report.counterexamples[0];
        let steps = worlds.steps(&way.states, &way.actions).unwrap();
        let world = worlds.replay(&world, &steps).unwrap();
        assert!(world.nodes().iter().all(|it| it.state().unwrap().heard.len() == 2));
        assert!(report.properties.iter().any(|(_, outcome)| matches!(outcome, Outcome::Fails(_))));
        (report.depth, way.actions.len())
    });
    assert_eq!(verdicts[0], verdicts[1]);
}

#[test]
fn nodes_that_are_not_alike_are_refused() {
    let refused = |world: &World<Pinger>, setup: Setup<Pinger>| {
        Worlds::new(world, setup, ()).map(drop).unwrap_err().to_string()
    };
    let mut world = World::new(config());
    let server = world.spawn("server", Pinger::Server).unwrap();
    for (name, left) in [("a", 1), ("b", 2), ("c", 2)] {
        world.spawn(name, Pinger::Client { server, left }).unwrap();
    }
    let symmetry = |nodes: &[u32]| vec![nodes.iter().map(|it| NodeId(*it)).collect::<Vec<_>>()];
    let said = refused(&world, Setup { symmetry: symmetry(&[1, 2]), ..Setup::default() });
    let expected =
        "symmetry is a group with a and b; allowed: groups of nodes that differ in nothing but their names";
    assert_eq!(said, expected);
    let alike = Setup { symmetry: symmetry(&[2, 3]), ..Setup::default() };
    assert!(Worlds::new(&world, alike.clone(), ()).is_ok());
    let budget = Budget { crashes: Some(1), ..Budget::default() };
    let one = Setup { crashable: Some(vec![NodeId(2)]), budget, ..alike.clone() };
    assert!(refused(&world, one).starts_with("symmetry is a group with b and c"));
    let asked = Setup { calls: vec![(NodeId(3), vec![()])], ..alike.clone() };
    assert!(refused(&world, asked).starts_with("symmetry is a group with"));
    let budget = Budget { partitions: Some(1), ..Budget::default() };
    let cuts = vec![[vec![NodeId(0)], vec![NodeId(2)]]];
    assert!(
        refused(&world, Setup { budget, cuts, ..alike }).contains("a way to cut the network tells apart")
    );
    let many = World::new(config());
    let mut many = many;
    for it in 0..8 {
        many.spawn(&format!("n{it}"), Pinger::Server).unwrap();
    }
    let all = Setup { symmetry: symmetry(&[0, 1, 2, 3, 4, 5, 6, 7]), ..Setup::default() };
    assert!(refused(&many, all).contains("40320 ways"));
}

#[test]
fn invariants_that_remember_are_refused_once_they_do() {
    let mut world: World<super::chaos::Chaos> = World::new(config());
    for it in 0..2 {
        world.spawn(&format!("n{it}"), super::chaos::Chaos::new(2, 0)).unwrap();
    }
    let setup = Setup { symmetry: vec![vec![NodeId(0), NodeId(1)]], ..Setup::default() };
    let worlds = Worlds::new(&world, setup, ()).unwrap();
    let state = worlds.initial().unwrap().swap_remove(0);
    assert_eq!(worlds.canonical(&state, 0).unwrap_err(), Failure::Remembers);
}
