//! The naive shop: a transaction for every buyer. It reads the stock, takes one unit and enters one
//! order, and tries again when another buyer is at the same item.
//!
//! It goes straight to the tables, without an HTTP API, functions or a queue in between: what it
//! cannot do, no naive shop can.

use std::time::{Duration, Instant};

use anyhow::Result;
use cloud::Cloud;
use domain::{Checkout, Money, OrderLine, ProductId, Quantity, UserId};
use jiff::{SignedDuration, Timestamp};
use store::checkout_desk::Submission;
use store::{CheckoutDesk, Orders, Stock};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::arrival::{Arrival, Turns};
use crate::latency::Latencies;

/// Until when a buyer is served or sent away: as long as a function would have.
const DEADLINE: Duration = Duration::from_secs(5);

/// What the buyers met.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) decided: u64,
    /// Buyers that were sent away undecided.
    pub(crate) undecided: u64,
    /// Transactions that were committed.
    pub(crate) transactions: u64,
    /// Transactions that were cancelled, mostly because two buyers met.
    pub(crate) conflicts: u64,
    pub(crate) latencies: Latencies,
    pub(crate) took: Duration,
}

/// Lets as many buyers as given buy one unit each, again and again.
pub(crate) async fn rush(
    cloud: &Cloud,
    product: ProductId,
    buyers: usize,
    arrival: Arrival,
    duration: Duration,
) -> Result<Outcome> {
    let stock = cloud.table("StockTable", None, "its variable").await?;
    let orders = cloud.table("OrdersTable", None, "its variable").await?;
    let client = cloud.dynamodb();
    let desk = CheckoutDesk::new(
        client,
        Stock::new(client, stock),
        Orders::new(client, orders),
        SignedDuration::from_mins(15),
    );
    let begun = Instant::now();
    let mut rush = JoinSet::new();
    for number in 0..buyers {
        let turns = Turns::new(arrival, begun, duration, number, buyers);
        let user: UserId = format!("naive-buyer-{number}").parse()?;
        rush.spawn(buy(desk.clone(), user, product, turns));
    }
    let mut all = Outcome::new();
    while let Some(outcome) = rush.join_next().await {
        all.merge(&outcome??);
    }
    all.took = begun.elapsed();
    Ok(all)
}

async fn buy(
    desk: CheckoutDesk,
    user: UserId,
    product: ProductId,
    mut turns: Turns,
) -> Result<Outcome> {
    let mut outcome = Outcome::new();
    while let Some(came) = turns.next().await {
        let submission = Submission {
            checkout: checkout(&user, product)?,
            seen_before: false,
        };
        let report = desk
            .decide(vec![submission], Instant::now() + DEADLINE)
            .await;
        outcome.decided += report.settled.len() as u64;
        outcome.undecided += (report.unsettled.len() + report.refused.len()) as u64;
        outcome.transactions += u64::from(report.transactions);
        outcome.conflicts += u64::from(report.conflicts);
        outcome.latencies.record(came.elapsed());
    }
    Ok(outcome)
}

fn checkout(user: &UserId, product_id: ProductId) -> Result<Checkout> {
    let line = OrderLine {
        product_id,
        name: "The one thing everybody wants".to_owned().try_into()?,
        quantity: Quantity::try_from(1)?,
        unit_price: Money::price(10.into())?,
    };
    Ok(Checkout {
        order_id: Uuid::now_v7().try_into()?,
        user_id: user.clone(),
        lines: vec![line].try_into()?,
        submitted_at: Timestamp::now(),
    })
}

impl Outcome {
    fn new() -> Outcome {
        Outcome {
            decided: 0,
            undecided: 0,
            transactions: 0,
            conflicts: 0,
            latencies: Latencies::new(),
            took: Duration::ZERO,
        }
    }

    fn merge(&mut self, other: &Outcome) {
        self.decided += other.decided;
        self.undecided += other.undecided;
        self.transactions += other.transactions;
        self.conflicts += other.conflicts;
        self.latencies.merge(&other.latencies);
    }
}
