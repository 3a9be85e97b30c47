//! The processor's work for a checkout without the network: deciding it, and writing and reading its message.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use domain::{
    Checkout, DecisionLimits, Money, OrderLine, ProductId, Quantity, Shelf, UserId, allocate,
};
use jiff::Timestamp;
use store::CheckoutMessage;
use uuid::Uuid;

/// Checkouts in a batch: as the event source delivers it, as it is gathered by default, and the largest.
const BATCHES: [usize; 3] = [10, 1_000, 10_000];

/// Checkouts whose messages are built and parsed.
const MESSAGES: usize = 100;

/// Products that the checkouts are spread over. One of them is in every checkout.
const PRODUCTS: u128 = 20;

/// The number of lines of the n-th checkout: one in five has three, the others one.
fn lines(number: usize) -> usize {
    if number.is_multiple_of(5) { 3 } else { 1 }
}

fn product(number: u128) -> ProductId {
    Uuid::from_u128(number)
        .try_into()
        .expect("any UUID will do")
}

fn checkout(number: usize) -> Checkout {
    let line = |index: usize| OrderLine {
        product_id: product((index * number) as u128 % PRODUCTS),
        name: "Midnight Sun Turntable"
            .to_owned()
            .try_into()
            .expect("a name"),
        quantity: Quantity::try_from(1 + number as i64 % 3).expect("a quantity"),
        unit_price: Money::price(129.into()).expect("a price"),
    };
    let mut lines: Vec<OrderLine> = (0..lines(number)).map(line).collect();
    lines.sort_by_key(|line| line.product_id);
    lines.dedup_by_key(|line| line.product_id);
    Checkout {
        order_id: Uuid::now_v7().try_into().expect("an order id"),
        user_id: UserId::try_from(format!("shopper-{number}")).expect("a user id"),
        lines: lines.try_into().expect("order lines"),
        submitted_at: Timestamp::now(),
    }
}

/// Decides all checkouts, decision by decision, as the settlement does.
fn allocate_all(checkouts: &[Checkout], shelf: &mut Shelf) -> usize {
    let mut waiting = checkouts;
    let mut decisions = 0;
    while !waiting.is_empty() {
        let allocation = allocate(waiting, shelf, DecisionLimits::default());
        shelf.take(&allocation.taken);
        waiting = &waiting[allocation.verdicts.len()..];
        decisions += 1;
    }
    decisions
}

fn allocation(c: &mut Criterion) {
    let mut group = c.benchmark_group("allocation");
    for size in BATCHES {
        let checkouts: Vec<Checkout> = (0..size).map(checkout).collect();
        // Half of the wanted units are available, so that both acceptance and rejection are measured.
        let stock = size as u64 / PRODUCTS as u64;
        let shelf: Shelf = (0..PRODUCTS)
            .map(|number| (product(number), stock))
            .collect();
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(format!("{size} checkouts"), |bencher| {
            bencher.iter_batched_ref(
                || shelf.clone(),
                |shelf| allocate_all(black_box(&checkouts), shelf),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn message(checkout: &Checkout) -> String {
    CheckoutMessage::new(checkout, false).to_json()
}

fn messages(c: &mut Criterion) {
    let checkouts: Vec<Checkout> = (0..MESSAGES).map(checkout).collect();
    let bodies: Vec<String> = checkouts.iter().map(message).collect();
    let mut group = c.benchmark_group("messages");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    group.bench_function("build a batch", |bencher| {
        bencher.iter(|| {
            for checkout in &checkouts {
                black_box(message(black_box(checkout)));
            }
        });
    });
    group.bench_function("parse a batch", |bencher| {
        bencher.iter(|| {
            for body in &bodies {
                let message = CheckoutMessage::read(black_box(body)).expect("a checkout");
                black_box(message.into_checkout());
            }
        });
    });
    group.finish();
}

criterion_group!(benches, allocation, messages);
criterion_main!(benches);
