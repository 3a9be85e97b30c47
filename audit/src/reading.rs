//! Reads the tables once, all segments at the same time.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::DecisionId;
use jiff::Timestamp;
use store::StoreError;
use store::audit::{Books, Found, OrderEntry, Segment, SubmittedCart};
use tokio::task::JoinSet;

use crate::books::{BooksRead, OpenRead, OrdersRead, StockRead};
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

/// The times by which the shop must have decided, entered and expired orders.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    /// Carts submitted before this must have become orders.
    pub(crate) submitted_until: Timestamp,
    /// Orders whose time to pay ended before this must have expired.
    pub(crate) unpaid_until: Timestamp,
    /// Decisions made before this must be closed.
    pub(crate) open_until: Timestamp,
    /// Decisions made after this must have a record.
    pub(crate) recorded_from: Timestamp,
}

/// The result of reading the tables once.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) books: BooksRead,
    /// Whether the stock and the open decisions stayed the same and the queue was empty during the reading. An order
    /// that an open decision enters meanwhile is a change, too: the decision has fewer unentered orders afterwards.
    pub(crate) at_rest: bool,
}

impl Shop {
    pub(crate) async fn read(&self, due: Due, progress: &Progress) -> Result<Reading, StoreError> {
        progress.restart();
        let stock_before = self.read_stock().await?;
        let open_before = Arc::new(self.read_open(due).await?);
        let orders = self.read_orders(due, &open_before, progress).await?;
        let open = self.read_open(due).await?;
        let stock = self.read_stock().await?;
        let unchanged = stock_before == stock && *open_before == open;
        let at_rest = unchanged && self.backlog().await? == 0;
        Ok(Reading {
            books: BooksRead::judge(stock, orders, open),
            at_rest,
        })
    }

    async fn read_open(&self, due: Due) -> Result<OpenRead, StoreError> {
        let mut read = OpenRead::default();
        let each = |decision| read.add(decision, due.open_until);
        self.books.open_decisions(each).await?;
        Ok(read)
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

    async fn read_orders(
        &self,
        due: Due,
        open: &Arc<OpenRead>,
        progress: &Progress,
    ) -> Result<OrdersRead, StoreError> {
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
                open.clone(),
                progress.clone(),
            ));
            parts.spawn(read_closed(self.books.clone(), segment, due, open.clone()));
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
    let mut start = None;
    loop {
        let page = books.order_page(segment, start).await?;
        // Looked up a page at a time: orders of one batch share a decision, and memory holds no more of them.
        let named: Vec<(&str, DecisionId)> = page
            .items
            .iter()
            .filter_map(|entry| Some((entry.key.as_str(), named_decision(entry, due)?)))
            .collect();
        let decisions: HashSet<DecisionId> = named.iter().map(|(_, decision)| *decision).collect();
        let recorded = books.recorded(decisions).await?;
        for (order, decision) in named {
            if !recorded.contains(&decision) {
                read.add_unknown_decision(order, decision);
            }
        }
        progress.add(page.items.len());
        page.items.into_iter().for_each(|entry| read.add(entry));
        let Some(next) = page.next else {
            return Ok(read);
        };
        start = Some(next);
    }
}

/// The decision that an order names, if its record must still be there.
fn named_decision(entry: &Found<OrderEntry>, due: Due) -> Option<DecisionId> {
    let order = entry.content.as_ref().ok()?;
    let recorded = order.decided_at > due.recorded_from;
    order.decision_id.filter(|_| recorded)
}

async fn read_closed(
    books: Books,
    segment: Segment,
    due: Due,
    open: Arc<OpenRead>,
) -> Result<OrdersRead, StoreError> {
    let mut read = OrdersRead::new(due.unpaid_until);
    let each = |decision| read.add_closed(decision);
    books
        .closed_decisions(segment, open.decisions(), each)
        .await?;
    Ok(read)
}

async fn read_carts(
    books: Books,
    segment: Segment,
    due: Due,
    open: Arc<OpenRead>,
    progress: Progress,
) -> Result<OrdersRead, StoreError> {
    let mut read = OrdersRead::new(due.unpaid_until);
    let each = |cart: Found<SubmittedCart>| {
        let decided = cart
            .content
            .as_ref()
            .is_ok_and(|cart| open.accepts(&cart.order));
        if !decided {
            read.add_undecided(cart);
        }
    };
    let mut carts = 0;
    let page = |count| {
        carts += count as u64;
        progress.add(count);
    };
    books
        .undecided(segment, due.submitted_until, each, page)
        .await?;
    read.carts = carts;
    Ok(read)
}
