//! Deciding one checkout within its request: the order and the stock it takes in one transaction.

use std::collections::VecDeque;
use std::time::Instant;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::{
    Checkout, Order, OrderKey, Plan, ProductId, Shelf, Terms, TransactionLimits, Units, plan_order,
};
use jiff::{SignedDuration, Timestamp};

use crate::env::MissingVariable;
use crate::error::StoreError;
use crate::orders::{Orders, order_bytes};
use crate::patience::in_time;
use crate::settlement::{Job, Report, Settlement};
use crate::stock::Stock;

/// Decides checkouts one by one.
#[derive(Debug, Clone)]
pub struct DirectSettlement {
    client: Client,
    stock: Stock,
    orders: Orders,
    payment_window: SignedDuration,
}

impl DirectSettlement {
    /// Decides in these tables, where an accepted order holds its units for `payment_window` unpaid.
    pub fn new(
        client: &Client,
        stock: Stock,
        orders: Orders,
        payment_window: SignedDuration,
    ) -> Self {
        DirectSettlement {
            client: client.clone(),
            stock,
            orders,
            payment_window,
        }
    }

    /// Decides in the tables that `STOCK_TABLE` and `ORDERS_TABLE` name.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_env(
        client: &Client,
        payment_window: SignedDuration,
    ) -> Result<Self, MissingVariable> {
        let (stock, orders) = (Stock::from_env(client)?, Orders::from_env(client)?);
        Ok(Self::new(client, stock, orders, payment_window))
    }

    /// Decides a checkout. One that was decided before, by this or another way, is reported as
    /// already settled; one whose stock cannot be read, as refused.
    pub async fn decide(&self, checkout: Checkout, deadline: Instant) -> Report {
        let products: Vec<ProductId> = checkout.lines.iter().map(|line| line.product_id).collect();
        let shelf = self.stock.shelf(products);
        match in_time(deadline, shelf).await {
            Ok((shelf, unreadable)) if unreadable.is_empty() => {
                let sale = Sale {
                    settlement: self,
                    shelf,
                };
                Settlement::new(&self.client, sale, [checkout], deadline)
                    .run()
                    .await
            }
            Ok(_) => Report {
                refused: vec![checkout.key()],
                ..Report::default()
            },
            Err(error) => unread(&checkout, error),
        }
    }
}

/// The report when nothing can be decided, because the stock could not be read.
fn unread(checkout: &Checkout, error: StoreError) -> Report {
    tracing::warn!(%error, order_id = %checkout.order_id, "the stock could not be read");
    Report {
        unsettled: vec![checkout.key()],
        trouble: Some(error),
        ..Report::default()
    }
}

/// A checkout being settled.
struct Sale<'a> {
    settlement: &'a DirectSettlement,
    /// The stock as last read.
    shelf: Shelf,
}

impl Job for Sale<'_> {
    type Item = Checkout;

    fn key(checkout: &Checkout) -> OrderKey {
        checkout.key()
    }

    fn plan(&self, waiting: &VecDeque<Checkout>, _: TransactionLimits) -> Plan {
        let decided_at = Timestamp::now();
        let terms = Terms {
            decision_id: None,
            decided_at,
            pay_by: decided_at + self.settlement.payment_window,
        };
        let checkout = waiting.front().expect("a settlement plans what waits");
        plan_order(checkout, &self.shelf, terms, order_bytes)
    }

    fn move_stock(&self, product: ProductId, units: Units) -> TransactWriteItem {
        self.settlement.stock.take(product, units)
    }

    fn enter(&self, _: &Checkout, order: &Order) -> TransactWriteItem {
        self.settlement.orders.enter(order)
    }

    fn committed(&mut self, plan: &Plan) {
        self.shelf.take(&plan.moves);
    }

    fn stock_is(&mut self, product: ProductId, available: Units) {
        self.shelf.set(product, available);
    }
}
