//! Releasing stock: orders that expire or are cancelled, each with its units in one transaction.

use std::collections::VecDeque;
use std::time::Instant;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::{Change, Order, OrderKey, Plan, ProductId, TransactionLimits, Units, release};

use crate::env::MissingVariable;
use crate::orders::{Orders, order_bytes};
use crate::settlement::{Job, Report, Settlement};
use crate::stock::Stock;

/// Puts the units of orders back onto the shelf.
#[derive(Debug, Clone)]
pub struct ReleaseSettlement {
    client: Client,
    stock: Stock,
    orders: Orders,
}

impl ReleaseSettlement {
    /// Settles releases in these tables.
    pub fn new(client: &Client, stock: Stock, orders: Orders) -> Self {
        ReleaseSettlement {
            client: client.clone(),
            stock,
            orders,
        }
    }

    /// Settles releases in the tables that `STOCK_TABLE` and `ORDERS_TABLE` name.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_env(client: &Client) -> Result<Self, MissingVariable> {
        Ok(Self::new(
            client,
            Stock::from_env(client)?,
            Orders::from_env(client)?,
        ))
    }

    /// Makes the changes and puts all their units back, merged per product. An order that is no
    /// longer in the state it changes from is left alone, and reported as already settled. No order
    /// may be given twice.
    pub async fn release(&self, changes: Vec<Change>, deadline: Instant) -> Report {
        Settlement::new(
            &self.client,
            Release { settlement: self },
            changes,
            deadline,
        )
        .run()
        .await
    }
}

/// Orders being released.
struct Release<'a> {
    settlement: &'a ReleaseSettlement,
}

impl Job for Release<'_> {
    type Item = Change;

    fn key(change: &Change) -> OrderKey {
        change.to().key()
    }

    fn plan(&self, waiting: &VecDeque<Change>, limits: TransactionLimits) -> Plan {
        release(waiting, limits, order_bytes)
    }

    fn move_stock(&self, product: ProductId, units: Units) -> TransactWriteItem {
        self.settlement.stock.put_back(product, units)
    }

    fn enter(&self, change: &Change, order: &Order) -> TransactWriteItem {
        self.settlement.orders.change(change.from(), order)
    }

    fn committed(&mut self, _: &Plan) {}

    /// Putting back has no condition that stock could fail.
    fn stock_is(&mut self, _: ProductId, _: Units) {}
}
