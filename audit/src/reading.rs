//! Reading the books once, all segments side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use store::StoreError;
use store::audit::{Books, Segment};
use tokio::task::JoinSet;

use crate::books::{BooksRead, OrdersRead, StockRead};
use crate::shop::Shop;

/// How many orders and carts have been read so far, by whoever reads.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Items read so far.
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

/// What should have happened by now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    /// Carts submitted before this should have become orders.
    pub(crate) submitted_until: Timestamp,
    /// Orders that were to be paid before this should have expired.
    pub(crate) unpaid_until: Timestamp,
}

/// The books, read once.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) books: BooksRead,
    /// Whether stock and queue were at rest while they were read.
    pub(crate) at_rest: bool,
}

impl Shop {
    /// Reads everything once.
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
                books.stock(segment, |entry| read.enter(entry)).await?;
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
        read.enter(entry);
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
            |cart| read.enter_undecided(cart),
            page,
        )
        .await?;
    read.carts = carts;
    Ok(read)
}
