//! A shopper that waits for the decision.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use domain::ProductId;
use hyper::StatusCode;
use jiff::Timestamp;
use loadtest::LocalShop;
use serde::Deserialize;
use serde_json::json;

use crate::buyers::Route;
use crate::connection::Connection;

/// How long a decision may take.
const GIVE_UP: Duration = Duration::from_secs(60);

/// A shopper that buys one unit with one click and polls the order until it is decided.
pub(crate) struct Shopper {
    connection: Connection,
    lines: Bytes,
    poll: Duration,
}

/// How long a decision took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait {
    /// From the click until the shopper saw the decision.
    pub(crate) seen: Duration,
    /// From submission to decision, as the order says.
    pub(crate) decided: Duration,
}

#[derive(Deserialize)]
struct Order {
    order_id: String,
    status: String,
    submitted_at: Option<Timestamp>,
    decided_at: Option<Timestamp>,
}

impl Shopper {
    /// Signs a shopper in, who will poll with these pauses.
    pub(crate) async fn sign_in(
        shop: &LocalShop,
        name: &str,
        product: ProductId,
        poll: Duration,
    ) -> Result<Shopper> {
        let token = shop.token(name).await?;
        let lines = json!({ "lines": [{ "product_id": product, "quantity": 1 }] });
        Ok(Shopper {
            connection: Connection::open(&shop.api_url, token).await?,
            lines: Bytes::from(lines.to_string()),
            poll,
        })
    }

    /// Buys and waits. `None` if the product is sold out.
    pub(crate) async fn buy(&mut self) -> Result<Option<Wait>> {
        let clicked = Instant::now();
        let path = Route::Queued.path();
        let answer = self.connection.post(path, self.lines.clone()).await?;
        if answer.status == StatusCode::CONFLICT {
            return Ok(None);
        }
        ensure!(
            answer.status == StatusCode::ACCEPTED,
            "a checkout was answered with {}",
            answer.status
        );
        let Order { order_id, .. } = serde_json::from_slice(&answer.body)?;
        let path = format!("/orders/{order_id}");
        while clicked.elapsed() < GIVE_UP {
            let answer = self.connection.get(&path).await?;
            ensure!(answer.status.is_success(), "{path}: {}", answer.status);
            let order: Order = serde_json::from_slice(&answer.body)?;
            if order.status != "PENDING" {
                let seen = clicked.elapsed();
                let decided = order.decision_time().unwrap_or(seen);
                return Ok(Some(Wait { seen, decided }));
            }
            tokio::time::sleep(self.poll).await;
        }
        anyhow::bail!("{path} was not decided after {GIVE_UP:?}")
    }
}

impl Order {
    fn decision_time(&self) -> Option<Duration> {
        let took = self.decided_at?.duration_since(self.submitted_at?);
        took.try_into().ok()
    }
}
