//! The audit finds each kind of damage to the tables.

use std::time::Duration;

use audit::{Fault, Report, Verdict};
use jiff::SignedDuration;

use crate::shop::Shop;

const NO_WAIT: Duration = Duration::ZERO;

fn faults(report: &Report) -> Vec<Fault> {
    report
        .books
        .faults
        .iter()
        .map(|(fault, ..)| fault)
        .collect()
}

async fn assert_found(shop: &Shop, expected: &[Fault]) {
    let report = shop.audit(NO_WAIT).await;
    assert_eq!(report.verdict, Verdict::Off);
    assert_eq!(faults(&report), expected, "{}", report.show(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn undamaged_books_balance() {
    let shop = Shop::open().await;
    let (plenty, scarce) = (shop.stocked(100).await, shop.stocked(3).await);
    shop.sold(10, &[(plenty, 2)]).await;
    shop.sold(5, &[(plenty, 1), (scarce, 1)]).await;
    let report = shop.audit(NO_WAIT).await;
    assert_eq!(report.verdict, Verdict::Balanced, "{}", report.show(10));
    assert_eq!((report.books.orders, report.books.carts), (15, 15));
    let held = |product| report.books.products[&product].held;
    assert_eq!((held(plenty), held(scarce)), (23, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn books_of_many_pages_are_read_once_and_to_the_end() {
    let shop = Shop::open().await;
    // Orders of 50 lines take 4 KB and more, so that each segment has several pages of 1 MB.
    let mut lines = Vec::new();
    for _ in 0..50 {
        lines.push((shop.stocked(10_000).await, 1));
    }
    shop.sold(1_500, &lines).await;
    let report = shop.audit(NO_WAIT).await;
    assert_eq!(report.verdict, Verdict::Balanced, "{}", report.show(3));
    assert_eq!((report.books.orders, report.books.carts), (1_500, 1_500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_sold_twice_is_found() {
    let shop = Shop::open().await;
    let product = shop.stocked(10).await;
    shop.sold(4, &[(product, 1)]).await;
    shop.damage_stock(product, "SET available = available + :one")
        .await;
    assert_found(&shop, &[Fault::Oversold]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_unit_is_found() {
    let shop = Shop::open().await;
    let product = shop.stocked(10).await;
    shop.sold(4, &[(product, 1)]).await;
    shop.damage_stock(product, "SET available = available - :one")
        .await;
    assert_found(&shop, &[Fault::LostUnits]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_below_zero_is_found() {
    let shop = Shop::open().await;
    let product = shop.stocked(4).await;
    shop.sold(4, &[(product, 1)]).await;
    shop.damage_stock(
        product,
        "SET available = available - :one, supply = supply - :one",
    )
    .await;
    assert_found(&shop, &[Fault::NegativeStock]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_a_product_that_was_never_stocked_are_found() {
    let shop = Shop::open().await;
    let product = shop.stocked(10).await;
    shop.sold(1, &[(product, 1)]).await;
    shop.damage_stock(product, "REMOVE supply, available").await;
    assert_found(&shop, &[Fault::Oversold, Fault::DamagedStock]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_lost_a_line_is_found() {
    let shop = Shop::open().await;
    let (lamp, shade) = (shop.stocked(10).await, shop.stocked(10).await);
    let orders = shop.sold(2, &[(lamp, 1), (shade, 1)]).await;
    shop.damage_order(&orders[0], "REMOVE #lines[1]").await;
    assert_found(&shop, &[Fault::LostUnits, Fault::WrongTotal]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_orders_are_found() {
    for damage in [
        "SET #status = :odd",
        "REMOVE #status",
        "REMOVE #lines",
        "SET #lines = :nothing",
        "REMOVE #lines[0].quantity",
        "SET #lines[0].quantity = :odd",
        "SET #lines[0].product_id = :odd",
        "REMOVE #total",
        "REMOVE pay_by",
        "REMOVE decided_at",
    ] {
        let shop = Shop::open().await;
        let product = shop.stocked(10).await;
        let orders = shop.sold(2, &[(product, 1)]).await;
        shop.damage_order(&orders[1], damage).await;
        let report = shop.audit(NO_WAIT).await;
        assert_eq!(report.verdict, Verdict::Off, "{damage}");
        assert_eq!(
            report.books.faults.count(Fault::DamagedOrder),
            1,
            "{damage}"
        );
        let shown = report.show(10).to_string();
        assert!(shown.contains(&orders[1].order_id.to_string()), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_that_does_not_add_up_is_found() {
    let shop = Shop::open().await;
    let product = shop.stocked(10).await;
    let orders = shop.sold(2, &[(product, 1)]).await;
    shop.damage_order(&orders[0], "SET #total = :one").await;
    assert_found(&shop, &[Fault::WrongTotal]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_vanished_is_found() {
    let shop = Shop::open().await;
    let product = shop.stocked(10).await;
    let orders = shop.sold(2, &[(product, 1)]).await;
    shop.lose_order(&orders[0]).await;
    let expected = [Fault::LostUnits, Fault::Undecided, Fault::MissingOrder];
    assert_found(&shop, &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_decision_whose_orders_are_not_all_entered_balances() {
    let shop = Shop::open().await;
    let product = shop.stocked(100).await;
    shop.sold(2, &[(product, 1)]).await;
    let (_, checkouts) = shop.left_open(60, &[(product, 1)]).await;
    assert_eq!(checkouts.len(), 60);
    let report = shop.audit(NO_WAIT).await;
    assert_eq!(report.verdict, Verdict::Balanced, "{}", report.show(10));
    assert_eq!(
        (report.books.decisions, report.books.open_decisions),
        (2, 1)
    );
    let units = report.books.products[&product];
    assert!(units.held > 2 && units.unentered > 0, "{units:?}");
    assert_eq!(units.held + units.unentered, 62);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_stays_open_is_found() {
    let shop = Shop::open().await;
    let product = shop.stocked(100).await;
    let (decision, _) = shop.left_open(30, &[(product, 1)]).await;
    shop.damage_marker(decision, "SET decided_at = :an_hour_ago")
        .await;
    assert_found(&shop, &[Fault::StaysOpen]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_was_closed_before_its_orders_were_entered_is_found() {
    let shop = Shop::open().await;
    let product = shop.stocked(100).await;
    let (decision, _) = shop.left_open(30, &[(product, 1)]).await;
    shop.lose_marker(decision).await;
    let expected = [Fault::LostUnits, Fault::Undecided, Fault::MissingOrder];
    assert_found(&shop, &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_decisions_that_cannot_be_closed_are_found() {
    let shop = Shop::open().await;
    let product = shop.stocked(100).await;
    let checkouts = shop.sold(2, &[(product, 1)]).await;
    let decision = shop.only_decision().await;
    shop.damage_marker(decision, "SET decided_at = :now").await;
    let report = shop.audit(NO_WAIT).await;
    assert_eq!(report.verdict, Verdict::Balanced, "{}", report.show(10));
    // Even an order that is entered needs its cart: recovery reads all of them.
    shop.lose_cart(&checkouts[0]).await;
    assert_found(&shop, &[Fault::UnfinishableDecision]).await;
    shop.lose_record(decision).await;
    let expected = [Fault::UnfinishableDecision, Fault::UnknownDecision];
    assert_found(&shop, &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn units_of_an_open_decision_without_a_record_are_lost() {
    let shop = Shop::open().await;
    let product = shop.stocked(100).await;
    let (decision, _) = shop.left_open(30, &[(product, 1)]).await;
    shop.lose_record(decision).await;
    let expected = [
        Fault::LostUnits,
        Fault::UnfinishableDecision,
        Fault::UnknownDecision,
        Fault::Undecided,
    ];
    assert_found(&shop, &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_verdict_when_a_decision_is_closed_while_the_tables_are_read() {
    let shop = Shop::open().await;
    let product = shop.stocked(10).await;
    shop.sold(2, &[(product, 1)]).await;
    let decision = shop.only_decision().await;
    shop.damage_marker(decision, "SET decided_at = :now").await;
    shop.close_during_the_audit(decision);
    let report = shop.audit(NO_WAIT).await;
    assert_eq!(report.verdict, Verdict::Unsettled, "{}", report.show(10));
    let report = shop.audit(NO_WAIT).await;
    assert_eq!(report.verdict, Verdict::Balanced, "{}", report.show(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_names_a_decision_that_never_was_is_found() {
    let shop = Shop::open().await;
    let product = shop.stocked(10).await;
    let orders = shop.sold(2, &[(product, 1)]).await;
    shop.damage_order(&orders[0], "SET decision_id = :unknown")
        .await;
    assert_found(&shop, &[Fault::UnknownDecision]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_orders_outlive_the_record_of_their_decision() {
    let shop = Shop::open().await;
    let product = shop.stocked(10).await;
    let orders = shop.sold(1, &[(product, 1)]).await;
    shop.lose_record(shop.only_decision().await).await;
    assert_found(&shop, &[Fault::UnknownDecision]).await;
    shop.damage_order(&orders[0], "SET decided_at = :last_year")
        .await;
    let report = shop.audit(NO_WAIT).await;
    assert_eq!(report.verdict, Verdict::Balanced, "{}", report.show(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_order_that_names_a_decision_is_found() {
    let shop = Shop::open().await;
    let product = shop.stocked(1).await;
    let orders = shop.sold(2, &[(product, 1)]).await;
    shop.damage_order(&orders[1], "SET decision_id = :unknown")
        .await;
    assert_found(&shop, &[Fault::DamagedOrder]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn units_that_a_decision_returned_twice_or_never_are_found() {
    for (damage, fault, words) in [
        (
            "SET available = available + :one",
            Fault::Oversold,
            "returned twice",
        ),
        (
            "SET available = available - :one",
            Fault::LostUnits,
            "never returned",
        ),
    ] {
        let shop = Shop::open().await;
        let product = shop.stocked(10).await;
        shop.sold_twice(&[(product, 1)]).await;
        let report = shop.audit(NO_WAIT).await;
        assert_eq!(report.verdict, Verdict::Balanced, "{}", report.show(10));
        shop.damage_stock(product, damage).await;
        assert_found(&shop, &[fault]).await;
        let shown = shop.audit(NO_WAIT).await.show(10).to_string();
        assert!(shown.contains(words), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_records_are_found() {
    for damage in [
        "REMOVE accepted",
        "SET accepted = :nothing",
        "SET accepted[0] = :odd",
        "SET accepted[0] = accepted[1]",
        "REMOVE decided_at",
    ] {
        let shop = Shop::open().await;
        let product = shop.stocked(10).await;
        shop.sold(2, &[(product, 1)]).await;
        let decision = shop.only_decision().await;
        shop.damage_record(decision, damage).await;
        assert_found(&shop, &[Fault::DamagedDecision]).await;
        let shown = shop.audit(NO_WAIT).await.show(10).to_string();
        assert!(shown.contains(&decision.to_string()), "{damage}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_markers_are_found() {
    let shop = Shop::open().await;
    let product = shop.stocked(10).await;
    shop.sold(2, &[(product, 1)]).await;
    let decision = shop.only_decision().await;
    shop.damage_marker(decision, "SET decided_at = :odd").await;
    assert_found(&shop, &[Fault::DamagedDecision]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undecided_checkout_is_found() {
    let shop = Shop::open().await;
    let product = shop.stocked(10).await;
    let forgotten = shop.submitted(1, &[(product, 1)]).await;
    assert_found(&shop, &[Fault::Undecided]).await;
    shop.damage_cart(&forgotten[0], "REMOVE submitted_at").await;
    assert_found(&shop, &[Fault::DamagedCart]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpaid_order_that_never_expired_is_found() {
    let mut shop = Shop::open().await;
    let product = shop.stocked(10).await;
    shop.set_payment_window(SignedDuration::from_mins(-2));
    shop.sold(1, &[(product, 1)]).await;
    assert_found(&shop, &[Fault::Overdue]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_verdict_while_checkouts_are_queued() {
    let shop = Shop::open().await;
    let product = shop.stocked(10).await;
    shop.submitted(1, &[(product, 1)]).await;
    shop.set_backlog(1);
    let report = shop.audit(NO_WAIT).await;
    assert_eq!((report.verdict, report.backlog), (Verdict::Unsettled, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_waits_for_the_queue() {
    let shop = Shop::open().await;
    let product = shop.stocked(10).await;
    shop.sold(1, &[(product, 1)]).await;
    shop.set_backlog(1);
    let emptied = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        shop.set_backlog(0);
    };
    let (report, ()) = tokio::join!(shop.audit(Duration::from_secs(60)), emptied);
    assert_eq!(report.verdict, Verdict::Balanced);
}
