//! A nemesis: random faults, planned before the run, as data.
//!
//! A plan hangs on the nemesis, the seed and the nodes, and on nothing that happens in the run: so it can be
//! saved, looked at, shortened and played again. Every fault is repaired before the end, so that one can see
//! afterwards whether the system heals.
use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::fault::{Fault, Weather};
use super::invalid::Invalid;
use super::protocol::{NodeId, Span, Time};
use super::rng::{Probability, Purpose, Rng};

/// What may go wrong, how often, and for how long.
///
/// ```
/// use distlab::sim::{Distribution, Hazard, Nemesis, NodeId, Scope, Strike};
/// let second = 1_000_000_000;
/// let crashes = Hazard {
///     strike: Strike::Crash { torn: 0.5.try_into().unwrap() },
///     scope: Scope::Each,
///     every: Distribution::Exponential { mean: 20 * second }, // mean time between failures
///     lasts: Distribution::Exponential { mean: second },      // mean time to repair
/// };
/// let nemesis = Nemesis { hazards: vec![crashes], until: 60 * second, ..Nemesis::default() };
/// let nodes: Vec<NodeId> = (0..5).map(NodeId).collect();
/// let plan = nemesis.plan(7, &nodes).unwrap();
/// assert!(plan.iter().all(|(at, _)| *at <= 60 * second));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nemesis {
    /// The dangers, independent of each other.
    pub hazards: Vec<Hazard>,
    /// How many nodes may be crashed, wiped or paused at a time; none: a minority of those given.
    pub most_down: Option<u32>,
    /// Nodes with a common fate: racks, rooms, regions.
    pub zones: Vec<Vec<NodeId>>,
    /// When it begins.
    pub from: Time,
    /// When everything is repaired.
    pub until: Time,
}

/// One danger: a process of failures and repairs.
///
/// A strike that would be one too many passes: no node is hit twice in the same way at a time, never more
/// nodes are down than allowed, and what cuts several links does not overlap with other cuts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hazard {
    /// What it does.
    pub strike: Strike,
    /// Whom it hits.
    #[serde(default)]
    pub scope: Scope,
    /// The time from one strike to the next; where each is hit for itself, from its repair on.
    pub every: Distribution,
    /// The time from a strike to its repair.
    pub lasts: Distribution,
}

/// Whom a hazard hits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// A random one at a time.
    #[default]
    Any,
    /// Each for itself, independent of the others.
    Each,
    /// All nodes of a random zone together.
    Zone,
}

/// What a hazard does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Strike {
    /// A node crashes, and recovers.
    Crash {
        /// How often the first lost write remains in part.
        #[serde(default)]
        torn: Probability,
    },
    /// A node crashes and comes up with a blank disk.
    Wipe,
    /// A node stops to react for a while.
    Pause,
    /// A node is slow.
    Slow {
        /// How many times its service time.
        factor: f64,
        /// A time added to each input's service, in nanoseconds.
        #[serde(default)]
        extra: Time,
    },
    /// A node fails by omission.
    Omit {
        /// How often what it sends is lost.
        #[serde(default)]
        send: Probability,
        /// How often what it should receive is lost.
        #[serde(default)]
        receive: Probability,
    },
    /// A node reaches nobody.
    Isolate,
    /// A clock jumps, and later jumps back.
    ClockJump {
        /// By how many nanoseconds at most, forward or back.
        most: u32,
    },
    /// A clock runs fast or slow.
    ClockDrift {
        /// By how many parts per billion at most.
        most_ppb: u32,
    },
    /// A clock stands still.
    ClockFreeze,
    /// A disk says that writes are durable when they are not.
    DiskLie {
        /// How often a sync is a lie.
        probability: Probability,
    },
    /// A disk is slow.
    DiskSlow {
        /// How many times its latency.
        factor: f64,
        /// A time added to each sync, in nanoseconds.
        #[serde(default)]
        extra: Time,
    },
    /// A disk is full.
    DiskFull,
    /// A link flaps.
    Cut {
        /// Whether only one direction does.
        #[serde(default)]
        oneway: bool,
    },
    /// Bad weather on a link, one way.
    Weather(Weather),
    /// Bad weather everywhere.
    Storm(Weather),
    /// The nodes fall apart into two groups; by zone: a zone and the others.
    Partition,
    /// The process of a node dies; what it wrote is not lost.
    ProcessCrash,
}

/// What kind of thing a strike hits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Node,
    Link,
    Everything,
}

/// What a strike takes hold of. Strikes whose holds clash do not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// One aspect of a node, by the name of the fault (crash, wipe and pause being one).
    Node(NodeId, &'static str),
    /// Whether messages pass from one node to another, or between them.
    Link(NodeId, NodeId),
    /// Whether messages pass, on many links.
    Links,
    /// The weather on a link, or everywhere.
    Weather(Option<(NodeId, NodeId)>),
}

impl Hold {
    fn clashes(self, other: Self) -> bool {
        match (self, other) {
            (Self::Links, Self::Link(..) | Self::Links) | (Self::Link(..), Self::Links) => true,
            (Self::Link(a, b), Self::Link(c, d)) => (a, b) == (c, d) || (a, b) == (d, c),
            _ => self == other,
        }
    }
}

/// A strike that may be planned: what it does and how it is repaired, piece by piece.
struct Candidate {
    at: Time,
    repaired_at: Time,
    pieces: Vec<Piece>,
}

struct Piece {
    hold: Hold,
    fault: Fault,
    repair: Fault,
}

/// The aspect of a node that crashes, wipes and pauses take hold of.
const UP: &str = "up";

impl Nemesis {
    /// How many strikes of a hazard are expected at most.
    const MOST_STRIKES: Time = 100_000;

    /// What will happen to `nodes`, and when, in the run of `seed`: faults and their repairs, in order.
    ///
    /// # Errors
    /// With the first parameter that makes no sense, by name.
    pub fn plan(&self, seed: u64, nodes: &[NodeId]) -> Result<Vec<(Time, Fault)>, Invalid> {
        self.check(nodes)?;
        let mut candidates = Vec::new();
        for (index, hazard) in self.hazards.iter().enumerate() {
            self.candidates(
                hazard,
                nodes,
                |target| Rng::stream(seed, Purpose::Nemesis, index as u32, target),
                &mut candidates,
            );
        }
        candidates.sort_by_key(|it| it.at); // stable: at one instant, in the order of hazards
        Ok(self.admitted(candidates, nodes.len()))
    }

    /// Every strike of a hazard, whether or not there is room for it. Whoever is hit for itself has a random
    /// stream of its own.
    fn candidates(
        &self,
        hazard: &Hazard,
        nodes: &[NodeId],
        stream: impl Fn(u32) -> Rng,
        candidates: &mut Vec<Candidate>,
    ) {
        for (index, targets) in self.processes(hazard, nodes).into_iter().enumerate() {
            let mut rng = stream(index as u32);
            let mut at = self.from;
            loop {
                at = at.saturating_add(hazard.every.sample(&mut rng));
                if at >= self.until {
                    break;
                }
                let repaired_at = at.saturating_add(hazard.lasts.sample(&mut rng)).min(self.until);
                let target = &targets[rng.below(targets.len() as u64) as usize];
                candidates.push(Candidate {
                    at,
                    repaired_at,
                    pieces: hazard.pieces(target, nodes, &mut rng),
                });
                if hazard.scope == Scope::Each {
                    at = repaired_at;
                }
            }
        }
    }

    /// What a hazard can hit, as lists of nodes: grouped by whatever has strikes of its own.
    fn processes(&self, hazard: &Hazard, nodes: &[NodeId]) -> Vec<Vec<Vec<NodeId>>> {
        match hazard.scope {
            Scope::Any => vec![hazard.strike.targets(nodes)],
            Scope::Each => hazard.strike.targets(nodes).into_iter().map(|target| vec![target]).collect(),
            Scope::Zone => vec![self.zones.clone()],
        }
    }

    /// Takes the candidates for which there is room, and puts faults and repairs in order.
    fn admitted(&self, candidates: Vec<Candidate>, nodes: usize) -> Vec<(Time, Fault)> {
        let most_down = self.most_down.map_or(nodes.saturating_sub(1) / 2, |it| it as usize);
        let mut held: Vec<(Time, Hold)> = Vec::new();
        let mut plan = Vec::new();
        for Candidate { at, repaired_at, pieces } in candidates {
            held.retain(|(until, _)| *until > at);
            let is_up = |hold: &Hold| matches!(hold, Hold::Node(_, UP));
            let down = held.iter().map(|(_, hold)| hold).chain(pieces.iter().map(|it| &it.hold));
            // Pieces that are alike (a zone that is isolated) share a hold and do not clash.
            let clash = held.iter().any(|(_, hold)| pieces.iter().any(|it| it.hold.clashes(*hold)));
            if clash
                || (pieces.iter().any(|it| is_up(&it.hold))
                    && down.filter(|it| is_up(it)).count() > most_down)
            {
                continue;
            }
            for Piece { hold, fault, repair } in pieces {
                held.push((repaired_at, hold));
                plan.push((at, fault));
                plan.push((repaired_at, repair));
            }
        }
        plan.sort_by_key(|(at, _)| *at); // stable: a repair comes before whatever was planned after it
        plan
    }

    fn check(&self, nodes: &[NodeId]) -> Result<(), Invalid> {
        if self.until <= self.from {
            let seen = format!("{} ns, with from {} ns", self.until, self.from);
            return Err(Invalid::new("until", seen, "a time after from"));
        }
        let mut zoned = self.zones.concat();
        zoned.sort_unstable();
        let twice = zoned.windows(2).any(|pair| pair[0] == pair[1]);
        if twice || self.zones.iter().any(Vec::is_empty) || zoned.iter().any(|it| !nodes.contains(it)) {
            let ids =
                self.zones.iter().map(|zone| zone.iter().map(|it| it.0).collect()).collect::<Vec<Vec<u32>>>();
            return Err(Invalid::new(
                "zones",
                format_args!("{ids:?}"),
                "zones of the given nodes, none empty, no node twice",
            ));
        }
        for (index, hazard) in self.hazards.iter().enumerate() {
            self.check_hazard(hazard, nodes).map_err(|error| error.within(&format!("hazards[{index}]")))?;
        }
        Ok(())
    }

    fn check_hazard(&self, hazard: &Hazard, nodes: &[NodeId]) -> Result<(), Invalid> {
        hazard.every.check().map_err(|error| error.within("every"))?;
        hazard.lasts.check().map_err(|error| error.within("lasts"))?;
        let shortest = (self.until - self.from).div_ceil(Self::MOST_STRIKES);
        if let Some(mean) = hazard.every.mean_ns().filter(|mean| *mean < shortest as f64) {
            let allowed = "on average a 100,000th of the time from `from` to `until`, or longer";
            return Err(Invalid::new("every", format_args!("{mean} ns on average"), allowed));
        }
        let strike = &hazard.strike;
        let fewest = if matches!(strike.target(), Target::Node) { 1 } else { 2 };
        if nodes.len() < fewest {
            return Err(Invalid::new("nodes", nodes.len(), "one or more; two or more where links are hit"));
        }
        let by_zone = strike.target() == Target::Node || *strike == Strike::Partition;
        if hazard.scope == Scope::Zone && (!by_zone || self.zones.is_empty()) {
            return Err(Invalid::new(
                "scope",
                "zone",
                "zone only with zones, and only for nodes and partitions",
            ));
        }
        if *strike == Strike::Partition
            && hazard.scope == Scope::Zone
            && self.zones.iter().any(|it| it.len() == nodes.len())
        {
            return Err(Invalid::new(
                "zones",
                "one with all nodes",
                "zones with nodes outside, for partitions",
            ));
        }
        match strike {
            Strike::Slow { factor, .. } | Strike::DiskSlow { factor, .. }
                if !(*factor > 0.0 && *factor < f64::INFINITY) =>
            {
                Err(Invalid::new("factor", factor, "a finite number above 0"))
            }
            &Strike::ClockDrift { most_ppb: most @ 1_000_000_000.. } => {
                Err(Invalid::new("most_ppb", most, "below 1,000,000,000: a clock does not run backwards"))
            }
            Strike::Weather(Weather { delay: Some(delay), .. })
            | Strike::Storm(Weather { delay: Some(delay), .. }) => {
                delay.check().map_err(|error| error.within("delay"))
            }
            _ => Ok(()),
        }
    }
}

impl Hazard {
    /// What one strike at some nodes does.
    fn pieces(&self, target: &[NodeId], nodes: &[NodeId], rng: &mut Rng) -> Vec<Piece> {
        match (&self.strike, target) {
            (Strike::Partition, zone) if self.scope == Scope::Zone => {
                let others = nodes.iter().filter(|it| !zone.contains(it)).copied().collect();
                vec![partition(vec![zone.to_vec(), others])]
            }
            (Strike::Partition, all) => vec![partition(random_halves(all, rng))],
            (Strike::Storm(weather), _) => vec![windy(None, weather)],
            (Strike::Weather(weather), &[from, to]) => vec![windy(Some((from, to)), weather)],
            (&Strike::Cut { oneway }, &[from, to]) => vec![Piece {
                hold: Hold::Link(from, to),
                fault: Fault::Cut { from, to, oneway },
                repair: Fault::Mend { from, to, oneway },
            }],
            (strike, hit) => hit.iter().map(|&node| strike.at_node(node, rng)).collect(),
        }
    }
}

impl Strike {
    fn target(&self) -> Target {
        match self {
            Self::Cut { .. } | Self::Weather(_) => Target::Link,
            Self::Storm(_) | Self::Partition => Target::Everything,
            _ => Target::Node,
        }
    }

    /// Everything that can be hit, as the nodes that are concerned.
    fn targets(&self, nodes: &[NodeId]) -> Vec<Vec<NodeId>> {
        match self.target() {
            Target::Node => nodes.iter().map(|&node| vec![node]).collect(),
            Target::Everything => vec![nodes.to_vec()],
            Target::Link => {
                let both_ways = *self == Self::Cut { oneway: false };
                let pairs = nodes.iter().flat_map(|&a| nodes.iter().map(move |&b| (a, b)));
                pairs.filter(|(a, b)| a != b && (!both_ways || a < b)).map(|(a, b)| vec![a, b]).collect()
            }
        }
    }

    fn at_node(&self, node: NodeId, rng: &mut Rng) -> Piece {
        let (aspect, fault, repair) = match *self {
            Self::Crash { torn } => {
                let torn = rng.happens(torn);
                let fault = Fault::Crash { node, lose_unsynced: true, torn, corrupt: false };
                (UP, fault, Fault::Recover { node })
            }
            Self::ProcessCrash => {
                let fault = Fault::Crash { node, lose_unsynced: false, torn: false, corrupt: false };
                (UP, fault, Fault::Recover { node })
            }
            Self::Wipe => (UP, Fault::Wipe { node }, Fault::Recover { node }),
            Self::Pause => (UP, Fault::Pause { node }, Fault::Resume { node }),
            Self::Slow { factor, extra } => {
                ("slow", Fault::Slow { node, factor, extra }, Fault::Slow { node, factor: 1.0, extra: 0 })
            }
            Self::Omit { send, receive } => {
                let omit = |send, receive| Fault::Omit { node, send, receive, peer: None, kind: None };
                ("omit", omit(send, receive), omit(Probability::NEVER, Probability::NEVER))
            }
            Self::ClockJump { most } => {
                let by = up_to(most, rng);
                ("jump", Fault::ClockJump { node, by }, Fault::ClockJump { node, by: -by })
            }
            Self::ClockDrift { most_ppb } => {
                let drift = |ppb| Fault::ClockDrift { node, ppb };
                ("drift", drift(up_to(most_ppb, rng)), drift(0))
            }
            Self::ClockFreeze => ("freeze", Fault::ClockFreeze { node }, Fault::ClockThaw { node }),
            Self::DiskLie { probability } => {
                let lie = |probability| Fault::DiskLie { node, probability };
                ("lie", lie(probability), lie(Probability::NEVER))
            }
            Self::DiskSlow { factor, extra } => {
                let slow = |factor, extra| Fault::DiskSlow { node, factor, extra };
                ("disk", slow(factor, extra), slow(1.0, 0))
            }
            Self::DiskFull => {
                ("full", Fault::DiskFull { node, full: true }, Fault::DiskFull { node, full: false })
            }
            Self::Isolate => {
                return Piece { hold: Hold::Links, fault: Fault::Isolate { node }, repair: Fault::Heal };
            }
            Self::Cut { .. } | Self::Weather(_) | Self::Storm(_) | Self::Partition => {
                unreachable!("{self:?} hits no single node")
            }
        };
        Piece { hold: Hold::Node(node, aspect), fault, repair }
    }
}

fn windy(link: Option<(NodeId, NodeId)>, weather: &Weather) -> Piece {
    let (from, to) = (link.map(|it| it.0), link.map(|it| it.1));
    let fault = |weather| Fault::Weather { from, to, weather };
    Piece { hold: Hold::Weather(link), fault: fault(weather.clone()), repair: fault(Weather::default()) }
}

fn partition(groups: Vec<Vec<NodeId>>) -> Piece {
    Piece { hold: Hold::Links, fault: Fault::Partition { groups }, repair: Fault::Heal }
}

/// Two groups of random members, none empty; all sizes alike.
fn random_halves(nodes: &[NodeId], rng: &mut Rng) -> Vec<Vec<NodeId>> {
    let mut nodes = nodes.to_vec();
    for i in (1..nodes.len()).rev() {
        nodes.swap(i, rng.below(i as u64 + 1) as usize);
    }
    let mut halves = [nodes.split_off(1 + rng.below(nodes.len() as u64 - 1) as usize), nodes];
    halves.iter_mut().for_each(|half| half.sort_unstable());
    halves.into()
}

/// From `-most` to `most`.
fn up_to(most: u32, rng: &mut Rng) -> i64 {
    rng.within(Span { min: 0, max: 2 * u64::from(most) }) as i64 - i64::from(most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    const SECOND: Time = 1_000_000_000;

    fn nodes(n: u32) -> Vec<NodeId> {
        (0..n).map(NodeId).collect()
    }

    fn hazard(strike: Strike, scope: Scope) -> Hazard {
        let [every, lasts] = [2 * SECOND, SECOND].map(|mean| Distribution::Exponential { mean });
        Hazard { strike, scope, every, lasts }
    }

    fn nemesis(hazards: Vec<Hazard>) -> Nemesis {
        let zones = vec![vec![NodeId(0), NodeId(1)], vec![NodeId(2), NodeId(3)]];
        Nemesis { hazards, zones, from: 5 * SECOND, until: 60 * SECOND, ..Nemesis::default() }
    }

    /// What must follow a fault.
    fn repair_of(fault: &Fault) -> Fault {
        let never = Probability::NEVER;
        match *fault {
            Fault::Crash { node, .. } | Fault::Wipe { node } => Fault::Recover { node },
            Fault::Pause { node } => Fault::Resume { node },
            Fault::Slow { node, .. } => Fault::Slow { node, factor: 1.0, extra: 0 },
            Fault::Cut { from, to, oneway } => Fault::Mend { from, to, oneway },
            Fault::Partition { .. } | Fault::Isolate { .. } => Fault::Heal,
            Fault::Weather { from, to, .. } => Fault::Weather { from, to, weather: Weather::default() },
            Fault::Omit { node, .. } => {
                Fault::Omit { node, send: never, receive: never, peer: None, kind: None }
            }
            Fault::ClockJump { node, by } => Fault::ClockJump { node, by: -by },
            Fault::ClockDrift { node, .. } => Fault::ClockDrift { node, ppb: 0 },
            Fault::ClockFreeze { node } => Fault::ClockThaw { node },
            Fault::DiskLie { node, .. } => Fault::DiskLie { node, probability: never },
            Fault::DiskSlow { node, .. } => Fault::DiskSlow { node, factor: 1.0, extra: 0 },
            Fault::DiskFull { node, .. } => Fault::DiskFull { node, full: false },
            Fault::Recover { .. }
            | Fault::Resume { .. }
            | Fault::Mend { .. }
            | Fault::Heal
            | Fault::ClockWander { .. }
            | Fault::ClockThaw { .. } => panic!("{fault:?} repairs nothing"),
        }
    }

    /// Follows a plan: everything in order and in time, everything repaired, nothing broken twice at a time,
    /// no cut at the mercy of another one's healing. Returns how many nodes were down at most.
    fn follow(plan: &[(Time, Fault)], nemesis: &Nemesis) -> usize {
        let (mut due, mut most_down): (Vec<(Time, Fault)>, _) = (Vec::new(), 0);
        let mut last = nemesis.from;
        for (at, fault) in plan {
            assert!((last..=nemesis.until).contains(at), "{fault:?} at {at}, after {last}");
            last = *at;
            if let Some(index) = due.iter().position(|(_, it)| it == fault) {
                due.remove(index);
                continue;
            }
            let repair = repair_of(fault);
            let links = |it: &Fault| matches!(it, Fault::Heal | Fault::Mend { .. });
            for (since, other) in &due {
                let together = *since == *at && repair == Fault::Heal; // a zone of which all are isolated
                assert!(*other != repair || together, "{fault:?} twice at {at}");
                let heals = repair == Fault::Heal || *other == Fault::Heal;
                assert!(!(heals && links(other) && links(&repair)) || together, "{fault:?} overlaps at {at}");
            }
            due.push((*at, repair));
            let down = |(_, it): &&(Time, Fault)| matches!(it, Fault::Recover { .. } | Fault::Resume { .. });
            most_down = most_down.max(due.iter().filter(down).count());
        }
        assert!(due.is_empty(), "never repaired: {due:?}");
        most_down
    }

    fn p(p: f64) -> Probability {
        p.try_into().unwrap()
    }

    fn strikes() -> Vec<Strike> {
        let weather = Weather { loss: p(0.3), ..Weather::default() };
        vec![
            Strike::Crash { torn: p(0.5) },
            Strike::Wipe,
            Strike::ProcessCrash,
            Strike::Pause,
            Strike::Slow { factor: 10.0, extra: 5 },
            Strike::Omit { send: p(0.5), receive: p(0.1) },
            Strike::Isolate,
            Strike::ClockJump { most: 1_000_000_000 },
            Strike::ClockDrift { most_ppb: 1_000_000 },
            Strike::ClockFreeze,
            Strike::DiskLie { probability: p(0.5) },
            Strike::DiskSlow { factor: 100.0, extra: 0 },
            Strike::DiskFull,
            Strike::Cut { oneway: false },
            Strike::Cut { oneway: true },
            Strike::Weather(weather.clone()),
            Strike::Storm(weather),
            Strike::Partition,
        ]
    }

    #[test]
    fn the_same_seed_gives_the_same_plan() {
        let nemesis = nemesis(strikes().into_iter().map(|it| hazard(it, Scope::Any)).collect());
        let plan = |seed| nemesis.plan(seed, &nodes(5)).unwrap();
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn every_strike_strikes_and_is_repaired_whatever_the_scope() {
        for strike in strikes() {
            for scope in [Scope::Any, Scope::Each, Scope::Zone] {
                let nemesis = nemesis(vec![hazard(strike.clone(), scope)]);
                match nemesis.plan(7, &nodes(5)) {
                    Ok(plan) => {
                        follow(&plan, &nemesis);
                        assert!(plan.len() >= 20, "{strike:?} {scope:?}: {} faults", plan.len());
                    }
                    Err(error) => {
                        assert!(
                            scope == Scope::Zone && error.to_string().contains("only for nodes"),
                            "{error}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_minority_is_down_unless_more_is_asked_for() {
        let crashes =
            vec![hazard(Strike::Crash { torn: p(0.0) }, Scope::Each), hazard(Strike::Pause, Scope::Any)];
        let down = |most_down, n| {
            let nemesis = Nemesis { most_down, ..nemesis(crashes.clone()) };
            follow(&nemesis.plan(7, &nodes(n)).unwrap(), &nemesis)
        };
        assert_eq!((down(None, 4), down(None, 5), down(None, 7)), (1, 2, 3));
        assert_eq!((down(Some(0), 5), down(Some(4), 5)), (0, 4));
    }

    #[test]
    fn a_zone_goes_down_as_one() {
        let nemesis = nemesis(vec![hazard(Strike::Crash { torn: p(0.0) }, Scope::Zone)]);
        let plan = nemesis.plan(7, &nodes(5)).unwrap();
        for pair in plan.chunks(2) {
            assert_eq!(pair[0].0, pair[1].0);
            assert!(nemesis.zones.contains(&[pair[0].1.nodes(), pair[1].1.nodes()].concat()), "{pair:?}");
        }
        assert_eq!(follow(&plan, &nemesis), 2);
    }

    #[test]
    fn failures_come_as_often_and_last_as_long_as_they_should() {
        let one = Hazard {
            every: Distribution::Exponential { mean: 9 * SECOND },
            ..hazard(Strike::Pause, Scope::Each)
        };
        let nemesis = Nemesis { until: 20_000 * SECOND, most_down: Some(4), ..nemesis(vec![one]) };
        let plan = nemesis.plan(7, &nodes(4)).unwrap();
        let expected = 4.0 * 2_000.0; // of each node: 9 s up, 1 s down, in turn
        let strikes = plan.len() as f64 / 2.0;
        // The number of renewals spreads less than a Poisson process's.
        assert!((strikes - expected).abs() < 5.0 * expected.sqrt(), "{strikes}");
        let sign = |fault: &Fault| if matches!(fault, Fault::Pause { .. }) { -1.0 } else { 1.0 };
        let down: f64 = plan.iter().map(|(at, fault)| sign(fault) * *at as f64).sum();
        let mean = down / strikes / SECOND as f64;
        assert!((mean - 1.0).abs() < 5.0 / strikes.sqrt(), "{mean}");
    }

    #[test]
    fn one_more_hazard_leaves_the_others_as_they_were() {
        let crash = hazard(Strike::Crash { torn: p(0.5) }, Scope::Any);
        let alone = nemesis(vec![crash.clone()]).plan(7, &nodes(5)).unwrap();
        let both = nemesis(vec![crash, hazard(Strike::Partition, Scope::Any)]).plan(7, &nodes(5)).unwrap();
        let is_crash = |it: &Fault| matches!(it, Fault::Crash { .. } | Fault::Recover { .. });
        let crashes: Vec<_> = both.iter().filter(|(_, fault)| is_crash(fault)).cloned().collect();
        assert!(alone == crashes && both.len() > crashes.len());
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let fine = nemesis(vec![hazard(Strike::Wipe, Scope::Any)]);
        let with = |strike, scope| nemesis(vec![hazard(strike, scope)]);
        let often = Hazard { every: Distribution::Constant(5), ..hazard(Strike::Wipe, Scope::Any) };
        let endless = Hazard { lasts: Distribution::Exponential { mean: 0 }, ..often.clone() };
        let all = Nemesis { zones: vec![nodes(5)], ..with(Strike::Partition, Scope::Zone) };
        let cases = [
            (Nemesis { until: 5, ..fine.clone() }, "until is 5 ns, with from 5000000000 ns"),
            (Nemesis { zones: vec![nodes(2), nodes(1)], ..fine.clone() }, "zones is [[0, 1], [0]]"),
            (Nemesis { zones: vec![nodes(6)], ..fine.clone() }, "zones is [[0, 1, 2, 3, 4, 5]]"),
            (nemesis(vec![often]), "hazards[0].every is 5 ns on average"),
            (nemesis(vec![endless]), "hazards[0].lasts.mean is 0 ns"),
            (with(Strike::Storm(Weather::default()), Scope::Zone), "hazards[0].scope is zone"),
            (Nemesis { zones: vec![], ..with(Strike::Wipe, Scope::Zone) }, "hazards[0].scope is zone"),
            (all, "hazards[0].zones is one with all nodes"),
            (with(Strike::Slow { factor: 0.0, extra: 0 }, Scope::Any), "hazards[0].factor is 0"),
            (
                with(Strike::ClockDrift { most_ppb: u32::MAX }, Scope::Any),
                "hazards[0].most_ppb is 4294967295",
            ),
        ];
        for (nemesis, complaint) in cases {
            let error = nemesis.plan(7, &nodes(5)).unwrap_err().to_string();
            assert!(error.starts_with(complaint), "{error}");
        }
        let links = with(Strike::Cut { oneway: false }, Scope::Any);
        let lone = Nemesis { zones: vec![], ..links }.plan(7, &nodes(1)).unwrap_err().to_string();
        assert!(lone.starts_with("hazards[0].nodes is 1"), "{lone}");
    }

    proptest! {
        #[test]
        fn any_plan_is_in_order_repaired_and_within_its_limits(
            picked in prop::collection::vec((prop::sample::select(strikes()), any::<bool>()), 1..6),
            n in 2..8_u32,
            most_down in prop_oneof![Just(None), (0..8_u32).prop_map(Some)],
            seed: u64,
        ) {
            let scope = |each| if each { Scope::Each } else { Scope::Any };
            let hazards = picked.into_iter().map(|(strike, each)| hazard(strike, scope(each))).collect();
            let nemesis = Nemesis { most_down, zones: vec![], ..nemesis(hazards) };
            let plan = nemesis.plan(seed, &nodes(n)).unwrap();
            let allowed = most_down.unwrap_or((n - 1) / 2) as usize;
            prop_assert!(follow(&plan, &nemesis) <= allowed);
            let json = serde_json::to_string(&nemesis).unwrap();
            prop_assert_eq!(serde_json::from_str::<Nemesis>(&json).unwrap(), nemesis);
        }
    }
}
