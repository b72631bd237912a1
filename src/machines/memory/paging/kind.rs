//! The names of the policies, and what can be set on them.
use serde::{Deserialize, Serialize};

use crate::sim::Invalid;

/// Who leaves when a frame is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Who came first.
    #[serde(rename = "fifo")]
    Fifo,
    /// Who was not used for longest.
    #[serde(rename = "lru")]
    Lru,
    /// Who was used last.
    #[serde(rename = "mru")]
    Mru,
    /// Who came first, but anybody who was used since the hand last passed stays once more (Corbato 1968).
    #[serde(rename = "clock")]
    Clock,
    /// Who was used least often since it came; of equals, who became so first.
    #[serde(rename = "lfu")]
    Lfu,
    /// Anybody.
    #[serde(rename = "random")]
    Random,
    /// Who is used again last (Belady 1966); only where the future is known.
    #[serde(rename = "opt")]
    Opt,
    /// Adaptive replacement: pages used once and more often, balanced by what has just left (Megiddo and Modha 2003).
    #[serde(rename = "arc")]
    Arc,
    /// New pages queue apart; those that come back go to an LRU list (Johnson and Shasha 1994, full version).
    #[serde(rename = "2q")]
    TwoQ,
    /// Three queues without promotion on a hit (Yang et al. 2023).
    #[serde(rename = "s3-fifo")]
    S3Fifo,
    /// One queue and a hand that leaves what it spares in place (Zhang et al. 2024).
    #[serde(rename = "sieve")]
    Sieve,
}

/// What a machine that sees one access at a time says of [`Kind::Opt`].
pub const NEEDS_THE_FUTURE: &str = "a policy that does not need to know the future";

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Fifo,
        Self::Lru,
        Self::Mru,
        Self::Clock,
        Self::Lfu,
        Self::Random,
        Self::Opt,
        Self::Arc,
        Self::TwoQ,
        Self::S3Fifo,
        Self::Sieve,
    ];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::Lru => "lru",
            Self::Mru => "mru",
            Self::Clock => "clock",
            Self::Lfu => "lfu",
            Self::Random => "random",
            Self::Opt => "opt",
            Self::Arc => "arc",
            Self::TwoQ => "2q",
            Self::S3Fifo => "s3-fifo",
            Self::Sieve => "sieve",
        }
    }

    /// The policy of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// What can be set; each concerns one policy and has the value that its paper or libCacheSim gives it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// CLOCK: whether a page counts as used when it comes in, as textbooks have it. libCacheSim does not.
    pub insert_referenced: bool,
    /// 2Q: the share of frames of the queue of new pages.
    pub in_ratio: f64,
    /// 2Q: how many pages that left that queue are remembered, as a share of frames.
    pub out_ratio: f64,
    /// S3-FIFO: the share of frames of the small queue, at least one.
    pub small_ratio: f64,
    /// S3-FIFO: how many pages that left the small queue are remembered, as a share of frames.
    pub ghost_ratio: f64,
    /// S3-FIFO: how often a page must have been used in the small queue to move on to the main one.
    pub move_to_main: u8,
    /// S3-FIFO: whether pages that the small queue has no room for fill the main one until somebody has to leave, as in
    /// libCacheSim since December 2024; the paper lets them fill the small one.
    pub fill_main: bool,
    /// Random: the seed of its lots.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            insert_referenced: false,
            in_ratio: 0.25,
            out_ratio: 0.5,
            small_ratio: 0.1,
            ghost_ratio: 0.9,
            move_to_main: 2,
            fill_main: true,
            seed: 0,
        }
    }
}

impl Options {
    /// The first that is not what it may be.
    pub fn check(&self) -> Result<(), Invalid> {
        let ratios = [
            ("in_ratio", self.in_ratio, 1.0),
            ("out_ratio", self.out_ratio, 16.0),
            ("small_ratio", self.small_ratio, 1.0),
            ("ghost_ratio", self.ghost_ratio, 16.0),
        ];
        for (name, ratio, most) in ratios {
            if !(0.0..=most).contains(&ratio) {
                let allowed = if most == 1.0 { "a share from 0 to 1" } else { "a ratio from 0 to 16" };
                return Err(Invalid::new(name, ratio, allowed));
            }
        }
        if self.move_to_main == 0 {
            return Err(Invalid::new("move_to_main", 0, "a number from 1 to 255"));
        }
        Ok(())
    }
}
