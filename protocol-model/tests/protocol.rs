//! The protocol keeps its promises in every state of these shops.

use protocol_model::{Configuration, check};

fn assert_kept(shop: Configuration) {
    let exploration = check(shop.clone());
    println!("{} states, {} steps", exploration.states, exploration.steps);
    if let Some(violation) = exploration.violation {
        panic!("{violation}\nin {shop:?}");
    }
}

#[test]
fn calm() {
    assert_kept(Configuration::calm(2, 1));
}

#[test]
fn a_crash_and_a_release() {
    assert_kept(Configuration::calm(2, 1).crashes(1).releases(1));
}
#[test]
fn a_copy_and_a_crash() {
    assert_kept(Configuration::calm(2, 1).copy().crashes(1));
}
#[test]
fn a_copy_and_a_resubmission() {
    assert_kept(Configuration::calm(2, 1).copy().resubmission());
}
#[test]
fn a_lost_answer() {
    assert_kept(Configuration::calm(2, 1).lost_answers(1).releases(1));
}
