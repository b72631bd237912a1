//! How messages travel: every ordered pair of nodes is a link with its own random stream, its own queue and
//! its own cuts.
use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::error::Error;
use super::fault::Weather;
use super::protocol::{NodeId, Time};
use super::rng::{Probability, Purpose, Rng};

/// What all links have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// How long a message is under way.
    pub latency: Distribution,
    /// How often a message is lost.
    pub loss: Probability,
    /// How often a message arrives twice.
    pub duplicate: Probability,
    /// Bytes a second of each link; messages queue for it. None: no limit.
    pub bandwidth: Option<u64>,
    /// Whether messages of one link arrive in the order in which they left.
    pub fifo: bool,
    /// Where nodes are, if that matters.
    pub places: Option<Places>,
    /// Whether to count bytes also where no bandwidth asks for sizes.
    pub count_bytes: bool,
}

impl Default for Network {
    /// A calm local network: 0.5 to 1.5 ms one way, nothing lost, order not kept.
    fn default() -> Self {
        Self {
            latency: Distribution::Uniform { min: 500_000, max: 1_500_000 },
            loss: Probability::default(),
            duplicate: Probability::default(),
            bandwidth: None,
            fifo: false,
            places: None,
            count_bytes: false,
        }
    }
}

/// A geographic matrix: a fixed time between places, to which the latency is added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Places {
    /// The place of each node, by index; node `i` is at `of[i % of.len()]`.
    pub of: Vec<u32>,
    /// Nanoseconds from place to place.
    pub between: Vec<Vec<Time>>,
}

impl Places {
    fn delay(&self, from: NodeId, to: NodeId) -> Time {
        let place = |node: NodeId| self.of[node.index() % self.of.len()] as usize;
        self.between[place(from)][place(to)]
    }
}

impl Network {
    /// Whether all parameters make sense.
    ///
    /// # Errors
    /// [`Error::Parameter`] with the first that does not.
    pub fn check(&self) -> Result<(), Error> {
        self.latency.check().map_err(|it| it.within("network.latency"))?;
        if self.bandwidth == Some(0) {
            return Err(Error::parameter(
                "network.bandwidth",
                0,
                "at least 1 byte a second, or none for no limit",
            ));
        }
        let Some(places) = &self.places else { return Ok(()) };
        let size = places.between.len();
        if places.of.is_empty() || places.of.iter().any(|&it| it as usize >= size) {
            return Err(Error::parameter(
                "network.places.of",
                format!("{:?}", places.of),
                "at least one, each a row of `between`",
            ));
        }
        if places.between.iter().any(|row| row.len() != size) {
            return Err(Error::parameter("network.places.between", size, "a square matrix of durations"));
        }
        Ok(())
    }

    pub(super) fn needs_sizes(&self) -> bool {
        self.bandwidth.is_some() || self.count_bytes
    }
}

/// One direction between two nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Link {
    rng: Rng,
    blocked: bool,
    /// When the last message has fully left.
    free_at: Time,
    /// When the last message arrives.
    last_arrival: Time,
}

/// Bad weather on the links that match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Front {
    from: Option<NodeId>,
    to: Option<NodeId>,
    weather: Weather,
}

impl Front {
    fn covers(&self, from: NodeId, to: NodeId) -> bool {
        self.from.is_none_or(|it| it == from) && self.to.is_none_or(|it| it == to)
    }
}

/// All links, made when they are first used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Links {
    pub(super) network: Network,
    seed: u64,
    rows: Vec<Vec<Link>>,
    fronts: Vec<Front>,
}

/// What may go wrong with messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channels {
    /// They may overtake each other.
    pub disorder: bool,
    /// They may be lost, also because a link is cut or a node is down.
    pub lose: bool,
    /// They may arrive twice.
    pub double: bool,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrives at this time.
    Arrives(Time),
    /// It arrives twice.
    Twice(Time, Time),
    /// The link is cut.
    Cut,
    /// It is lost.
    Lost,
    /// It arrives damaged, which its checksum shows.
    Corrupt,
}

impl Links {
    pub(super) fn new(network: Network, seed: u64) -> Self {
        Self { network, seed, rows: Vec::new(), fronts: Vec::new() }
    }

    /// What may go wrong with messages, as things are.
    pub(super) fn channels(&self) -> Channels {
        let may = |chance: Probability| chance != Probability::NEVER;
        let fronts = || self.fronts.iter().map(|it| &it.weather);
        Channels {
            disorder: !self.network.fifo,
            lose: may(self.network.loss)
                || self.rows.iter().flatten().any(|link| link.blocked)
                || fronts().any(|it| may(it.loss) || may(it.corrupt)),
            double: may(self.network.duplicate) || fronts().any(|it| may(it.duplicate)),
        }
    }

    /// Every link draws from a new stream from now on.
    pub(super) fn reseed(&mut self, seed: u64) {
        self.seed = seed;
        for (from, row) in self.rows.iter_mut().enumerate() {
            for (to, link) in row.iter_mut().enumerate() {
                link.rng = Rng::stream(seed, Purpose::Link, from as u32, to as u32);
            }
        }
    }

    fn link(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        let exists = self.rows.get(from.index()).is_some_and(|row| to.index() < row.len());
        if !exists {
            self.make(from, to);
        }
        &mut self.rows[from.index()][to.index()]
    }

    #[cold]
    fn make(&mut self, from: NodeId, to: NodeId) {
        if self.rows.len() <= from.index() {
            self.rows.resize_with(from.index() + 1, Vec::new);
        }
        let (seed, row) = (self.seed, &mut self.rows[from.index()]);
        while row.len() <= to.index() {
            let rng = Rng::stream(seed, Purpose::Link, from.0, row.len() as u32);
            row.push(Link { rng, blocked: false, free_at: 0, last_arrival: 0 });
        }
    }

    /// A message of `size` bytes leaves now.
    pub(super) fn send(&mut self, now: Time, from: NodeId, to: NodeId, size: u64) -> Fate {
        self.link(from, to);
        let Self { network, rows, fronts, .. } = self;
        let link = &mut rows[from.index()][to.index()];
        if link.blocked {
            return Fate::Cut;
        }
        let rng = &mut link.rng;
        if rng.happens(network.loss) {
            return Fate::Lost;
        }
        let mut twice = rng.happens(network.duplicate);
        let mut extra = network.places.as_ref().map_or(0, |it| it.delay(from, to));
        for front in fronts.iter().filter(|it| it.covers(from, to)) {
            if rng.happens(front.weather.loss) {
                return Fate::Lost;
            }
            if rng.happens(front.weather.corrupt) {
                return Fate::Corrupt;
            }
            twice |= rng.happens(front.weather.duplicate);
            extra += front.weather.delay.as_ref().map_or(0, |it| it.sample(rng));
        }
        let leaves = match network.bandwidth {
            None => now,
            Some(bandwidth) => {
                let takes = u128::from(size) * 1_000_000_000 / u128::from(bandwidth);
                link.free_at =
                    link.free_at.max(now).saturating_add(u64::try_from(takes).unwrap_or(Time::MAX));
                link.free_at
            }
        };
        let mut arrival = || {
            let at = leaves.saturating_add(network.latency.sample(rng)).saturating_add(extra);
            if !network.fifo {
                return at;
            }
            link.last_arrival = link.last_arrival.max(at);
            link.last_arrival
        };
        let first = arrival();
        if twice { Fate::Twice(first, arrival()) } else { Fate::Arrives(first) }
    }

    /// Whether messages from `from` to `to` are cut off.
    pub(super) fn blocked(&self, from: NodeId, to: NodeId) -> bool {
        self.rows.get(from.index()).and_then(|row| row.get(to.index())).is_some_and(|link| link.blocked)
    }

    pub(super) fn set_blocked(&mut self, from: NodeId, to: NodeId, blocked: bool) {
        if from != to {
            self.link(from, to).blocked = blocked;
        }
    }

    pub(super) fn heal(&mut self) {
        self.rows.iter_mut().flatten().for_each(|link| link.blocked = false);
    }

    /// Every cut link, as (from, to).
    pub(super) fn cuts(&self) -> Vec<(NodeId, NodeId)> {
        let row = |(from, row): (usize, &Vec<Link>)| {
            let cut =
                |(to, link): (usize, &Link)| link.blocked.then_some((NodeId(from as u32), NodeId(to as u32)));
            row.iter().enumerate().filter_map(cut).collect::<Vec<_>>()
        };
        self.rows.iter().enumerate().flat_map(row).collect()
    }

    /// Whether some links have weather.
    pub(super) fn has_weather(&self) -> bool {
        !self.fronts.is_empty()
    }

    pub(super) fn set_weather(&mut self, from: Option<NodeId>, to: Option<NodeId>, weather: Weather) {
        self.fronts.retain(|it| (it.from, it.to) != (from, to));
        if !weather.is_calm() {
            self.fronts.push(Front { from, to, weather });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(network: Network) -> Links {
        Links::new(network, 7)
    }
    const A: NodeId = NodeId(0);
    const B: NodeId = NodeId(1);

    #[test]
    fn a_narrow_link_makes_messages_queue() {
        let mut links = links(Network {
            latency: Distribution::Constant(10),
            bandwidth: Some(1_000_000_000),
            ..Network::default()
        });
        assert_eq!(links.send(0, A, B, 100), Fate::Arrives(110));
        assert_eq!(links.send(0, A, B, 100), Fate::Arrives(210));
        assert_eq!(links.send(0, B, A, 100), Fate::Arrives(110), "the other direction is another link");
        assert_eq!(links.send(1_000, A, B, 100), Fate::Arrives(1_110));
    }

    #[test]
    fn a_fifo_link_keeps_the_order() {
        let mut links = links(Network {
            fifo: true,
            latency: Distribution::Uniform { min: 0, max: 1_000 },
            ..Network::default()
        });
        let arrivals: Vec<Fate> = (0..200).map(|now| links.send(now, A, B, 0)).collect();
        let times: Vec<Time> =
            arrivals.iter().map(|it| if let Fate::Arrives(at) = it { *at } else { 0 }).collect();
        assert!(times.is_sorted(), "{times:?}");
    }

    #[test]
    fn cuts_are_one_way_until_healed() {
        let mut links = links(Network::default());
        links.set_blocked(A, B, true);
        assert_eq!(links.send(0, A, B, 0), Fate::Cut);
        assert!(matches!(links.send(0, B, A, 0), Fate::Arrives(_)));
        assert_eq!(links.cuts(), [(A, B)]);
        links.heal();
        assert!(matches!(links.send(0, A, B, 0), Fate::Arrives(_)));
    }

    #[test]
    fn weather_adds_to_what_the_network_does() {
        let mut links = links(Network { latency: Distribution::Constant(10), ..Network::default() });
        links.set_weather(
            None,
            Some(B),
            Weather { delay: Some(Distribution::Constant(5)), ..Weather::default() },
        );
        assert_eq!(links.send(0, A, B, 0), Fate::Arrives(15));
        assert_eq!(links.send(0, B, A, 0), Fate::Arrives(10));
        links.set_weather(None, Some(B), Weather { corrupt: Probability::ALWAYS, ..Weather::default() });
        assert_eq!(links.send(0, A, B, 0), Fate::Corrupt);
        links.set_weather(None, Some(B), Weather::default());
        assert_eq!(links.send(0, A, B, 0), Fate::Arrives(10));
    }

    #[test]
    fn one_link_does_not_move_another_links_draws() {
        let run = |noise: bool| {
            let mut links = links(Network::default());
            (0..50)
                .map(|now| {
                    if noise {
                        links.send(now, B, A, 0);
                    }
                    links.send(now, A, B, 0)
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(run(false), run(true));
    }
}
