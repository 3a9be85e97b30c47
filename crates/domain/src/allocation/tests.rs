use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::fixtures;
use crate::id::OrderId;
use crate::limits::MAX_LINES;
use crate::plan::STOCK_ITEM_BYTES;

const TERMS: Terms = Terms {
    decided_at: Timestamp::UNIX_EPOCH,
    pay_by: Timestamp::UNIX_EPOCH,
};

const NO_LIMITS: TransactionLimits = TransactionLimits {
    actions: usize::MAX,
    bytes: usize::MAX,
    orders: usize::MAX,
};

fn product(number: usize) -> ProductId {
    fixtures::product_id(number as u128)
}

fn order_id(number: usize) -> OrderId {
    fixtures::order_id(number as u64)
}

/// The `number`th checkout to arrive, for these products and quantities.
fn checkout(number: usize, lines: &[(usize, i64)]) -> Checkout {
    let lines: Vec<_> = lines
        .iter()
        .map(|&(number, quantity)| (product(number), quantity))
        .collect();
    Checkout {
        order_id: order_id(number),
        ..fixtures::checkout(&lines)
    }
}

fn shelf(levels: &[Units]) -> Shelf {
    let levels = levels.iter().enumerate();
    levels
        .map(|(number, units)| (product(number), *units))
        .collect()
}

fn size_of(order: &Order) -> usize {
    order.lines().iter().count() * 100
}

/// Every transaction it takes to decide all checkouts, each committed before the next is planned.
fn decide_all(
    checkouts: Vec<Checkout>,
    mut shelf: Shelf,
    limits: TransactionLimits,
) -> (Vec<Plan>, Shelf) {
    let mut waiting = checkouts.as_slice();
    let mut plans = Vec::new();
    while !waiting.is_empty() {
        let plan = allocate(waiting, &shelf, limits, TERMS, size_of);
        assert!(!plan.orders.is_empty(), "each plan decides something");
        shelf.take(&plan.moves);
        waiting = &waiting[plan.orders.len()..];
        plans.push(plan);
    }
    (plans, shelf)
}

fn accepted(order: &Order) -> bool {
    order.status().holds_stock()
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

fn limits() -> impl Strategy<Value = TransactionLimits> {
    (5usize..100, 500usize..5_000, 1usize..100).prop_map(|(actions, bytes, orders)| {
        TransactionLimits {
            actions,
            bytes,
            orders,
        }
    })
}

proptest! {
    /// I1 and I2: nothing goes below zero, and every unit is on the shelf or in an accepted order.
    #[test]
    fn the_books_balance(checkouts in checkouts(), levels in levels(), limits in limits()) {
        let (plans, left) = decide_all(checkouts, shelf(&levels), limits);
        for (number, supply) in levels.iter().enumerate() {
            let held: Units = plans.iter().flat_map(|plan| &plan.orders).filter(|order| accepted(order))
                .flat_map(|order| order.lines())
                .filter(|line| line.product_id == product(number))
                .map(|line| line.quantity.units()).sum();
            prop_assert_eq!(*supply, left.available(product(number)) + held);
        }
    }

    /// I3: every checkout is decided exactly once, in order of arrival.
    #[test]
    fn each_checkout_is_decided_once_and_in_order(checkouts in checkouts(), levels in levels(), limits in limits()) {
        let (plans, _) = decide_all(checkouts.clone(), shelf(&levels), limits);
        let decided: Vec<_> = plans.into_iter().flat_map(|plan| plan.orders).map(|order| order.checkout).collect();
        prop_assert_eq!(decided, checkouts);
    }

    /// I4: what a transaction takes is the sum of its accepted orders, all lines of each.
    #[test]
    fn an_order_takes_all_its_lines_or_none(checkouts in checkouts(), levels in levels(), limits in limits()) {
        let (plans, _) = decide_all(checkouts, shelf(&levels), limits);
        for plan in plans {
            let mut moves = BTreeMap::new();
            for line in plan.orders.iter().filter(|order| accepted(order)).flat_map(|order| order.lines()) {
                *moves.entry(line.product_id).or_default() += line.quantity.units();
            }
            prop_assert_eq!(moves, plan.moves);
        }
    }

    /// Fairness: whoever is rejected really was short of something, counting only what earlier
    /// orders got; so no later order ever gets units an earlier one was refused.
    #[test]
    fn nobody_is_rejected_for_units_a_later_order_got(checkouts in checkouts(), levels in levels(), limits in limits()) {
        let (plans, _) = decide_all(checkouts, shelf(&levels), limits);
        let mut left = shelf(&levels);
        for order in plans.iter().flat_map(|plan| &plan.orders) {
            let missing: Vec<Shortage> = order.lines().iter()
                .filter(|line| left.available(line.product_id) < line.quantity.units())
                .map(|line| Shortage {
                    product_id: line.product_id,
                    requested: line.quantity,
                    available: left.available(line.product_id),
                }).collect();
            match &order.state {
                OrderState::Rejected { short } => prop_assert_eq!(short, &missing),
                _ => {
                    prop_assert_eq!(&missing, &[]);
                    left.take(&order.lines().iter().map(|line| (line.product_id, line.quantity.units())).collect());
                }
            }
        }
    }

    /// The cuts: no plan is over a limit, and none is cut short that could have held one more.
    #[test]
    fn a_plan_is_cut_only_where_it_must_be(checkouts in checkouts(), levels in levels(), limits in limits()) {
        let (plans, _) = decide_all(checkouts, shelf(&levels), limits);
        let weight = |orders: &[Order], moves: usize| {
            (orders.len() + moves, orders.iter().map(size_of).sum::<usize>() + moves * STOCK_ITEM_BYTES)
        };
        for plan in &plans {
            let (actions, bytes) = weight(&plan.orders, plan.moves.len());
            let alone = plan.orders.len() == 1;
            prop_assert!(alone || (actions <= limits.actions && bytes <= limits.bytes));
            prop_assert!(plan.orders.len() <= limits.orders);
        }
        for pair in plans.windows(2) {
            let next = &pair[1].orders[0];
            let new = if accepted(next) { pair[0].new_moves(next) } else { 0 };
            let (actions, bytes) = weight(&pair[0].orders, pair[0].moves.len());
            prop_assert!(
                actions + 1 + new > limits.actions
                    || bytes + size_of(next) + new * STOCK_ITEM_BYTES > limits.bytes
                    || pair[0].orders.len() == limits.orders
            );
        }
    }

    /// Cutting a batch changes nobody's answer.
    #[test]
    fn cuts_do_not_change_decisions(checkouts in checkouts(), levels in levels(), limits in limits()) {
        let states = |plans: Vec<Plan>| plans.into_iter().flat_map(|plan| plan.orders).map(|order| order.state).collect::<Vec<_>>();
        let (whole, left_whole) = decide_all(checkouts.clone(), shelf(&levels), NO_LIMITS);
        let (cut, left_cut) = decide_all(checkouts, shelf(&levels), limits);
        prop_assert_eq!(states(whole), states(cut));
        for number in 0..PRODUCTS {
            prop_assert_eq!(left_whole.available(product(number)), left_cut.available(product(number)));
        }
    }
}

#[test]
fn a_hot_product_takes_one_merged_decrement() {
    let checkouts = (0..90).map(|number| checkout(number, &[(0, 1)])).collect();
    let (plans, left) = decide_all(checkouts, shelf(&[50]), TransactionLimits::default());
    assert_eq!(plans.len(), 1);
    assert_eq!(plans[0].moves, BTreeMap::from([(product(0), 50)]));
    assert_eq!(plans[0].actions(), 91);
    assert_eq!(left.available(product(0)), 0);
}

#[test]
fn a_short_order_says_all_that_was_short() {
    let waiting = [
        checkout(0, &[(0, 2)]),
        checkout(1, &[(0, 3), (1, 1), (2, 9)]),
    ];
    let plan = allocate(
        &waiting,
        &shelf(&[4, 1, 8]),
        TransactionLimits::default(),
        TERMS,
        size_of,
    );
    let OrderState::Rejected { short } = &plan.orders[1].state else {
        panic!("the second order is short: {:?}", plan.orders[1]);
    };
    let said: Vec<_> = short
        .iter()
        .map(|short| (short.product_id, short.requested.get(), short.available))
        .collect();
    assert_eq!(said, [(product(0), 3, 2), (product(2), 9, 8)]);
}

#[test]
fn the_largest_order_fits_one_transaction() {
    let lines: Vec<_> = (0..MAX_LINES).map(|number| (number, 1)).collect();
    let levels = vec![10; MAX_LINES];
    let (plans, _) = decide_all(
        vec![checkout(0, &lines), checkout(1, &lines)],
        shelf(&levels),
        TransactionLimits::default(),
    );
    assert_eq!(plans.len(), 1, "the same products are decremented together");
    assert_eq!(plans[0].actions(), MAX_LINES + 2);
}
