//! The protocol as a model that can be explored.

use crate::configuration::Configuration;
use crate::explorer::Model;
use crate::ids::{ConsumerId, Id};
use crate::properties::{self, Property};
use crate::state::State;
use crate::step::Step;

/// The checkout protocol in one shop.
pub(crate) struct Protocol {
    shop: Configuration,
}

impl Protocol {
    pub(crate) fn new(shop: Configuration) -> Self {
        Self { shop }
    }
}

impl Model for Protocol {
    type State = State;
    type Step = Step;
    type Property = Property;

    fn start(&self) -> State {
        State::start(&self.shop)
    }

    fn steps(&self, from: &State, found: &mut Vec<(Step, State)>) {
        let mut steps = Steps {
            shop: &self.shop,
            now: from,
            found,
        };
        for consumer in (0..self.shop.consumers).map(ConsumerId::new) {
            steps.of_consumer(consumer);
        }
        steps.of_sweep();
        steps.of_world();
    }

    fn canonical(&self, mut state: State) -> State {
        state.sort_consumers();
        state
    }

    fn is_required(&self, step: Step) -> bool {
        step.is_required()
    }

    fn broken_by_step(&self, before: &State, after: &State) -> Option<Property> {
        properties::broken_by_step(&self.shop, before, after)
    }

    fn broken_in(&self, state: &State) -> Option<Property> {
        properties::broken_in(&self.shop, state)
    }

    fn broken_at_rest(&self, state: &State) -> Option<Property> {
        properties::broken_at_rest(&self.shop, state)
    }

    fn comes_to_rest(&self) -> Property {
        Property::ComesToRest
    }
}

/// Collects the steps that can be taken from one state.
pub(crate) struct Steps<'a> {
    pub(crate) shop: &'a Configuration,
    pub(crate) now: &'a State,
    found: &'a mut Vec<(Step, State)>,
}

impl Steps<'_> {
    pub(crate) fn add(&mut self, step: Step, change: impl FnOnce(&mut State)) {
        let mut next = *self.now;
        change(&mut next);
        next.forget();
        self.found.push((step, next));
    }
}
