//! What can be wrong with a trace, and where.
use std::fmt;
use std::io;

use thiserror::Error;

use crate::sim::Invalid;

/// Where in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line, from 1 on.
    Line(u64),
    /// A record, from 1 on.
    Record(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Record(record) => write!(f, "record {record}"),
        }
    }
}

/// Why a trace cannot be read.
#[derive(Debug, Error)]
pub enum TraceError {
    /// A line or a record that is none.
    #[error("{place}: expected {allowed}, got {found:?}")]
    Malformed {
        /// Which.
        place: Place,
        /// What it says, cut short if it is long.
        found: String,
        /// What it should be.
        allowed: &'static str,
    },
    /// The trace ends in the middle: of a record, or of what is compressed.
    #[error("the trace ends in the middle, after {place}")]
    Truncated {
        /// The last one that is whole.
        place: Place,
    },
    /// The compressed bytes are damaged.
    #[error("after {place}: the compressed data is damaged: {why}")]
    Damaged {
        /// The last one that is whole.
        place: Place,
        /// What the decompressor says.
        why: String,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Io(io::Error),
    /// A parameter that is not allowed.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl TraceError {
    /// A malformed line or record.
    pub fn malformed(place: Place, found: &[u8], allowed: &'static str) -> Self {
        const LONGEST: usize = 60;
        let cut = &found[..found.len().min(LONGEST)];
        let mut found = String::from_utf8_lossy(cut).into_owned();
        if cut.len() == LONGEST {
            found.push_str("...");
        }
        Self::Malformed { place, found, allowed }
    }

    /// What reading failed with, after `place`.
    pub fn reading(error: io::Error, place: Place, compressed: bool) -> Self {
        match error.kind() {
            // From outside comes an error with a payload of its own: it is not the trace that is at fault.
            _ if error.get_ref().is_some_and(|it| it.is::<Foreign>()) => Self::Io(error),
            io::ErrorKind::UnexpectedEof if compressed => Self::Truncated { place },
            _ if compressed && error.raw_os_error().is_none() => {
                Self::Damaged { place, why: error.to_string() }
            }
            _ => Self::Io(error),
        }
    }
}

/// An error of whoever supplies the bytes, kept as it is through the decompressor.
#[derive(Debug)]
pub struct Foreign(pub Box<dyn std::error::Error + Send + Sync>);

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Foreign {}
