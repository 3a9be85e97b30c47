//! The audit of decisions: which are open, what they have not entered yet, and what became of the
//! orders that closed ones accepted.

use std::collections::{HashMap, HashSet};

use domain::{Checkout, Decision, DecisionId, Entry, OrderId, OrderKey, OrderLines};
use jiff::{SignedDuration, Timestamp};

use super::{Books, Found, Segment, found, read_decision_id};
use crate::batch_get::{Freshness, Wanted, batch_get};
use crate::carts::Carts;
use crate::decisions::{OpenDecision, read_marker, read_record};
use crate::error::StoreError;
use crate::item::{Item, corrupt, item, read_text, text};
use crate::orders::Orders;

/// How long the record of a decision is kept. An order that is older may name a record that is gone.
pub const RECORD_KEPT: SignedDuration = crate::decisions::KEPT;

/// Open decisions whose records are in memory at the same time. A record has up to 400 KB.
const RECORDS_AT_ONCE: usize = 20;

/// Orders of an open decision whose carts are read at the same time: with 50 lines a cart, some
/// megabytes.
const ORDERS_AT_ONCE: usize = 100;

/// Keys that are looked up in one go: the patience of a lookup suffices for all calls that they take.
const KEYS_AT_ONCE: usize = 1_000;

/// A decision that is open: its marker exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenEntry {
    /// The decision.
    pub decision_id: DecisionId,
    /// The time of the decision.
    pub decided_at: Timestamp,
    /// Its accepted orders that do not exist or do not name it. Their units are off the shelf for it.
    pub unentered: Vec<Checkout>,
    /// The reasons why nobody can enter its orders and close it: its record, or the submitted cart of
    /// an order, is missing or cannot be read.
    pub obstacles: Vec<String>,
}

/// A decision that is closed: all its accepted orders were entered, by this decision or another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedEntry {
    /// The decision.
    pub decision_id: DecisionId,
    /// Its accepted orders that do not exist.
    pub missing: Vec<OrderKey>,
    /// The lines of its accepted orders that do not name it. Closing it returned their units.
    pub returned: Vec<OrderLines>,
}

impl Books {
    /// Every open decision, with the orders that it has not entered.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub async fn open_decisions(
        &self,
        mut each: impl FnMut(Found<OpenEntry>),
    ) -> Result<(), StoreError> {
        let scan = self.client.scan().table_name(&self.tables.open_decisions);
        let mut pages = scan.consistent_read(true).into_paginator().send();
        while let Some(page) = pages.next().await {
            for markers in page?.items().chunks(RECORDS_AT_ONCE) {
                let mut open = Vec::new();
                for marker in markers {
                    match read_marker(marker) {
                        Ok(marker) => open.push(marker),
                        Err(error) => each(found(marker, &["decision_id"], Err(error))),
                    }
                }
                let decisions = open.iter().map(|marker| marker.decision_id);
                let mut records = self.records(decisions).await?;
                for marker in open {
                    let record = records.remove(&marker.decision_id);
                    each(Found {
                        key: marker.decision_id.to_string(),
                        content: Ok(self.look_up_open(marker, record).await?),
                    });
                }
            }
        }
        Ok(())
    }

    async fn look_up_open(
        &self,
        marker: OpenDecision,
        record: Option<Result<Decision, StoreError>>,
    ) -> Result<OpenEntry, StoreError> {
        let mut entry = OpenEntry {
            decision_id: marker.decision_id,
            decided_at: marker.decided_at,
            unentered: Vec::new(),
            obstacles: Vec::new(),
        };
        match record {
            Some(Ok(decision)) => self.find_unentered(&decision, &mut entry).await?,
            Some(Err(error)) => entry.obstacles.push(format!("its record: {error}")),
            None => entry.obstacles.push("it has no record".to_owned()),
        }
        Ok(entry)
    }

    /// Finds the orders that an open decision has not entered, and those without a submitted cart.
    async fn find_unentered(
        &self,
        decision: &Decision,
        entry: &mut OpenEntry,
    ) -> Result<(), StoreError> {
        let carts = Carts::new(&self.client, &self.tables.carts);
        for orders in decision.accepted.chunks(ORDERS_AT_ONCE) {
            let entered = self.entered(orders).await?;
            let checkouts = carts.checkouts(orders).await?.into_iter();
            let mut checkouts: HashMap<OrderKey, Checkout> = checkouts
                .map(|checkout| (checkout.key(), checkout))
                .collect();
            for order in orders {
                let Some(checkout) = checkouts.remove(order) else {
                    let OrderKey { user_id, order_id } = order;
                    let missing = format!("no submitted cart for order {user_id} / {order_id}");
                    entry.obstacles.push(missing);
                    continue;
                };
                match entered.entry(decision.decision_id, order) {
                    Some(Entry::ByThis) => {}
                    Some(Entry::ByAnother) | None => entry.unentered.push(checkout),
                }
            }
        }
        Ok(())
    }

    /// Every decision but the `open` ones, with its accepted orders that do not exist or do not name
    /// it. Records that cannot be read are among them, of open decisions, too.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub async fn closed_decisions(
        &self,
        segment: Segment,
        open: &HashSet<DecisionId>,
        mut each: impl FnMut(Found<ClosedEntry>),
    ) -> Result<(), StoreError> {
        let scan = self
            .scan(&self.tables.decisions, segment)
            .projection_expression("decision_id, decided_at, accepted");
        let mut pages = scan.into_paginator().send();
        while let Some(page) = pages.next().await {
            let mut closed = Vec::new();
            for item in page?.items() {
                match read_decision(item) {
                    Ok(decision) if open.contains(&decision.decision_id) => {}
                    Ok(decision) => closed.push(decision),
                    Err(error) => each(found(item, &["decision_id"], Err(error))),
                }
            }
            for entry in self.look_up_closed(closed).await? {
                each(Found {
                    key: entry.decision_id.to_string(),
                    content: Ok(entry),
                });
            }
        }
        Ok(())
    }

    async fn look_up_closed(&self, closed: Vec<Decision>) -> Result<Vec<ClosedEntry>, StoreError> {
        let accepted = closed.iter().flat_map(|decision| &decision.accepted);
        let entered = self.entered(accepted).await?;
        let by_another = closed
            .iter()
            .flat_map(|decision| entered.those(decision, Some(Entry::ByAnother)));
        let by_another: HashSet<OrderKey> = by_another.cloned().collect();
        let orders = Orders::new(&self.client, &self.tables.orders);
        let orders = orders.get_many(by_another).await?;
        let entry = |decision: &Decision| ClosedEntry {
            decision_id: decision.decision_id,
            missing: entered.those(decision, None).cloned().collect(),
            returned: entered
                .those(decision, Some(Entry::ByAnother))
                .filter_map(|order| orders.get(order))
                .map(|order| order.lines().clone())
                .collect(),
        };
        Ok(closed.iter().map(entry).collect())
    }

    /// Those of these decisions that have a record, readable or not. A record is written before the
    /// orders that name it.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn recorded(
        &self,
        decisions: HashSet<DecisionId>,
    ) -> Result<HashSet<DecisionId>, StoreError> {
        let items = self.read_records(decisions, Some("decision_id")).await?;
        let id = |item| read_text(item, "decision_id");
        items.iter().map(id).collect()
    }

    async fn records(
        &self,
        decisions: impl IntoIterator<Item = DecisionId>,
    ) -> Result<HashMap<DecisionId, Result<Decision, StoreError>>, StoreError> {
        let items = self.read_records(decisions, None).await?;
        let keyed = |item| Ok((read_text(item, "decision_id")?, read_decision(item)));
        items.iter().map(keyed).collect()
    }

    async fn read_records(
        &self,
        decisions: impl IntoIterator<Item = DecisionId>,
        attributes: Option<&str>,
    ) -> Result<Vec<Item>, StoreError> {
        let key = |decision| item([("decision_id", text(decision))]);
        let wanted = Wanted {
            table: &self.tables.decisions,
            keys: decisions.into_iter().map(key).collect(),
            freshness: Freshness::Consistent,
            attributes,
        };
        let [items] = batch_get(&self.client, [wanted]).await?;
        Ok(items)
    }

    /// Those of these orders that exist.
    async fn entered<'a>(
        &self,
        orders: impl IntoIterator<Item = &'a OrderKey>,
    ) -> Result<Entered, StoreError> {
        let orders: HashSet<&OrderKey> = orders.into_iter().collect();
        let key = |order: &OrderKey| {
            item([
                ("user_id", text(&order.user_id)),
                ("order_id", text(order.order_id)),
            ])
        };
        let keys: Vec<Item> = orders.into_iter().map(key).collect();
        let mut entered = HashMap::new();
        for keys in keys.chunks(KEYS_AT_ONCE) {
            let wanted = Wanted {
                table: &self.tables.orders,
                keys: keys.to_vec(),
                freshness: Freshness::Consistent,
                attributes: Some("user_id, order_id, decision_id"),
            };
            let [items] = batch_get(&self.client, [wanted]).await?;
            for item in &items {
                let (key, named) = read_entered(item)?;
                entered.insert(key, named);
            }
        }
        Ok(Entered(entered))
    }
}

/// Orders that exist, each with the decision that it names.
struct Entered(HashMap<OrderKey, Option<DecisionId>>);

impl Entered {
    /// The entry of an order that this decision accepts; none if the order does not exist.
    fn entry(&self, decision: DecisionId, order: &OrderKey) -> Option<Entry> {
        let named = self.0.get(order)?;
        Some(Entry::found(decision, *named))
    }

    /// The accepted orders of a decision whose entry is this.
    fn those<'a>(
        &'a self,
        decision: &'a Decision,
        entry: Option<Entry>,
    ) -> impl Iterator<Item = &'a OrderKey> {
        let accepted = decision.accepted.iter();
        accepted.filter(move |order| self.entry(decision.decision_id, order) == entry)
    }
}

fn read_entered(item: &Item) -> Result<(OrderKey, Option<DecisionId>), StoreError> {
    let key = OrderKey {
        user_id: read_text(item, "user_id")?,
        order_id: read_text(item, "order_id")?,
    };
    // A decision that cannot be read is the order's damage, and found where the orders are read.
    Ok((key, read_decision_id(item).unwrap_or(None)))
}

/// Reads a record as strictly as an audit must: a decision accepts at least one order, and none twice.
fn read_decision(item: &Item) -> Result<Decision, StoreError> {
    let decision = read_record(item)?;
    let orders: HashSet<OrderId> = decision.accepted.iter().map(|it| it.order_id).collect();
    if orders.is_empty() {
        return Err(corrupt("accepted", "is empty"));
    }
    if orders.len() < decision.accepted.len() {
        return Err(corrupt("accepted", "names an order twice"));
    }
    Ok(decision)
}
