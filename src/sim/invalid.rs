//! The one shape of a complaint about a parameter.
use thiserror::Error;

/// A parameter outside of what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{parameter} is {value}; allowed: {allowed}")]
pub struct Invalid {
    /// Which parameter, as a path: `network.latency.sigma`.
    pub parameter: String,
    /// What it was.
    pub value: String,
    /// What it may be, in words.
    pub allowed: &'static str,
}

impl Invalid {
    /// `parameter` is `value`, but must be `allowed`.
    pub fn new(parameter: impl Into<String>, value: impl ToString, allowed: &'static str) -> Self {
        Self { parameter: parameter.into(), value: value.to_string(), allowed }
    }

    /// The same complaint seen from outside: `sigma` within `latency` is `latency.sigma`.
    pub fn within(mut self, outer: &str) -> Self {
        self.parameter = format!("{outer}.{}", self.parameter);
        self
    }
}
