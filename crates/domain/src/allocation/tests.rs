use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::fixtures::{self, NOW};
use crate::limits::MAX_LINES;

const NO_LIMITS: DecisionLimits = DecisionLimits {
    orders: usize::MAX,
    products: usize::MAX,
    bytes: usize::MAX,
};

fn product(number: usize) -> ProductId {
    fixtures::product_id(number as u128)
}

/// The `number`th checkout to arrive, for these products and quantities.
fn checkout(number: usize, lines: &[(usize, i64)]) -> Checkout {
    let lines: Vec<_> = lines
        .iter()
        .map(|&(number, quantity)| (product(number), quantity))
        .collect();
    Checkout {
        order_id: fixtures::order_id(number as u64),
        ..fixtures::checkout(&lines)
    }
}

fn shelf(levels: &[Units]) -> Shelf {
    let levels = levels.iter().enumerate();
    levels
        .map(|(number, units)| (product(number), *units))
        .collect()
}

/// Every decision that it takes to judge all checkouts, each committed before the next is planned.
fn allocate_all(
    checkouts: &[Checkout],
    mut shelf: Shelf,
    limits: DecisionLimits,
) -> (Vec<Allocation>, Shelf) {
    let mut waiting = checkouts;
    let mut allocations = Vec::new();
    while !waiting.is_empty() {
        let allocation = allocate(waiting, &shelf, limits);
        assert!(!allocation.verdicts.is_empty(), "each judges something");
        shelf.take(&allocation.taken);
        waiting = &waiting[allocation.verdicts.len()..];
        allocations.push(allocation);
    }
    (allocations, shelf)
}

/// All checkouts with their verdicts, in order of arrival.
fn judged<'a>(
    checkouts: &'a [Checkout],
    allocations: &[Allocation],
) -> Vec<(&'a Checkout, Verdict)> {
    let verdicts = allocations.iter().flat_map(|it| it.verdicts.clone());
    checkouts.iter().zip(verdicts).collect()
}

const PRODUCTS: usize = 6;

prop_compose! {
    /// Checkouts of one to four of a few products, so that they compete.
    fn checkouts()(
        wanted in prop::collection::vec(prop::collection::btree_map(0..PRODUCTS, 1i64..8, 1..5), 0..150)
    ) -> Vec<Checkout> {
        let lines = wanted.into_iter().map(|lines: BTreeMap<usize, i64>| lines.into_iter().collect());
        lines.enumerate().map(|(number, lines): (usize, Vec<_>)| checkout(number, &lines)).collect()
    }
}

fn levels() -> impl Strategy<Value = Vec<Units>> {
    prop::collection::vec(0u64..60, PRODUCTS)
}

fn limits() -> impl Strategy<Value = DecisionLimits> {
    (1usize..100, 4usize..10, 100usize..2_000).prop_map(|(orders, products, bytes)| {
        DecisionLimits {
            orders,
            products,
            bytes,
        }
    })
}

proptest! {
    /// I1 and I2: nothing goes below zero, and every unit is on the shelf or with an accepted checkout.
    #[test]
    fn the_books_balance(checkouts in checkouts(), levels in levels(), limits in limits()) {
        let (allocations, left) = allocate_all(&checkouts, shelf(&levels), limits);
        for (number, supply) in levels.iter().enumerate() {
            let held: Units = judged(&checkouts, &allocations).iter()
                .filter(|(_, verdict)| *verdict == Verdict::Accepted)
                .flat_map(|(checkout, _)| &checkout.lines)
                .filter(|line| line.product_id == product(number))
                .map(|line| line.quantity.units()).sum();
            prop_assert_eq!(*supply, left.available(product(number)) + held);
        }
    }

    /// I3: every checkout is judged exactly once.
    #[test]
    fn each_checkout_is_judged_once(checkouts in checkouts(), levels in levels(), limits in limits()) {
        let (allocations, _) = allocate_all(&checkouts, shelf(&levels), limits);
        let verdicts: usize = allocations.iter().map(|it| it.verdicts.len()).sum();
        prop_assert_eq!(verdicts, checkouts.len());
    }

    /// I4: a decision takes the sum of its accepted checkouts, all lines of each.
    #[test]
    fn a_checkout_takes_all_its_lines_or_none(checkouts in checkouts(), levels in levels(), limits in limits()) {
        let (allocations, _) = allocate_all(&checkouts, shelf(&levels), limits);
        let mut waiting = checkouts.as_slice();
        for allocation in allocations {
            let (front, rest) = waiting.split_at(allocation.verdicts.len());
            let mut taken = BTreeMap::new();
            for (checkout, verdict) in front.iter().zip(&allocation.verdicts) {
                for line in checkout.lines.iter().filter(|_| *verdict == Verdict::Accepted) {
                    *taken.entry(line.product_id).or_default() += line.quantity.units();
                }
            }
            prop_assert_eq!(taken, allocation.taken);
            waiting = rest;
        }
    }

    /// Fairness: a rejected checkout really was short, counting only what earlier ones got; so no
    /// later checkout ever gets units that an earlier one was denied.
    #[test]
    fn no_checkout_is_rejected_for_units_that_a_later_one_got(checkouts in checkouts(), levels in levels(), limits in limits()) {
        let (allocations, _) = allocate_all(&checkouts, shelf(&levels), limits);
        let mut left = shelf(&levels);
        for (checkout, verdict) in judged(&checkouts, &allocations) {
            let short: Vec<Shortage> = checkout.lines.iter()
                .filter(|line| left.available(line.product_id) < line.quantity.units())
                .map(|line| Shortage {
                    product_id: line.product_id,
                    requested: line.quantity,
                    available: left.available(line.product_id),
                }).collect();
            match verdict {
                Verdict::Rejected(rejection) => prop_assert_eq!(rejection, Rejection::OutOfStock { short }),
                Verdict::Accepted => {
                    prop_assert_eq!(&short, &[]);
                    left.take(&checkout.lines.iter().map(|line| (line.product_id, line.quantity.units())).collect());
                }
            }
        }
    }

    /// The cuts: no decision is over a limit, and none is cut that could have held one more.
    #[test]
    fn a_decision_is_cut_only_where_it_must_be(checkouts in checkouts(), levels in levels(), limits in limits()) {
        let (allocations, _) = allocate_all(&checkouts, shelf(&levels), limits);
        let mut waiting = checkouts.as_slice();
        for allocation in &allocations {
            let (front, rest) = waiting.split_at(allocation.verdicts.len());
            let accepted: Vec<&Checkout> = front.iter().zip(&allocation.verdicts)
                .filter(|(_, verdict)| **verdict == Verdict::Accepted).map(|(checkout, _)| checkout).collect();
            let bytes: usize = accepted.iter().map(|checkout| key_bytes(&checkout.user_id)).sum();
            let alone = allocation.verdicts.len() == 1;
            prop_assert!(alone || accepted.len() <= limits.orders);
            prop_assert!(alone || allocation.taken.len() <= limits.products);
            prop_assert!(alone || bytes <= limits.bytes);
            if let Some(next) = rest.first() {
                prop_assert!(
                    accepted.len() == limits.orders
                        || allocation.taken.len() + allocation.new_products(&next.lines) > limits.products
                        || bytes + key_bytes(&next.user_id) > limits.bytes
                );
            }
            waiting = rest;
        }
    }

    /// Cutting a batch changes no verdict.
    #[test]
    fn cuts_do_not_change_verdicts(checkouts in checkouts(), levels in levels(), limits in limits()) {
        let (whole, left_whole) = allocate_all(&checkouts, shelf(&levels), NO_LIMITS);
        let (cut, left_cut) = allocate_all(&checkouts, shelf(&levels), limits);
        prop_assert_eq!(judged(&checkouts, &whole), judged(&checkouts, &cut));
        for number in 0..PRODUCTS {
            prop_assert_eq!(left_whole.available(product(number)), left_cut.available(product(number)));
        }
    }
}

#[test]
fn a_thousand_checkouts_of_one_product_are_one_merged_decrement() {
    let checkouts: Vec<_> = (0..1_000)
        .map(|number| checkout(number, &[(0, 1)]))
        .collect();
    let (allocations, left) = allocate_all(&checkouts, shelf(&[600]), DecisionLimits::default());
    assert_eq!(allocations.len(), 1);
    assert_eq!(allocations[0].taken, BTreeMap::from([(product(0), 600)]));
    assert_eq!(left.available(product(0)), 0);
}

#[test]
fn a_rejection_names_every_product_that_was_short() {
    let waiting = [
        checkout(0, &[(0, 2)]),
        checkout(1, &[(0, 3), (1, 1), (2, 9)]),
    ];
    let allocation = allocate(&waiting, &shelf(&[4, 1, 8]), DecisionLimits::default());
    let Verdict::Rejected(Rejection::OutOfStock { short }) = &allocation.verdicts[1] else {
        panic!("the second checkout is short: {allocation:?}");
    };
    let said: Vec<_> = short
        .iter()
        .map(|short| (short.product_id, short.requested.get(), short.available))
        .collect();
    assert_eq!(said, [(product(0), 3, 2), (product(2), 9, 8)]);
}

#[test]
fn the_largest_order_fits_one_decision_and_one_plan() {
    let lines: Vec<_> = (0..MAX_LINES).map(|number| (number, 1)).collect();
    let shelf = shelf(&[10; MAX_LINES]);
    let twice = [checkout(0, &lines), checkout(1, &lines)];
    let allocation = allocate(&twice, &shelf, DecisionLimits::default());
    assert_eq!(allocation.verdicts, [Verdict::Accepted, Verdict::Accepted]);
    let terms = Terms {
        decision_id: None,
        decided_at: NOW,
        pay_by: NOW,
    };
    let plan = plan_order(&twice[0], &shelf, terms, |_| 100);
    assert_eq!(plan.actions(), MAX_LINES + 1);
}
