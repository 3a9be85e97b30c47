//! The tables and the queue of the shop to audit.

use anyhow::Result;
use deployment::Deployment;
use store::StoreError;
use store::audit::{Books, TableNames, backlog};

/// The default number of parts of a table that are read at the same time.
const SEGMENTS: u16 = 8;

/// The names of the shop's tables and its queue, for deployments where they cannot be found by their names.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ResourceNames {
    /// The Stock table [default: found by its name]
    #[arg(long, env = "STOCK_TABLE", value_name = "NAME")]
    stock_table: Option<String>,
    /// The Orders table [default: found by its name]
    #[arg(long, env = "ORDERS_TABLE", value_name = "NAME")]
    orders_table: Option<String>,
    /// The Carts table [default: found by its name]
    #[arg(long, env = "CARTS_TABLE", value_name = "NAME")]
    carts_table: Option<String>,
    /// The Decisions table [default: found by its name]
    #[arg(long, env = "DECISIONS_TABLE", value_name = "NAME")]
    decisions_table: Option<String>,
    /// The OpenDecisions table [default: found by its name]
    #[arg(long, env = "OPEN_DECISIONS_TABLE", value_name = "NAME")]
    open_decisions_table: Option<String>,
    /// The checkout queue [default: found by its name]
    #[arg(long, env = "CHECKOUT_QUEUE_URL", value_name = "URL")]
    queue_url: Option<String>,
}

/// The tables to audit, and the queue of the checkouts that are not decided yet.
#[derive(Debug, Clone)]
pub struct Shop {
    pub books: Books,
    pub sqs: aws_sdk_sqs::Client,
    pub queue_url: String,
    /// The number of parts of each table that are read at the same time.
    pub segments: u16,
}

impl Shop {
    /// Finds the tables and the queue of this deployment.
    pub async fn find(deployment: &Deployment, names: &ResourceNames) -> Result<Shop> {
        let table = async |logical_id, given: &Option<String>, flag| {
            deployment.table(logical_id, given.as_deref(), flag).await
        };
        let open_decisions = &names.open_decisions_table;
        let tables = TableNames {
            stock: table("StockTable", &names.stock_table, "--stock-table").await?,
            orders: table("OrdersTable", &names.orders_table, "--orders-table").await?,
            carts: table("CartsTable", &names.carts_table, "--carts-table").await?,
            decisions: table(
                "DecisionsTable",
                &names.decisions_table,
                "--decisions-table",
            )
            .await?,
            open_decisions: table(
                "OpenDecisionsTable",
                open_decisions,
                "--open-decisions-table",
            )
            .await?,
        };
        let queue = names.queue_url.as_deref();
        Ok(Shop {
            books: Books::new(deployment.dynamodb(), tables),
            sqs: deployment.sqs().clone(),
            queue_url: deployment
                .queue("CheckoutQueue", queue, "--queue-url")
                .await?,
            segments: SEGMENTS,
        })
    }

    /// The approximate number of checkouts in the queue.
    pub async fn backlog(&self) -> Result<u64, StoreError> {
        backlog(&self.sqs, &self.queue_url).await
    }
}
