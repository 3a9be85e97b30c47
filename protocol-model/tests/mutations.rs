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
    let shop = Configuration::calm(2, 3).copy();
    assert_breaks(Mutation::ReturnsBeforePuts, shop, Property::UnitsBalance);
}

#[test]
fn a_throttled_put_is_not_attempted() {
    let shop = Configuration::calm(1, 1);
    assert_breaks(
        Mutation::ThrottledPutAttempted,
        shop,
        Property::UnitsBalance,
    );
}

#[test]
fn a_throttled_rejection_is_not_attempted() {
    let shop = Configuration::calm(1, 0);
    assert_breaks(
        Mutation::ThrottledPutAttempted,
        shop,
        Property::CheckoutsDecided,
    );
}

#[test]
fn an_order_that_was_released_is_not_returned_again() {
    let shop = Configuration::calm(1, 1).releases(1);
    assert_breaks(Mutation::ReturnsReleased, shop, Property::UnitsBalance);
}

#[test]
fn an_order_that_was_rejected_first_is_returned() {
    let shop = Configuration::calm(2, 1).copy().releases(1);
    assert_breaks(Mutation::RejectedNotReturned, shop, Property::UnitsBalance);
}

#[test]
fn a_put_overwrites_nothing() {
    let shop = Configuration::calm(1, 1).releases(1);
    assert_breaks(Mutation::UnconditionalPut, shop, Property::ReleasedStays);
}

#[test]
fn a_rejection_overwrites_nothing() {
    let shop = Configuration::calm(1, 1).copy();
    assert_breaks(
        Mutation::UnconditionalRejection,
        shop,
        Property::ResultStays,
    );
}

#[test]
fn a_decision_closes_once() {
    let shop = Configuration::calm(1, 2).copy();
    assert_breaks(Mutation::UnconditionalClose, shop, Property::UnitsBalance);
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
fn only_messages_of_entered_orders_are_deleted() {
    let shop = Configuration::calm(1, 0).crashes(1);
    assert_breaks(
        Mutation::AcknowledgeUnentered,
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
fn a_look_compares_every_message() {
    let shop = Configuration::calm(1, 1).copy();
    assert_breaks(Mutation::LookForSeenOnly, shop, Property::Fairness);
}

#[test]
fn a_commit_keeps_its_id() {
    let shop = Configuration::calm(1, 2).lost_answers(1);
    assert_breaks(Mutation::NewIdAfterLostAnswer, shop, Property::UnitHeldOnce);
}

#[test]
fn a_commit_that_finds_its_record_is_made() {
    let shop = Configuration::calm(1, 2).lost_answers(1);
    assert_breaks(Mutation::RecordMeansFailure, shop, Property::UnitHeldOnce);
}

#[test]
fn a_record_is_never_overwritten() {
    let shop = Configuration::calm(1, 2).lost_answers(1);
    assert_breaks(Mutation::UnconditionalRecord, shop, Property::UnitsBalance);
}

#[test]
fn new_content_gets_a_new_id() {
    let shop = Configuration::calm(3, 2).lost_answers(1).releases(1);
    assert_breaks(Mutation::OldIdForNewContent, shop, Property::UnitsBalance);
}

#[test]
fn orders_are_never_deleted() {
    let shop = Configuration::calm(1, 1).releases(1);
    assert_breaks(Mutation::OrdersDeleted, shop, Property::UnitsBalance);
}

#[test]
fn a_sweep_closes_what_no_message_leads_to() {
    let shop = Configuration::calm(1, 1).crashes(1).lost_answers(1);
    assert_breaks(Mutation::NoSweep, shop, Property::DecisionsClose);
}

#[test]
fn a_violation_tells_the_shortest_way_in_words() {
    let shop = Configuration::calm(1, 1).crashes(1);
    let exploration = check(shop.mutated(Mutation::AcknowledgeBeforeCommit));
    let expected = "\
Broken: every checkout has its order in the end
   1. consumer 1 receives message 1 (order A)
   2. consumer 1 acknowledges message 1
   3. consumer 1 crashes
";
    assert_eq!(exploration.violation.unwrap().to_string(), expected);
}
