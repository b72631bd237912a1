//! Who may hold keys: names, weights, racks; and what can be wrong with a list of them.
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::sim::Invalid;

/// What a placement refuses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// A parameter outside of what is allowed.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// No server of that name.
    #[error("no server {name:?}")]
    Unknown {
        /// Which name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
}

/// A server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Server {
    /// Its name, unlike any other.
    pub name: String,
    /// Its share of the keys, relative to the others'.
    pub weight: f64,
    /// Where it stands: servers of one rack fail together.
    pub rack: Option<String>,
}

impl Server {
    /// Of weight 1, anywhere.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), weight: 1.0, rack: None }
    }
}

/// Servers in the order in which they were named; their numbers are places in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Servers(Vec<Server>);

impl Servers {
    /// At least one, no name twice, weights finite and above zero.
    pub fn new(servers: Vec<Server>) -> Result<Self, Error> {
        let mut all = Self(Vec::new());
        all.add(servers)?;
        if all.0.is_empty() {
            return Err(Invalid::new("nodes", "[]", "at least one node").into());
        }
        Ok(all)
    }

    /// All of them.
    pub fn all(&self) -> &[Server] {
        &self.0
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of the server of that name.
    pub fn number(&self, name: &str) -> Result<usize, Error> {
        self.0.iter().position(|it| it.name == name).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> Error {
        let known = self.0.iter().map(|it| it.name.clone()).collect();
        Error::Unknown { name: name.to_owned(), known }
    }

    /// Adds servers behind the others.
    pub fn add(&mut self, more: Vec<Server>) -> Result<(), Error> {
        let mut names: BTreeSet<&str> = self.0.iter().map(|it| it.name.as_str()).collect();
        for server in &more {
            if !names.insert(&server.name) {
                return Err(
                    Invalid::new("nodes", format!("{:?} twice", server.name), "names that differ").into()
                );
            }
            right_weight(server.weight)?;
        }
        if names.len() > i32::MAX as usize {
            return Err(Invalid::new("nodes", names.len(), "fewer than 2^31 nodes").into());
        }
        self.0.extend(more);
        Ok(())
    }

    /// Takes servers away and says where each of the old numbers went.
    pub fn remove(&mut self, names: &[String]) -> Result<Vec<Option<u32>>, Error> {
        let numbers: BTreeMap<&str, usize> =
            self.0.iter().enumerate().map(|(i, it)| (it.name.as_str(), i)).collect();
        let mut stays = vec![true; self.0.len()];
        for name in names {
            let number = numbers.get(name.as_str()).ok_or_else(|| self.unknown(name))?;
            if !std::mem::replace(&mut stays[*number], false) {
                return Err(Invalid::new("nodes", format!("{name:?} twice"), "names that differ").into());
            }
        }
        if stays.iter().all(|it| !it) {
            return Err(Invalid::new("nodes", "all", "to leave at least one node").into());
        }
        let mut next = 0..;
        let moved = stays.iter().map(|it| it.then(|| next.next()).flatten()).collect();
        let mut stays = stays.iter();
        self.0.retain(|_| stays.next().is_some_and(|it| *it));
        Ok(moved)
    }

    /// Gives a server another weight.
    pub fn reweight(&mut self, number: usize, weight: f64) -> Result<(), Error> {
        right_weight(weight)?;
        self.0[number].weight = weight;
        Ok(())
    }

    /// The last server takes the place of the one of that number, which goes.
    pub fn swap_remove(&mut self, number: usize) {
        self.0.swap_remove(number);
    }

    /// Whether all have one weight.
    pub fn alike(&self) -> bool {
        self.0.iter().all(|it| it.weight == self.0[0].weight)
    }

    /// What they take in memory.
    pub fn size_bytes(&self) -> usize {
        self.0
            .iter()
            .map(|it| size_of::<Server>() + it.name.len() + it.rack.as_ref().map_or(0, String::len))
            .sum()
    }
}

fn right_weight(weight: f64) -> Result<(), Invalid> {
    if weight.is_finite() && weight > 0.0 {
        return Ok(());
    }
    Err(Invalid::new("weights", weight, "finite numbers above 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Servers {
        Servers::new(names.iter().map(|it| Server::new(*it)).collect()).unwrap()
    }

    #[test]
    fn those_who_stay_close_the_ranks() {
        let mut servers = of(&["a", "b", "c", "d"]);
        let moved = servers.remove(&["c".into(), "a".into()]).unwrap();
        assert_eq!(moved, [None, Some(0), None, Some(1)]);
        assert_eq!(servers, of(&["b", "d"]));
    }

    #[test]
    fn bad_lists_are_refused_and_change_nothing() {
        let mut servers = of(&["a", "b"]);
        let said = |it: Result<(), Error>| it.unwrap_err().to_string();
        assert_eq!(
            said(servers.add(vec![Server::new("a")])),
            "nodes is \"a\" twice; allowed: names that differ"
        );
        for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(said(servers.add(vec![Server { weight, ..Server::new("c") }])).contains("above 0"));
        }
        assert_eq!(said(servers.remove(&["x".into()]).map(drop)), "no server \"x\"");
        assert!(said(servers.remove(&["a".into(), "b".into()]).map(drop)).contains("at least one"));
        assert!(said(servers.remove(&["a".into(), "a".into()]).map(drop)).contains("twice"));
        assert_eq!(servers, of(&["a", "b"]));
        assert!(Servers::new(Vec::new()).is_err());
    }
}
