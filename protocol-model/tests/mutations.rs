//! Each rule of the protocol is needed: without it, the search finds a promise that breaks.

use protocol_model::{Configuration, Mutation, Property, check};

#[track_caller]
fn assert_breaks(mutation: Mutation, shop: Configuration, expected: Property) {
    let sound = check(shop.clone()).violation;
    assert!(
        sound.is_none(),
        "the shop is broken without a mutation, too"
    );
    let exploration = check(shop.mutated(mutation));
    let violation = exploration.violation.unwrap_or_else(|| {
        panic!(
            "nothing breaks with {mutation:?} in {} states",
            exploration.states
        )
    });
    println!(
        "{mutation:?}, after {} states\n{violation}",
        exploration.states
    );
    assert_eq!(violation.property, expected, "{violation}");
}

#[test]
fn returns_are_computed_after_all_puts() {
    let shop = Configuration::calm(1, 2).copy();
    assert_breaks(Mutation::ReturnsBeforePuts, shop, Property::UnitsBalance);
}

#[test]
fn a_throttled_put_is_not_attempted() {
    assert_breaks(
        Mutation::ThrottledPutAttempted,
        Configuration::calm(1, 1),
        Property::UnitsBalance,
    );
}

#[test]
fn an_order_that_was_released_is_not_returned_again() {
    let shop = Configuration::calm(1, 1).releases(1);
    assert_breaks(Mutation::ReturnsReleased, shop, Property::UnitsBalance);
}

#[test]
fn every_closer_returns_an_order_over_its_limit() {
    let shop = Configuration::calm(1, 1).customer_limit();
    assert_breaks(
        Mutation::LimitReturnedByWriterOnly,
        shop,
        Property::UnitsBalance,
    );
}

#[test]
fn a_put_overwrites_nothing() {
    let shop = Configuration::calm(1, 1).releases(1);
    assert_breaks(Mutation::UnconditionalPut, shop, Property::ReleasedStays);
}

#[test]
fn a_put_overwrites_no_result_of_another_decision() {
    let shop = Configuration::calm(1, 1).copy();
    assert_breaks(Mutation::UnconditionalPut, shop, Property::ResultStays);
}

#[test]
fn a_decision_closes_once() {
    let shop = Configuration::calm(1, 2).copy();
    assert_breaks(Mutation::UnconditionalClose, shop, Property::UnitsBalance);
}

#[test]
fn a_decision_that_is_gone_is_not_closed() {
    let shop = Configuration::calm(1, 2).copy().records_expire();
    assert_breaks(Mutation::CloseUnlessClosed, shop, Property::UnitsBalance);
}

#[test]
fn messages_are_deleted_after_the_commit() {
    let shop = Configuration::calm(1, 1).crashes(1);
    assert_breaks(
        Mutation::AcknowledgeBeforeCommit,
        shop,
        Property::CheckoutsDecided,
    );
}

#[test]
fn the_stock_is_read_before_the_look() {
    let shop = Configuration::calm(1, 1).copy();
    assert_breaks(Mutation::LookBeforeStock, shop, Property::Fairness);
}

#[test]
fn a_newer_stock_value_is_followed_by_a_look() {
    let shop = Configuration::calm(1, 1).copy();
    assert_breaks(Mutation::NoLookAfterNewerStock, shop, Property::Fairness);
}

#[test]
fn a_rejection_is_preceded_by_a_look() {
    let shop = Configuration::calm(1, 1).copy();
    assert_breaks(Mutation::LookOnlyWhenSeen, shop, Property::Fairness);
}

#[test]
fn a_commit_keeps_its_id() {
    let shop = Configuration::calm(1, 2).lost_answers(1);
    assert_breaks(Mutation::NewIdAfterLostAnswer, shop, Property::UnitHeldOnce);
}

#[test]
fn orders_are_never_deleted() {
    let shop = Configuration::calm(1, 1).releases(1);
    assert_breaks(Mutation::OrdersDeleted, shop, Property::UnitsBalance);
}

#[test]
fn a_sweep_closes_what_no_message_leads_to() {
    let shop = Configuration::calm(1, 1).crashes(1);
    assert_breaks(Mutation::NoSweep, shop, Property::DecisionsClose);
}

#[test]
fn a_violation_tells_the_shortest_way_in_words() {
    let shop = Configuration::calm(1, 1).crashes(1);
    let exploration = check(shop.mutated(Mutation::AcknowledgeBeforeCommit));
    let expected = "\
Broken: every checkout has its order in the end
   1. consumer 1 receives message 1 (order A)
   2. consumer 1 stops gathering and acknowledges its messages
   3. consumer 1 crashes
";
    assert_eq!(exploration.violation.unwrap().to_string(), expected);
}
