//! The naive way to sell: a transaction for each buyer. It reads the stock, takes one unit and writes one order, and
//! tries again if another buyer wrote the same item.
//!
//! It works directly on the tables, without HTTP API, functions and queue. So its rate is an upper bound for any
//! shop that sells in this way.

use std::time::{Duration, Instant};

use anyhow::Result;
use deployment::Deployment;
use domain::{Checkout, Money, OrderLine, ProductId, Quantity, UserId};
use jiff::{SignedDuration, Timestamp};
use store::{DirectSettlement, Orders, Stock};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::arrival::{Arrival, Schedule};
use crate::latency::Latencies;

/// The time within which an order must be decided: as long as a function would have.
const DEADLINE: Duration = Duration::from_secs(5);

/// The result of a rush.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) decided: u64,
    /// Buyers whose order was not decided in time.
    pub(crate) undecided: u64,
    /// Committed transactions.
    pub(crate) transactions: u64,
    /// Cancelled transactions, mostly because two buyers wrote the same item.
    pub(crate) conflicts: u64,
    pub(crate) latencies: Latencies,
    pub(crate) took: Duration,
}

/// Runs so many buyers at once. Each buys one unit, again and again.
pub(crate) async fn rush(
    deployment: &Deployment,
    product: ProductId,
    buyers: usize,
    arrival: Arrival,
    duration: Duration,
) -> Result<Outcome> {
    let stock = deployment.table("StockTable", None, "its variable").await?;
    let orders = deployment
        .table("OrdersTable", None, "its variable")
        .await?;
    let client = deployment.dynamodb();
    let settlement = DirectSettlement::new(
        client,
        Stock::new(client, stock),
        Orders::new(client, orders),
        SignedDuration::from_mins(15),
    );
    let begun = Instant::now();
    let mut rush = JoinSet::new();
    for number in 0..buyers {
        let schedule = Schedule::new(arrival, begun, duration, number, buyers);
        let user: UserId = format!("naive-buyer-{number}").parse()?;
        rush.spawn(buy(settlement.clone(), user, product, schedule));
    }
    let mut all = Outcome::new();
    while let Some(outcome) = rush.join_next().await {
        all.merge(&outcome??);
    }
    all.took = begun.elapsed();
    Ok(all)
}

async fn buy(
    settlement: DirectSettlement,
    user: UserId,
    product: ProductId,
    mut schedule: Schedule,
) -> Result<Outcome> {
    let mut outcome = Outcome::new();
    while let Some(arrived) = schedule.next().await {
        let checkout = checkout(&user, product)?;
        let report = settlement.decide(checkout, Instant::now() + DEADLINE).await;
        outcome.decided += report.settled.len() as u64;
        outcome.undecided += (report.unsettled.len() + report.refused.len()) as u64;
        outcome.transactions += u64::from(report.transactions);
        outcome.conflicts += u64::from(report.conflicts);
        outcome.latencies.record(arrived.elapsed());
    }
    Ok(outcome)
}

fn checkout(user: &UserId, product_id: ProductId) -> Result<Checkout> {
    let line = OrderLine {
        product_id,
        name: "Limited product".to_owned().try_into()?,
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
