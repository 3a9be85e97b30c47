//! Where the books are.

use anyhow::Result;
use cloud::Cloud;
use store::StoreError;
use store::audit::{Books, backlog};

/// Parts of a table that are read side by side, unless others are asked for.
const SEGMENTS: u16 = 8;

/// The names of the shop's tables and its queue, where they are not to be found by themselves.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Names {
    /// The Stock table [default: found by its name]
    #[arg(long, env = "STOCK_TABLE", value_name = "NAME")]
    stock_table: Option<String>,
    /// The Orders table [default: found by its name]
    #[arg(long, env = "ORDERS_TABLE", value_name = "NAME")]
    orders_table: Option<String>,
    /// The Carts table [default: found by its name]
    #[arg(long, env = "CARTS_TABLE", value_name = "NAME")]
    carts_table: Option<String>,
    /// The checkout queue [default: found by its name]
    #[arg(long, env = "CHECKOUT_QUEUE_URL", value_name = "URL")]
    queue_url: Option<String>,
}

/// Where the books are, and the queue whose checkouts are yet to be entered.
#[derive(Debug, Clone)]
pub struct Shop {
    /// The tables.
    pub books: Books,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// The URL of the checkout queue.
    pub queue_url: String,
    /// In how many parts to read each table, side by side.
    pub segments: u16,
}

impl Shop {
    /// The shop at this cloud.
    ///
    /// # Errors
    /// When a table or the queue is not there, may be one of several, or the cloud does not answer.
    pub async fn find(cloud: &Cloud, names: &Names) -> Result<Shop> {
        let table = async |logical_id, given: &Option<String>, flag| {
            cloud.table(logical_id, given.as_deref(), flag).await
        };
        let stock = table("StockTable", &names.stock_table, "--stock-table").await?;
        let orders = table("OrdersTable", &names.orders_table, "--orders-table").await?;
        let carts = table("CartsTable", &names.carts_table, "--carts-table").await?;
        let queue = names.queue_url.as_deref();
        Ok(Shop {
            books: Books::new(cloud.dynamodb(), stock, orders, carts),
            sqs: cloud.sqs().clone(),
            queue_url: cloud.queue("CheckoutQueue", queue, "--queue-url").await?,
            segments: SEGMENTS,
        })
    }

    /// Checkouts on their way to a decision, roughly.
    ///
    /// # Errors
    /// When the queue does not tell.
    pub async fn backlog(&self) -> Result<u64, StoreError> {
        backlog(&self.sqs, &self.queue_url).await
    }
}
