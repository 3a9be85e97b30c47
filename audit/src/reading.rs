//! Reads the tables once, all segments at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use store::StoreError;
use store::audit::{Books, Segment};
use tokio::task::JoinSet;

use crate::books::{BooksRead, OrdersRead, StockRead};
use crate::shop::Shop;

/// The number of orders and carts read so far. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    pub fn items(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, items: usize) {
        self.0.fetch_add(items as u64, Ordering::Relaxed);
    }

    fn restart(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// The times by which the shop must have decided and expired orders.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    /// Carts submitted before this must have become orders.
    pub(crate) submitted_until: Timestamp,
    /// Orders whose time to pay ended before this must have expired.
    pub(crate) unpaid_until: Timestamp,
}

/// The result of reading the tables once.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) books: BooksRead,
    /// Whether the stock stayed the same and the queue was empty during the reading.
    pub(crate) at_rest: bool,
}

impl Shop {
    pub(crate) async fn read(&self, due: Due, progress: &Progress) -> Result<Reading, StoreError> {
        progress.restart();
        let before = self.read_stock().await?;
        let orders = self.read_orders(due, progress).await?;
        let after = self.read_stock().await?;
        let at_rest = before == after && self.backlog().await? == 0;
        Ok(Reading {
            books: BooksRead::judge(after, orders),
            at_rest,
        })
    }

    async fn read_stock(&self) -> Result<StockRead, StoreError> {
        let mut parts = JoinSet::new();
        for segment in Segment::all(self.segments) {
            let books = self.books.clone();
            parts.spawn(async move {
                let mut read = StockRead::default();
                books.stock(segment, |entry| read.add(entry)).await?;
                Ok::<_, StoreError>(read)
            });
        }
        let mut all = StockRead::default();
        while let Some(part) = parts.join_next().await {
            all.merge(part.expect("a reader does not panic")?);
        }
        Ok(all)
    }

    async fn read_orders(&self, due: Due, progress: &Progress) -> Result<OrdersRead, StoreError> {
        let mut parts = JoinSet::new();
        for segment in Segment::all(self.segments) {
            parts.spawn(read_orders(
                self.books.clone(),
                segment,
                due,
                progress.clone(),
            ));
            parts.spawn(read_carts(
                self.books.clone(),
                segment,
                due,
                progress.clone(),
            ));
        }
        let mut all = OrdersRead::new(due.unpaid_until);
        while let Some(part) = parts.join_next().await {
            all.merge(part.expect("a reader does not panic")?);
        }
        Ok(all)
    }
}

async fn read_orders(
    books: Books,
    segment: Segment,
    due: Due,
    progress: Progress,
) -> Result<OrdersRead, StoreError> {
    let mut read = OrdersRead::new(due.unpaid_until);
    let each = |entry| {
        read.add(entry);
        progress.add(1);
    };
    books.orders(segment, each).await?;
    Ok(read)
}

async fn read_carts(
    books: Books,
    segment: Segment,
    due: Due,
    progress: Progress,
) -> Result<OrdersRead, StoreError> {
    let mut read = OrdersRead::new(due.unpaid_until);
    let mut carts = 0;
    let page = |count| {
        carts += count as u64;
        progress.add(count);
    };
    books
        .undecided(
            segment,
            due.submitted_until,
            |cart| read.add_undecided(cart),
            page,
        )
        .await?;
    read.carts = carts;
    Ok(read)
}
