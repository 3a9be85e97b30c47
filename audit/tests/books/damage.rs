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
    assert_found(&shop, &[Fault::LostUnits, Fault::Undecided]).await;
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
