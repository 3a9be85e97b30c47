//! The load generator: each connection buys one unit with one click, again and again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use domain::ProductId;
use hyper::StatusCode;
use loadtest::LocalShop;
use serde_json::json;
use tokio::task::JoinSet;

use crate::arrival::{Arrival, Schedule};
use crate::connection::{Answer, Connection};
use crate::latency::Latencies;

/// The parameters of a rush.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rush {
    pub(crate) product: ProductId,
    pub(crate) connections: usize,
    pub(crate) arrival: Arrival,
    pub(crate) duration: Duration,
    pub(crate) route: Route,
}

/// The route by which buyers buy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// `POST /checkouts`: the order is queued and decided in a batch.
    Queued,
    /// `POST /orders`: the order is decided in the request, by a transaction of its own.
    Direct,
}

/// The answers that the buyers got.
#[derive(Debug)]
pub(crate) struct Answers {
    /// The number of answers by HTTP status. 0 stands for no answer.
    pub(crate) by_status: BTreeMap<u16, u64>,
    /// From a buyer's arrival to its answer. Failures are left out.
    pub(crate) latencies: Latencies,
    pub(crate) took: Duration,
}

impl Route {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Route::Queued => "/checkouts",
            Route::Direct => "/orders",
        }
    }
}

impl Answers {
    fn new() -> Answers {
        Answers {
            by_status: BTreeMap::new(),
            latencies: Latencies::new(),
            took: Duration::ZERO,
        }
    }

    pub(crate) fn of(&self, status: StatusCode) -> u64 {
        self.by_status.get(&status.as_u16()).copied().unwrap_or(0)
    }

    /// Answers that neither accept the order nor say that the product is sold out.
    pub(crate) fn failures(&self) -> u64 {
        let good = [
            StatusCode::ACCEPTED,
            StatusCode::CREATED,
            StatusCode::CONFLICT,
        ];
        let all: u64 = self.by_status.values().sum();
        all - good.into_iter().map(|status| self.of(status)).sum::<u64>()
    }

    pub(crate) fn per_second(&self, status: StatusCode) -> f64 {
        self.of(status) as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }

    fn merge(&mut self, other: &Answers) {
        for (status, count) in &other.by_status {
            *self.by_status.entry(*status).or_default() += count;
        }
        self.latencies.merge(&other.latencies);
    }
}

/// Runs the rush. Each connection has a shopper of its own.
pub(crate) async fn rush(shop: &LocalShop, rush: Rush) -> Result<Answers> {
    let mut connections = Vec::new();
    for number in 0..rush.connections {
        let token = shop.token(&format!("buyer-{number}")).await?;
        connections.push(Connection::open(&shop.api_url, token).await?);
    }
    let begun = Instant::now();
    let mut buyers = JoinSet::new();
    for (number, connection) in connections.into_iter().enumerate() {
        let schedule = Schedule::new(rush.arrival, begun, rush.duration, number, rush.connections);
        buyers.spawn(buy(connection, schedule, rush));
    }
    let mut all = Answers::new();
    while let Some(answers) = buyers.join_next().await {
        all.merge(&answers??);
    }
    all.took = begun.elapsed();
    Ok(all)
}

async fn buy(mut connection: Connection, mut schedule: Schedule, rush: Rush) -> Result<Answers> {
    let lines = json!({ "lines": [{ "product_id": rush.product, "quantity": 1 }] });
    let body = Bytes::from(lines.to_string());
    let mut answers = Answers::new();
    while let Some(arrived) = schedule.next().await {
        let status = match connection.post(rush.route.path(), body.clone()).await {
            Ok(Answer { status, .. }) => {
                if status.is_success() || status == StatusCode::CONFLICT {
                    answers.latencies.record(arrived.elapsed());
                }
                status.as_u16()
            }
            Err(_) => 0,
        };
        *answers.by_status.entry(status).or_default() += 1;
    }
    Ok(answers)
}
