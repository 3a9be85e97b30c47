//! The protocol keeps its promises in every state of these shops.
//!
//! `cargo test -p protocol-model --test protocol -- --nocapture` prints the number of states of each.

use protocol_model::{Configuration, check};

fn assert_kept(shop: Configuration) {
    let exploration = check(shop.clone());
    let name = std::thread::current()
        .name()
        .map(str::to_owned)
        .unwrap_or_default();
    println!(
        "{name}: {} states, {} steps",
        exploration.states, exploration.steps
    );
    if let Some(violation) = exploration.violation {
        panic!("{violation}\nin {shop:?}");
    }
}

#[test]
fn nothing_goes_wrong() {
    assert_kept(Configuration::calm(3, 2));
}

#[test]
fn a_crash() {
    assert_kept(Configuration::calm(3, 2).crashes(1));
}

#[test]
fn a_crash_of_a_large_batch() {
    assert_kept(Configuration::calm(3, 2).batch(3).crashes(1));
}

#[test]
fn crashes_releases_and_payments() {
    assert_kept(Configuration::calm(2, 1).crashes(2).releases(2).payments());
}

#[test]
fn lost_answers() {
    assert_kept(Configuration::calm(2, 2).lost_answers(3));
}

#[test]
fn a_lost_answer_a_crash_releases_and_payments() {
    assert_kept(
        Configuration::calm(2, 1)
            .lost_answers(1)
            .crashes(1)
            .releases(2)
            .payments(),
    );
}

#[test]
fn a_copy() {
    assert_kept(Configuration::calm(3, 2).copy());
}

#[test]
fn a_copy_a_crash_a_lost_answer_and_a_release() {
    let shop = Configuration::calm(2, 1).copy();
    assert_kept(shop.crashes(1).lost_answers(1).releases(1));
}

#[test]
fn a_copy_a_resubmission_and_a_release() {
    assert_kept(Configuration::calm(2, 1).copy().resubmission().releases(1));
}

#[test]
fn a_slow_consumer_and_a_copy() {
    assert_kept(Configuration::calm(2, 1).lapses(1).copy());
}

#[test]
fn three_consumers_and_a_crash() {
    assert_kept(Configuration::calm(3, 2).consumers(3).batch(1).crashes(1));
}

#[test]
fn three_consumers_a_copy_and_a_crash() {
    assert_kept(
        Configuration::calm(2, 1)
            .consumers(3)
            .batch(1)
            .copy()
            .crashes(1),
    );
}

#[test]
fn a_batch_cut_into_two_decisions_a_copy_and_a_release() {
    let shop = Configuration::calm(3, 2).decision(1).batch(3);
    assert_kept(shop.copy().releases(1));
}

#[test]
fn a_batch_cut_into_two_decisions_and_a_crash() {
    assert_kept(Configuration::calm(3, 2).decision(1).batch(3).crashes(1));
}

#[test]
fn a_batch_cut_into_two_decisions_a_lost_answer_and_a_release() {
    let shop = Configuration::calm(3, 2).decision(1).batch(3);
    assert_kept(shop.lost_answers(1).releases(1));
}

#[test]
fn a_batch_cut_into_two_decisions_a_copy_a_crash_and_a_lost_answer() {
    let shop = Configuration::calm(2, 2).decision(1);
    assert_kept(shop.copy().crashes(1).lost_answers(1));
}

#[test]
fn nothing_to_sell_a_copy_and_all_failures() {
    let shop = Configuration::calm(2, 0).copy();
    assert_kept(shop.crashes(1).lost_answers(1).lapses(1));
}

#[test]
fn everything_at_once_for_one_checkout() {
    let shop = Configuration::calm(1, 1).copy().payments();
    assert_kept(shop.crashes(1).lost_answers(1).releases(1).lapses(1));
}

#[test]
fn a_copy_a_resubmission_and_all_failures_of_one_checkout() {
    let shop = Configuration::calm(1, 2).copy().resubmission();
    assert_kept(shop.crashes(1).lost_answers(1).releases(1));
}

#[test]
fn a_slow_consumer_payments_and_all_failures() {
    let shop = Configuration::calm(2, 1).lapses(1).crashes(1);
    assert_kept(shop.releases(1).lost_answers(1).payments());
}

#[test]
#[ignore = "takes minutes and gigabytes"]
fn wide_a_batch_cut_into_two_decisions_and_all_failures() {
    let shop = Configuration::calm(2, 2).decision(1).copy();
    assert_kept(shop.crashes(1).lost_answers(1).releases(1));
}

#[test]
#[ignore = "takes minutes and gigabytes"]
fn wide_a_copy_a_slow_consumer_and_all_failures() {
    let shop = Configuration::calm(2, 1).copy();
    assert_kept(shop.crashes(1).lost_answers(1).releases(1).lapses(1));
}
