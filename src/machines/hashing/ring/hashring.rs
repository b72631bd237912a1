//! The ring of consistent hashing (notes, definitions 9.3 and 9.4; Karger et al. 1997).
//!
//! 2^m positions, numbered clockwise. Every server has virtual nodes at some of them; a key belongs to the first
//! virtual node at its position or after it. Of two virtual nodes on one position, the one whose server's name
//! comes first has it; so a ring depends on who is in it and not on the order in which they came.
use serde::{Deserialize, Serialize};

use super::hash::{Hash, Word};
use super::keys::{BLOCK, Hashing, Key, Keys};
use super::placement::{Placement, Tally};
use super::points::{Point, Points};
use super::servers::{Error, Server, Servers};
use super::tokens::{self, Rule};
use crate::sim::Invalid;

/// What a ring is made of, beside its servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The ring has 2^bits positions.
    pub bits: u32,
    /// How keys, and names of servers, become positions.
    pub hash: Hash,
    /// Virtual nodes of a server of weight 1; with ketama, of how many digests it has four each.
    pub vnodes: u32,
    /// Where they are.
    pub rule: Rule,
    /// Other seeds, other positions of hashed virtual nodes.
    pub seed: u64,
    /// Whether an integer is hashed as its decimal digits.
    pub decimal: bool,
}

/// A ring and its servers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "State", into = "State")]
pub struct HashRing {
    settings: Settings,
    servers: Servers,
    tokens: Vec<Vec<u128>>,
    points: Either,
}

/// What is saved of a ring.
#[derive(Clone, Serialize, Deserialize)]
struct State {
    settings: Settings,
    servers: Servers,
    tokens: Vec<Vec<u128>>,
}

/// Rings of up to 64 bits, and of more.
#[derive(Clone, Debug)]
enum Either {
    Narrow(Points<u64>),
    Wide(Points<u128>),
}

/// Positions from `first` round to `last`, both included; `last` is below `first` where they go past zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first position.
    pub first: u128,
    /// The last position.
    pub last: u128,
    /// Whose they are.
    pub owner: u32,
}

impl Range {
    /// How many positions, less one: all of 2^128 would not fit.
    pub fn width_less_one(&self, bits: u32) -> u128 {
        self.last.wrapping_sub(self.first) & (u128::MAX >> (128 - bits))
    }

    /// Which part of the ring.
    pub fn share(&self, bits: u32) -> f64 {
        (self.width_less_one(bits) as f64 + 1.0) / libm::exp2(f64::from(bits))
    }
}

impl Settings {
    fn check(&self) -> Result<(), Invalid> {
        if !(1..=128).contains(&self.bits) {
            return Err(Invalid::new("bits", self.bits, "from 1 to 128"));
        }
        if self.bits > self.hash.bits() {
            let allowed = "at most the bits of the hash: 64 with 'xxh64', 32 with 'ketama'";
            return Err(Invalid::new("bits", self.bits, allowed));
        }
        if self.vnodes == 0 {
            return Err(Invalid::new("vnodes", 0, "at least one virtual node"));
        }
        if self.hash == Hash::Identity && !matches!(self.rule, Rule::Even | Rule::Given) {
            let allowed = "'even' or tokens of one's own where the hash is 'identity'";
            return Err(Invalid::new("placement", "hashed", allowed));
        }
        Ok(())
    }

    fn hashing(&self) -> Hashing {
        Hashing { hash: self.hash, bits: self.bits, decimal: self.decimal }
    }
}

impl HashRing {
    /// A ring of these servers, with virtual nodes by the rule of the settings.
    pub fn new(settings: Settings, servers: Vec<Server>) -> Result<Self, Error> {
        settings.check()?;
        let servers = Servers::new(servers)?;
        let tokens = first_tokens(&settings, &servers)?;
        Self::with(settings, servers, tokens)
    }

    /// A ring with tokens of one's own, some for every server.
    pub fn given(settings: Settings, servers: Vec<Server>, tokens: Vec<Vec<u128>>) -> Result<Self, Error> {
        settings.check()?;
        Self::with(Settings { rule: Rule::Given, ..settings }, Servers::new(servers)?, tokens)
    }

    fn with(settings: Settings, servers: Servers, tokens: Vec<Vec<u128>>) -> Result<Self, Error> {
        let most = u128::MAX >> (128 - settings.bits);
        if let Some(it) = tokens.iter().flatten().find(|it| **it > most) {
            return Err(Invalid::new("tokens", it, "positions from 0 to 2^bits - 1").into());
        }
        let lone = tokens.iter().position(Vec::is_empty);
        if let (Some(lone), false) = (lone, settings.rule.is_relative()) {
            let name = servers.all()[lone].name.clone();
            return Err(
                Invalid::new("tokens", format!("none of {name:?}"), "at least one of every node").into()
            );
        }
        let total: usize = tokens.iter().map(Vec::len).sum();
        tokens::few(total as u128)?;
        if tokens.len() != servers.len() || total == 0 {
            return Err(Invalid::new("vnodes", total, "at least one virtual node").into());
        }
        let points = Either::new(&settings, &servers, &tokens);
        Ok(Self { settings, servers, tokens, points })
    }

    /// What it is made of.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The positions of a server's virtual nodes, in the order in which it got them.
    pub fn tokens(&self) -> &[Vec<u128>] {
        &self.tokens
    }

    /// Where a key is.
    pub fn position(&self, key: Key<'_>) -> Result<u128, Invalid> {
        let (hashing, bits) = (self.settings.hashing(), self.settings.bits);
        match bits {
            ..=64 => hashing.one::<u64>(key).map(|it| it.position(bits)),
            _ => hashing.one::<u128>(key).map(|it| it.position(bits)),
        }
    }

    /// Where the keys `from..from + out.len()` are.
    pub fn positions(&self, keys: &Keys<'_>, from: usize, out: &mut [u128]) -> Result<(), Invalid> {
        let (hashing, bits) = (self.settings.hashing(), self.settings.bits);
        match bits {
            ..=64 => find(&hashing, keys, from, out, |hash: u64| hash.position(bits)),
            _ => find(&hashing, keys, from, out, |hash: u128| hash.position(bits)),
        }
    }

    /// All virtual nodes round the ring: position and server.
    pub fn points(&self) -> Vec<(u128, u32)> {
        let mut all: Vec<_> =
            self.tokens.iter().zip(0..).flat_map(|(it, i)| it.iter().map(move |t| (*t, i))).collect();
        let rank = ranks(&self.settings, &self.servers);
        all.sort_unstable_by_key(|(token, owner)| (*token, rank[*owner as usize]));
        all
    }

    /// The ring cut into ranges with one owner each, from the first virtual node's on; neighbours of one owner
    /// are one range.
    pub fn ranges(&self) -> Vec<Range> {
        let mut points = self.points();
        points.dedup_by_key(|(token, _)| *token);
        let mask = u128::MAX >> (128 - self.settings.bits);
        let after = u128::from(!self.settings.rule.passes_equals());
        let mut ranges: Vec<Range> = Vec::with_capacity(points.len());
        for (i, (token, owner)) in points.iter().enumerate() {
            let before = points[(i + points.len() - 1) % points.len()].0;
            let range = Range {
                first: before.wrapping_add(after) & mask,
                last: token.wrapping_add(after).wrapping_sub(1) & mask,
                owner: *owner,
            };
            match ranges.last_mut() {
                Some(open) if open.owner == range.owner => open.last = range.last,
                _ => ranges.push(range),
            }
        }
        if ranges.len() > 1 && ranges[0].owner == ranges[ranges.len() - 1].owner {
            let last = ranges.pop().map_or(0, |it| it.first);
            ranges[0].first = last;
        }
        ranges
    }

    /// Which part of the ring is whose.
    pub fn shares(&self) -> Vec<f64> {
        let mut shares = vec![0.0; self.servers.len()];
        for range in self.ranges() {
            shares[range.owner as usize] += range.share(self.settings.bits);
        }
        shares
    }

    /// The first `count` different servers from the key on, clockwise. With racks apart, servers of a rack that
    /// has one already wait until every rack has one.
    pub fn preference(&self, key: Key<'_>, count: usize, racks_apart: bool) -> Result<Vec<u32>, Error> {
        let walk = self.walk(count, racks_apart)?;
        Ok(walk.from(self.points.slot(&self.settings.hashing(), key)?))
    }

    /// The preference lists of keys `from..`, one row of `count` each.
    pub fn preferences(
        &self,
        keys: &Keys<'_>,
        from: usize,
        walk: &Walk<'_>,
        out: &mut [i32],
    ) -> Result<(), Invalid> {
        let hashing = self.settings.hashing();
        match &self.points {
            Either::Narrow(points) => rows(points, &hashing, keys, from, walk, out),
            Either::Wide(points) => rows(points, &hashing, keys, from, walk, out),
        }
    }

    /// The slots among [`owners`](Self::owners) where the keys `from..from + out.len()` begin.
    pub fn slots(&self, keys: &Keys<'_>, from: usize, out: &mut [usize]) -> Result<(), Invalid> {
        let hashing = self.settings.hashing();
        match &self.points {
            Either::Narrow(points) => find(&hashing, keys, from, out, |hash| points.slot(hash)),
            Either::Wide(points) => find(&hashing, keys, from, out, |hash| points.slot(hash)),
        }
    }

    /// The slot where one key begins.
    pub fn slot(&self, key: Key<'_>) -> Result<usize, Invalid> {
        self.points.slot(&self.settings.hashing(), key)
    }

    /// The way round the ring for lists of `count` servers.
    pub fn walk(&self, count: usize, racks_apart: bool) -> Result<Walk<'_>, Error> {
        let most = self.tokens.iter().filter(|it| !it.is_empty()).count();
        if count == 0 || count > most {
            let allowed = "from 1 to the number of nodes on the ring";
            return Err(Invalid::new("n", count, allowed).into());
        }
        let mut racks: Vec<_> = self.servers.all().iter().map(|it| it.rack.as_deref()).collect();
        racks.sort_unstable();
        racks.dedup();
        let rack = |it: &Server| racks.binary_search(&it.rack.as_deref()).unwrap_or(0) as u32;
        let rack_of = if racks_apart && racks.len() > 1 {
            self.servers.all().iter().map(rack).collect()
        } else {
            Vec::new()
        };
        Ok(Walk { owners: self.points.owners(), count, rack_of, racks: racks.len() })
    }

    /// The last position of each slot, in order.
    pub fn lasts(&self) -> Vec<u128> {
        let bits = self.settings.bits;
        match &self.points {
            Either::Narrow(points) => points.lasts().iter().map(|it| it.position(bits)).collect(),
            Either::Wide(points) => points.lasts().iter().map(|it| it.position(bits)).collect(),
        }
    }

    /// The servers round the ring in the order of the slots that lookups find.
    pub fn owners(&self) -> &[u32] {
        self.points.owners()
    }

    fn change(&mut self, servers: Servers, tokens: Vec<Vec<u128>>) -> Result<(), Error> {
        let tokens = match self.settings.rule.is_relative() {
            true => tokens::relative(self.settings.rule, self.settings.vnodes, servers.all())?,
            false => tokens,
        };
        *self = Self::with(self.settings, servers, tokens)?;
        Ok(())
    }

    fn fresh(&self, name: &str, from: usize, to: usize) -> Vec<u128> {
        let Settings { rule, hash, bits, seed, .. } = self.settings;
        tokens::hashed(rule, hash, bits, seed, name, from, to)
    }

    /// Adds servers that have tokens of their own.
    pub fn add_given(&mut self, more: Vec<Server>, tokens: Vec<Vec<u128>>) -> Result<(), Error> {
        let mut servers = self.servers.clone();
        servers.add(more)?;
        let tokens = self.tokens.iter().cloned().chain(tokens).collect();
        self.settings.rule = Rule::Given;
        self.change(servers, tokens)
    }
}

impl Placement for HashRing {
    fn servers(&self) -> &Servers {
        &self.servers
    }

    fn assign(&self, keys: &Keys<'_>, from: usize, _: &mut Tally, out: &mut [i32]) -> Result<(), Invalid> {
        let hashing = self.settings.hashing();
        match &self.points {
            Either::Narrow(points) => find(&hashing, keys, from, out, |hash| points.owner_of(hash) as i32),
            Either::Wide(points) => find(&hashing, keys, from, out, |hash| points.owner_of(hash) as i32),
        }
    }

    fn add(&mut self, more: Vec<Server>) -> Result<(), Error> {
        let mut servers = self.servers.clone();
        servers.add(more)?;
        let Settings { rule, vnodes, bits, .. } = self.settings;
        let joined = &servers.all()[self.servers.len()..];
        let counts = joined.iter().map(|it| tokens::count(rule, vnodes, it.weight));
        let counts = counts.collect::<Result<Vec<_>, _>>()?;
        tokens::few(counts.iter().map(|it| *it as u128).sum())?;
        let more = match rule {
            Rule::Even | Rule::Given => tokens::in_gaps(&self.tokens, &counts, bits)?,
            _ => joined.iter().zip(&counts).map(|(it, count)| self.fresh(&it.name, 0, *count)).collect(),
        };
        let tokens = self.tokens.iter().cloned().chain(more).collect();
        self.change(servers, tokens)
    }

    fn remove(&mut self, names: &[String]) -> Result<(), Error> {
        let mut servers = self.servers.clone();
        let moved = servers.remove(names)?;
        let stays = self.tokens.iter().zip(&moved).filter(|(_, it)| it.is_some());
        let tokens = stays.map(|(it, _)| it.clone()).collect();
        self.change(servers, tokens)
    }

    fn reweight(&mut self, name: &str, weight: f64) -> Result<(), Error> {
        let number = self.servers.number(name)?;
        let mut servers = self.servers.clone();
        servers.reweight(number, weight)?;
        let Settings { rule, vnodes, bits, .. } = self.settings;
        let count = tokens::count(rule, vnodes, weight)?;
        let mut tokens = self.tokens.clone();
        let has = tokens[number].len();
        let more = match rule {
            _ if count <= has => Vec::new(),
            Rule::Even | Rule::Given => tokens::in_gaps(&tokens, &[count - has], bits)?.swap_remove(0),
            _ => self.fresh(name, has, count),
        };
        tokens[number].truncate(count);
        tokens[number].extend(more);
        self.change(servers, tokens)
    }

    fn size_bytes(&self) -> usize {
        let points = match &self.points {
            Either::Narrow(points) => points.size_bytes(),
            Either::Wide(points) => points.size_bytes(),
        };
        let tokens: usize = self.tokens.iter().map(|it| size_of_val(&**it)).sum();
        points + tokens + self.servers.size_bytes()
    }
}

/// Rings that are made of the same things put the same keys in the same places.
impl PartialEq for HashRing {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings && self.servers == other.servers && self.tokens == other.tokens
    }
}

impl TryFrom<State> for HashRing {
    type Error = Error;
    fn try_from(state: State) -> Result<Self, Error> {
        state.settings.check()?;
        Self::with(state.settings, state.servers, state.tokens)
    }
}

impl From<HashRing> for State {
    fn from(ring: HashRing) -> Self {
        Self { settings: ring.settings, servers: ring.servers, tokens: ring.tokens }
    }
}

fn first_tokens(settings: &Settings, servers: &Servers) -> Result<Vec<Vec<u128>>, Error> {
    let Settings { rule, hash, bits, vnodes, seed, .. } = *settings;
    if rule.is_relative() {
        return Ok(tokens::relative(rule, vnodes, servers.all())?);
    }
    let counts = servers.all().iter().map(|it| tokens::count(rule, vnodes, it.weight));
    let counts = counts.collect::<Result<Vec<_>, _>>()?;
    if rule == Rule::Even {
        return tokens::even(&counts, bits);
    }
    tokens::few(counts.iter().map(|it| *it as u128).sum())?;
    let hashed = |(it, count): (&Server, &usize)| tokens::hashed(rule, hash, bits, seed, &it.name, 0, *count);
    Ok(servers.all().iter().zip(&counts).map(hashed).collect())
}

/// Who goes first on a position that several share: by name; in uhashring, who was named last.
fn ranks(settings: &Settings, servers: &Servers) -> Vec<u32> {
    let mut order: Vec<usize> = (0..servers.len()).collect();
    if settings.rule.passes_equals() {
        order.reverse();
    } else {
        order.sort_unstable_by_key(|it| &servers.all()[*it].name);
    }
    let mut ranks = vec![0; order.len()];
    for (rank, number) in order.into_iter().enumerate() {
        ranks[number] = rank as u32;
    }
    ranks
}

impl Either {
    fn new(settings: &Settings, servers: &Servers, tokens: &[Vec<u128>]) -> Self {
        let ranks = ranks(settings, servers);
        match settings.bits {
            ..=64 => Self::Narrow(sorted(settings, &ranks, tokens)),
            _ => Self::Wide(sorted(settings, &ranks, tokens)),
        }
    }

    fn slot(&self, hashing: &Hashing, key: Key<'_>) -> Result<usize, Invalid> {
        Ok(match self {
            Self::Narrow(points) => points.slot(hashing.one(key)?),
            Self::Wide(points) => points.slot(hashing.one(key)?),
        })
    }

    fn owners(&self) -> &[u32] {
        match self {
            Self::Narrow(points) => points.owners(),
            Self::Wide(points) => points.owners(),
        }
    }
}

fn sorted<W: Word>(settings: &Settings, ranks: &[u32], tokens: &[Vec<u128>]) -> Points<W> {
    let mut points = Vec::with_capacity(tokens.iter().map(Vec::len).sum());
    for (tokens, owner) in tokens.iter().zip(0..) {
        for token in tokens {
            let at = W::at(*token, settings.bits);
            // Where equals are passed, a virtual node's last hash is the one before its own.
            let last = if settings.rule.passes_equals() { at.before() } else { at.last(settings.bits) };
            points.push(Point { last, owner });
        }
    }
    points.sort_unstable_by(|a, b| {
        let rank = |it: &Point<W>| ranks[it.owner as usize];
        a.last.cmp(&b.last).then_with(|| rank(a).cmp(&rank(b)))
    });
    Points::new(&points)
}

/// Hashes keys in blocks and says for each hash what it finds.
#[inline(always)]
fn find<W: Word, T>(
    hashing: &Hashing,
    keys: &Keys<'_>,
    from: usize,
    out: &mut [T],
    find: impl Fn(W) -> T,
) -> Result<(), Invalid> {
    let mut hashes = [W::MAX; BLOCK];
    let mut from = from;
    for out in out.chunks_mut(BLOCK) {
        let hashes = &mut hashes[..out.len()];
        hashing.block(keys, from, hashes)?;
        for (out, hash) in out.iter_mut().zip(&*hashes) {
            *out = find(*hash);
        }
        from += out.len();
    }
    Ok(())
}

fn rows<W: Word>(
    points: &Points<W>,
    hashing: &Hashing,
    keys: &Keys<'_>,
    from: usize,
    walk: &Walk<'_>,
    out: &mut [i32],
) -> Result<(), Invalid> {
    let mut hashes = [W::MAX; BLOCK];
    let mut from = from;
    for out in out.chunks_mut(BLOCK * walk.count) {
        let hashes = &mut hashes[..out.len() / walk.count];
        hashing.block(keys, from, hashes)?;
        for (row, hash) in out.chunks_mut(walk.count).zip(&*hashes) {
            for (cell, server) in row.iter_mut().zip(walk.from(points.slot(*hash))) {
                *cell = server as i32;
            }
        }
        from += hashes.len();
    }
    Ok(())
}

/// A way round the ring that collects different servers.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    owners: &'a [u32],
    count: usize,
    /// By server, its rack; empty where racks do not matter.
    rack_of: Vec<u32>,
    racks: usize,
}

impl Walk<'_> {
    /// How many servers it collects.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The servers from that slot on.
    pub fn from(&self, slot: usize) -> Vec<u32> {
        let mut list: Vec<u32> = Vec::with_capacity(self.count);
        let (mut waiting, mut racks): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        let slot = slot % self.owners.len();
        for owner in self.owners[slot..].iter().chain(&self.owners[..slot]) {
            if list.len() == self.count {
                break;
            }
            if list.contains(owner) || waiting.contains(owner) {
                continue;
            }
            let Some(rack) = self.rack_of.get(*owner as usize).filter(|_| racks.len() < self.racks) else {
                list.push(*owner);
                continue;
            };
            if racks.contains(rack) {
                waiting.push(*owner);
                continue;
            }
            racks.push(*rack);
            list.push(*owner);
            if racks.len() == self.racks {
                let room = (self.count - list.len()).min(waiting.len());
                list.extend(waiting.drain(..room));
            }
        }
        let room = (self.count - list.len()).min(waiting.len());
        list.extend(waiting.drain(..room));
        list
    }
}
