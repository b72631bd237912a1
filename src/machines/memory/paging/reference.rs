//! Every policy once more, straight from its description and as slow as that: lists of pages that are searched.
use super::kind::{Kind, Options};
use super::replacement::Access;
use crate::sim::{Purpose, Rng};

/// A set of frames. Lists have the next to go in front, unless said otherwise.
pub struct Slow {
    kind: Kind,
    frames: usize,
    options: Options,
    /// Pages with how often they were used; in what order depends on the policy.
    main: Vec<(u64, u64)>,
    small: Vec<(u64, u64)>,
    ghosts: [Vec<u64>; 2],
    /// CLOCK: a circle of frames, and its hand; SIEVE: the page under the hand.
    circle: Vec<(u64, bool)>,
    hand: usize,
    under_hand: Option<u64>,
    target: f64,
    /// S3-FIFO: whether anybody had to leave.
    evicted: bool,
    rng: Rng,
    /// OPT: all references, and where we are.
    pub future: Vec<u64>,
    now: usize,
}

impl Slow {
    pub fn new(kind: Kind, frames: usize, options: Options) -> Self {
        let rng = Rng::stream(options.seed, Purpose::Memory, 0, 0);
        let (main, small, ghosts, circle, future) = Default::default();
        let (hand, under_hand, target, now) = (0, None, 0.0, 0);
        Self {
            kind,
            frames,
            options,
            main,
            small,
            ghosts,
            circle,
            hand,
            under_hand,
            target,
            evicted: false,
            rng,
            future,
            now,
        }
    }

    pub fn resident(&self) -> Vec<u64> {
        let mut all: Vec<u64> = self.main.iter().chain(&self.small).map(|(page, _)| *page).collect();
        all.extend(self.circle.iter().map(|(page, _)| *page));
        all.sort_unstable();
        all
    }

    pub fn access(&mut self, page: u64) -> Access<u64> {
        let before = self.resident();
        match self.kind {
            Kind::Fifo | Kind::Lru | Kind::Mru | Kind::Lfu | Kind::Random | Kind::Opt => self.listed(page),
            Kind::Clock => self.clock(page),
            Kind::Sieve => self.sieve(page),
            Kind::TwoQ => self.two_q(page),
            Kind::S3Fifo => self.s3_fifo(page),
            Kind::Arc => self.arc(page),
        }
        self.now += 1;
        if before.contains(&page) {
            return Access::Hit;
        }
        let after = self.resident();
        let gone: Vec<u64> = before.iter().copied().filter(|it| !after.contains(it)).collect();
        assert!(after.contains(&page) && gone.len() <= 1 && after.len() <= self.frames);
        gone.first().map_or(Access::Filled, |page| Access::Evicted(*page))
    }

    /// One list: who comes goes to its end, and the policy says who leaves.
    fn listed(&mut self, page: u64) {
        if let Some(at) = self.main.iter().position(|(other, _)| *other == page) {
            self.main[at].1 += 1;
            if matches!(self.kind, Kind::Lru | Kind::Mru | Kind::Lfu) {
                let used = self.main.remove(at);
                self.main.push(used);
            }
            return;
        }
        let entry = (page, 1);
        if self.main.len() < self.frames {
            return self.main.push(entry);
        }
        let at = match self.kind {
            Kind::Mru => self.main.len() - 1,
            Kind::Lfu => {
                let least = self.main.iter().map(|(_, uses)| *uses).min().unwrap();
                self.main.iter().position(|(_, uses)| *uses == least).unwrap()
            }
            Kind::Random => {
                let at = self.rng.below(self.main.len() as u64) as usize;
                self.main[at] = entry; // the frame of one is that of the other
                return;
            }
            Kind::Opt => (0..self.main.len()).max_by_key(|at| self.next_use(self.main[*at].0)).unwrap(),
            _ => 0,
        };
        self.main.remove(at);
        self.main.push(entry);
    }

    fn next_use(&self, page: u64) -> usize {
        let later = self.future[self.now + 1..].iter().position(|it| *it == page);
        later.unwrap_or(usize::MAX)
    }

    fn clock(&mut self, page: u64) {
        if let Some(entry) = self.circle.iter_mut().find(|(other, _)| *other == page) {
            entry.1 = true;
            return;
        }
        let entry = (page, self.options.insert_referenced);
        if self.circle.len() < self.frames {
            return self.circle.push(entry);
        }
        while self.circle[self.hand].1 {
            self.circle[self.hand].1 = false;
            self.hand = (self.hand + 1) % self.frames;
        }
        self.circle[self.hand] = entry;
        self.hand = (self.hand + 1) % self.frames;
    }

    /// The oldest in front; the hand goes to newer ones.
    fn sieve(&mut self, page: u64) {
        if let Some(entry) = self.main.iter_mut().find(|(other, _)| *other == page) {
            entry.1 = 1;
            return;
        }
        if self.main.len() == self.frames {
            let under = self.under_hand.and_then(|it| self.main.iter().position(|(page, _)| *page == it));
            let mut at = under.unwrap_or(0);
            while self.main[at].1 > 0 {
                self.main[at].1 = 0;
                at = (at + 1) % self.main.len();
            }
            self.under_hand = self.main.get(at + 1).map(|(page, _)| *page);
            self.main.remove(at);
        }
        self.main.push((page, 0));
    }

    fn two_q(&mut self, page: u64) {
        let share = |ratio: f64| (self.frames as f64 * ratio) as usize;
        let (small, remembered) = (share(self.options.in_ratio), share(self.options.out_ratio));
        if self.small.iter().any(|(other, _)| *other == page) {
            return;
        }
        if let Some(at) = self.main.iter().position(|(other, _)| *other == page) {
            let used = self.main.remove(at);
            return self.main.push(used);
        }
        let known = self.forget(0, page);
        if self.main.len() + self.small.len() == self.frames {
            if self.small.len() > small || self.main.is_empty() {
                let (gone, _) = self.small.remove(0);
                self.remember(0, gone, remembered);
            } else {
                self.main.remove(0);
            }
        }
        if known { self.main.push((page, 0)) } else { self.small.push((page, 0)) }
    }

    fn s3_fifo(&mut self, page: u64) {
        let share = |ratio: f64| (self.frames as f64 * ratio) as usize;
        let (small, remembered) = (share(self.options.small_ratio).max(1), share(self.options.ghost_ratio));
        if let Some(entry) = self.small.iter_mut().chain(&mut self.main).find(|(other, _)| *other == page) {
            entry.1 += 1;
            return;
        }
        let known = self.forget(0, page);
        self.evicted |= self.main.len() + self.small.len() == self.frames;
        while self.main.len() + self.small.len() == self.frames {
            if self.main.len() > self.frames - small || self.small.is_empty() {
                let (oldest, uses) = self.main.remove(0);
                if uses > 0 {
                    self.main.push((oldest, uses.min(3) - 1));
                }
                continue;
            }
            // It goes on with the small queue until somebody has left, or nobody is in it.
            while !self.small.is_empty() {
                let (oldest, uses) = self.small.remove(0);
                if uses < u64::from(self.options.move_to_main) {
                    self.remember(0, oldest, remembered);
                    break;
                }
                self.main.push((oldest, 0));
            }
        }
        let fills = self.options.fill_main && !self.evicted && self.small.len() >= small;
        if known || fills { self.main.push((page, 0)) } else { self.small.push((page, 0)) }
    }

    /// The letters of the paper: T1, T2, B1, B2, p, c.
    fn arc(&mut self, page: u64) {
        let c = self.frames;
        let place = |list: &[(u64, u64)]| list.iter().position(|(other, _)| *other == page);
        if let Some(at) = place(&self.small) {
            self.small.remove(at);
            return self.main.push((page, 0));
        }
        if let Some(at) = place(&self.main) {
            self.main.remove(at);
            return self.main.push((page, 0));
        }
        let full = self.small.len() + self.main.len() == c;
        let (b1, b2) = (self.ghosts[0].len() as f64, self.ghosts[1].len() as f64);
        if self.ghosts[0].contains(&page) {
            self.target = (self.target + (b2 / b1).max(1.0)).min(c as f64);
            self.forget(0, page);
            if full {
                self.arc_replace(false);
            }
            return self.main.push((page, 0));
        }
        if self.ghosts[1].contains(&page) {
            self.target = (self.target - (b1 / b2).max(1.0)).max(0.0);
            self.forget(1, page);
            if full {
                self.arc_replace(true);
            }
            return self.main.push((page, 0));
        }
        if full {
            if self.small.len() + self.ghosts[0].len() == c {
                if self.small.len() < c {
                    self.ghosts[0].remove(0);
                    self.arc_replace(false);
                } else {
                    self.small.remove(0);
                }
            } else {
                if self.small.len() + self.main.len() + self.ghosts[0].len() + self.ghosts[1].len() == 2 * c {
                    self.ghosts[1].remove(0);
                }
                self.arc_replace(false);
            }
        }
        self.small.push((page, 0));
    }

    fn arc_replace(&mut self, in_b2: bool) {
        let t1 = self.small.len() as f64;
        let from_t1 = t1 >= 1.0 && (in_b2 && t1 == self.target || t1 > self.target) || self.main.is_empty();
        if from_t1 {
            let (page, _) = self.small.remove(0);
            self.ghosts[0].push(page);
        } else {
            let (page, _) = self.main.remove(0);
            self.ghosts[1].push(page);
        }
    }

    fn forget(&mut self, ghosts: usize, page: u64) -> bool {
        let before = self.ghosts[ghosts].len();
        self.ghosts[ghosts].retain(|other| *other != page);
        self.ghosts[ghosts].len() < before
    }

    fn remember(&mut self, ghosts: usize, page: u64, most: usize) {
        self.ghosts[ghosts].push(page);
        if self.ghosts[ghosts].len() > most {
            self.ghosts[ghosts].remove(0);
        }
    }
}
