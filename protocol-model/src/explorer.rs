//! A breadth-first search through every state of a model.
//!
//! It keeps whole states, never only their hashes, so it cannot miss a state because of a collision. A breadth-first
//! search meets a violation on a shortest way, so that is what it prints.

use std::fmt;
use std::hash::Hash;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

/// A system that moves from state to state, and what must be true of it.
pub(crate) trait Model {
    type State: Copy + Eq + Hash;
    type Step: Copy + fmt::Display;
    type Property: Copy + fmt::Display;

    fn start(&self) -> Self::State;

    /// Adds every step that can be taken from a state, with the state that it leads to.
    fn steps(&self, from: &Self::State, found: &mut Vec<(Self::Step, Self::State)>);

    /// One state for all that differ only in the names of equal parts.
    fn canonical(&self, state: Self::State) -> Self::State;

    /// A required step is taken sooner or later. The others may happen, and the system may not depend on them.
    fn is_required(&self, step: Self::Step) -> bool;

    fn broken_by_step(&self, before: &Self::State, after: &Self::State) -> Option<Self::Property>;

    fn broken_in(&self, state: &Self::State) -> Option<Self::Property>;

    /// Like [`Model::broken_in`], for states without a required step.
    fn broken_at_rest(&self, state: &Self::State) -> Option<Self::Property>;

    /// Broken when required steps alone never lead from a state to rest.
    fn comes_to_rest(&self) -> Self::Property;
}

/// The result of a search.
pub struct Exploration<P> {
    /// The number of states that it visited.
    pub states: usize,
    /// The number of steps that it tried.
    pub steps: usize,
    /// The first promise that it found broken.
    pub violation: Option<Violation<P>>,
}

/// A property that does not hold, and a shortest way to where it breaks.
pub struct Violation<P> {
    /// The promise.
    pub property: P,
    /// The steps from the start, in words.
    pub trace: Vec<String>,
}

impl<P: fmt::Display> fmt::Display for Violation<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "Broken: {}", self.property)?;
        self.trace
            .iter()
            .enumerate()
            .try_for_each(|(place, step)| writeln!(formatter, "{:4}. {step}", place + 1))
    }
}

/// Visits every state, or stops at the first violation.
pub(crate) fn explore<M: Model>(model: &M) -> Exploration<M::Property> {
    let mut search = Search::new(model);
    let violation = search.run().err();
    Exploration {
        states: search.states.len(),
        steps: search.steps,
        violation,
    }
}

struct Search<'a, M: Model> {
    model: &'a M,
    /// In the order in which the search met them, so the set is its queue, too.
    states: IndexSet<M::State, FxBuildHasher>,
    /// For each state, the state from which it was met first.
    parents: Vec<u32>,
    /// Required steps, as pairs of the state after and the state before.
    required: Vec<(u32, u32)>,
    resting: Vec<u32>,
    steps: usize,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M) -> Self {
        let start = model.canonical(model.start());
        Self {
            model,
            states: [start].into_iter().collect(),
            parents: vec![0],
            required: vec![],
            resting: vec![],
            steps: 0,
        }
    }

    fn run(&mut self) -> Result<(), Violation<M::Property>> {
        let mut found = vec![];
        let mut place = 0;
        while let Some(&state) = self.states.get_index(place as usize) {
            self.model.steps(&state, &mut found);
            self.visit(place, &state, &found)?;
            found.clear();
            place += 1;
        }
        match self.never_at_rest() {
            Some(place) => Err(self.violation(self.model.comes_to_rest(), place, None)),
            None => Ok(()),
        }
    }

    fn visit(
        &mut self,
        place: u32,
        state: &M::State,
        found: &[(M::Step, M::State)],
    ) -> Result<(), Violation<M::Property>> {
        self.steps += found.len();
        let mut at_rest = true;
        for (step, next) in found {
            if let Some(property) = self.broken(state, next) {
                return Err(self.violation(property, place, Some(*next)));
            }
            let next = self.meet(place, *next);
            if self.model.is_required(*step) {
                at_rest = false;
                self.required.push((next, place));
            }
        }
        if at_rest {
            self.resting.push(place);
            if let Some(property) = self.model.broken_at_rest(state) {
                return Err(self.violation(property, place, None));
            }
        }
        Ok(())
    }

    fn broken(&self, before: &M::State, after: &M::State) -> Option<M::Property> {
        let by_step = self.model.broken_by_step(before, after);
        by_step.or_else(|| self.model.broken_in(after))
    }

    fn meet(&mut self, parent: u32, state: M::State) -> u32 {
        let (place, is_new) = self.states.insert_full(self.model.canonical(state));
        if is_new {
            self.parents.push(parent);
        }
        u32::try_from(place).expect("a model of fewer than four billion states")
    }

    /// The first state from which required steps lead to no rest: the search goes backwards from all that rest.
    fn never_at_rest(&mut self) -> Option<u32> {
        self.required.sort_unstable();
        let mut rests = vec![false; self.states.len()];
        let mut queue = std::mem::take(&mut self.resting);
        while let Some(place) = queue.pop() {
            if std::mem::replace(&mut rests[place as usize], true) {
                continue;
            }
            let first = self.required.partition_point(|(after, _)| *after < place);
            let before = self.required[first..]
                .iter()
                .take_while(|(after, _)| *after == place)
                .map(|(_, before)| *before);
            queue.extend(before.filter(|before| !rests[*before as usize]));
        }
        rests
            .iter()
            .position(|rests| !rests)
            .map(|place| place as u32)
    }

    fn violation(
        &self,
        property: M::Property,
        place: u32,
        last: Option<M::State>,
    ) -> Violation<M::Property> {
        let mut way: Vec<M::State> = last
            .into_iter()
            .map(|state| self.model.canonical(state))
            .collect();
        let mut place = place as usize;
        while place != 0 {
            way.push(self.states[place]);
            place = self.parents[place] as usize;
        }
        way.reverse();
        Violation {
            property,
            trace: self.replay(&way),
        }
    }

    /// Goes the way again without canonical names, so that a part keeps its name from step to step.
    fn replay(&self, way: &[M::State]) -> Vec<String> {
        let mut state = self.model.start();
        let mut found = vec![];
        let mut trace = vec![];
        for next in way {
            found.clear();
            self.model.steps(&state, &mut found);
            let taken = found
                .iter()
                .find(|(_, state)| self.model.canonical(*state) == *next);
            let (step, after) = taken.expect("the search came this way");
            trace.push(step.to_string());
            state = *after;
        }
        trace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps between numbered states, from state 0. Only some are required.
    struct Graph {
        required: &'static [(u8, u8)],
        optional: &'static [(u8, u8)],
        broken: Option<u8>,
    }

    impl Model for Graph {
        type State = u8;
        type Step = u8;
        type Property = &'static str;

        fn start(&self) -> u8 {
            0
        }

        fn steps(&self, from: &u8, found: &mut Vec<(u8, u8)>) {
            let all = self.required.iter().chain(self.optional);
            found.extend(
                all.filter(|(before, _)| before == from)
                    .map(|(_, after)| (*after, *after)),
            );
        }

        fn canonical(&self, state: u8) -> u8 {
            state
        }

        fn is_required(&self, step: u8) -> bool {
            self.required.iter().any(|(_, after)| *after == step)
        }

        fn broken_by_step(&self, _: &u8, _: &u8) -> Option<&'static str> {
            None
        }

        fn broken_in(&self, state: &u8) -> Option<&'static str> {
            (self.broken == Some(*state)).then_some("broken")
        }

        fn broken_at_rest(&self, _: &u8) -> Option<&'static str> {
            None
        }

        fn comes_to_rest(&self) -> &'static str {
            "restless"
        }
    }

    fn violation(graph: Graph) -> Option<(&'static str, Vec<String>)> {
        explore(&graph)
            .violation
            .map(|violation| (violation.property, violation.trace))
    }

    #[test]
    fn visits_every_state_once() {
        let graph = Graph {
            required: &[(0, 1), (0, 2), (1, 3), (2, 3)],
            optional: &[],
            broken: None,
        };
        let exploration = explore(&graph);
        assert_eq!((exploration.states, exploration.steps), (4, 4));
        assert!(exploration.violation.is_none());
    }

    #[test]
    fn finds_the_shortest_way_to_a_violation() {
        let graph = Graph {
            required: &[(0, 1), (1, 2), (2, 4), (0, 3), (3, 4)],
            optional: &[],
            broken: Some(4),
        };
        assert_eq!(
            violation(graph),
            Some(("broken", vec!["3".to_owned(), "4".to_owned()]))
        );
    }

    #[test]
    fn finds_a_state_that_never_comes_to_rest() {
        let graph = Graph {
            required: &[(0, 1), (0, 2), (2, 3), (3, 2)],
            optional: &[],
            broken: None,
        };
        assert_eq!(violation(graph), Some(("restless", vec!["2".to_owned()])));
    }

    #[test]
    fn counts_on_no_optional_step_to_come_to_rest() {
        let graph = Graph {
            required: &[(0, 1), (1, 0)],
            optional: &[(1, 2)],
            broken: None,
        };
        assert_eq!(violation(graph), Some(("restless", vec![])));
    }
}
