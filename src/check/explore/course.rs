//! What is settled before an exploration sets out, and the verdict that it comes back with.
use super::ancestry::Path;
use super::model::{Claim, Model, Property};
use super::options::{Options, Strategy};
use super::report::{Counterexample, Outcome};

/// What is explored, and how.
pub(super) struct Course<'a, M> {
    pub(super) model: &'a M,
    /// As asked for, without what must not be.
    pub(super) options: Options,
    /// The properties that every fair behavior should come to.
    pub(super) eventually: Vec<usize>,
}

impl<'a, M: Model> Course<'a, M> {
    pub(super) fn new(model: &'a M, mut options: Options) -> Self {
        let is_eventual = |(_, property): &(usize, &Property)| property.claim == Claim::Eventually;
        let eventually: Vec<usize> =
            model.properties().iter().enumerate().filter(is_eventual).map(|(number, _)| number).collect();
        let remembers = !matches!(options.strategy, Strategy::Walks { .. });
        // What a behavior does for ever is not the same as what one that looks alike does, or one in another order.
        options.symmetry &= eventually.is_empty() && remembers;
        options.reduction &= eventually.is_empty() && !options.graph && remembers;
        Self { model, options, eventually }
    }

    /// Whether states and what leads from one to the other are kept.
    pub(super) fn keeps(&self) -> bool {
        self.options.graph || !self.eventually.is_empty()
    }

    /// How many bytes a state takes while its successors are not known.
    #[inline]
    pub(super) fn footprint(&self, state: &M::State) -> u64 {
        (size_of::<M::State>() + self.model.heap_bytes(state)) as u64
    }
}

/// What is known of the properties.
pub(super) struct Verdict<M: Model> {
    properties: Vec<Property>,
    outcomes: Vec<Option<Outcome>>,
    /// The properties of single states that are not decided yet.
    pub(super) open: Vec<(usize, Claim)>,
    /// Whether a deadlock would be one more counterexample.
    pub(super) deadlock: bool,
    all: bool,
    pub(super) counterexamples: Vec<Counterexample<M>>,
}

impl<M: Model> Verdict<M> {
    pub(super) fn new(course: &Course<M>) -> Self {
        let properties = course.model.properties().to_vec();
        let single = |(_, claim): &(usize, Claim)| *claim != Claim::Eventually;
        Self {
            outcomes: vec![None; properties.len()],
            open: properties.iter().map(|property| property.claim).enumerate().filter(single).collect(),
            properties,
            deadlock: course.options.deadlock,
            all: course.options.all_counterexamples,
            counterexamples: Vec::new(),
        }
    }

    pub(super) fn is_open(&self, property: usize) -> bool {
        self.outcomes[property].is_none()
    }

    fn decide(&mut self, property: usize, outcome: Outcome) {
        assert!(self.is_open(property), "a property is decided once");
        self.outcomes[property] = Some(outcome);
        self.open.retain(|(it, _)| *it != property);
    }

    /// A `sometimes` was seen.
    pub(super) fn seen(&mut self, property: usize) {
        self.decide(property, Outcome::Seen);
    }

    /// A counterexample was found.
    pub(super) fn refuted(&mut self, counterexample: Counterexample<M>) {
        match counterexample.property {
            Some(property) => self.decide(property, Outcome::Fails(Some(self.counterexamples.len()))),
            None => self.deadlock = false,
        }
        self.counterexamples.push(counterexample);
    }

    /// Whether nothing more is to be found out.
    pub(super) fn enough(&self) -> bool {
        let decided = !self.deadlock && self.outcomes.iter().all(Option::is_some);
        !self.counterexamples.is_empty() && (decided || !self.all)
    }

    /// What became of each property, if every state was visited or not.
    pub(super) fn outcomes(&mut self, complete: bool) -> Vec<(Property, Outcome)> {
        let otherwise = |property: &Property| match property.claim {
            _ if !complete => Outcome::Unknown,
            Claim::Sometimes => Outcome::Fails(None),
            Claim::Always | Claim::Eventually => Outcome::Holds,
        };
        let outcomes = std::mem::take(&mut self.outcomes).into_iter();
        std::mem::take(&mut self.properties)
            .into_iter()
            .zip(outcomes)
            .map(|(property, outcome)| {
                let outcome = outcome.unwrap_or_else(|| otherwise(&property));
                (property, outcome)
            })
            .collect()
    }
}

/// A path that ends where it should not.
pub(super) fn counterexample<M: Model>(property: Option<usize>, path: Path<M>) -> Counterexample<M> {
    Counterexample { property, states: path.states, actions: path.actions, lasso: None, closing: None }
}
