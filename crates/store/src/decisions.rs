//! The decisions of batches: their records, and the markers of those that are still open.
//!
//! A decision is open as long as its marker exists. The transaction that commits a decision writes
//! both; closing it removes the marker, and exactly one closer does. The markers are a small table of
//! their own, so that a consistent scan finds all open decisions with one read: an index would be
//! behind its table, and one partition for all markers would be a hot one.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use domain::{Decision, DecisionId, OrderKey, ProductId, Units};
use jiff::{SignedDuration, Timestamp};

use crate::batch_get::{Freshness, Wanted, batch_get};
use crate::env::{MissingVariable, from_env};
use crate::error::StoreError;
use crate::item::{Item, attribute, corrupt, expiry, item, read_text, readable, text};
use crate::stock::Stock;
use crate::transaction::{NotWritten, write_together};

/// How long a record is kept: as long as the carts that hold its orders' lines. An open decision
/// raises an alarm after a minute.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The Decisions and the OpenDecisions table.
#[derive(Debug, Clone)]
pub struct Decisions {
    client: Client,
    records: String,
    markers: String,
}

/// The marker of a decision that is not closed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenDecision {
    /// Which decision.
    pub decision_id: DecisionId,
    /// When it was made.
    pub decided_at: Timestamp,
}

impl Decisions {
    /// The tables with these names.
    pub fn new(client: &Client, records: impl Into<String>, markers: impl Into<String>) -> Self {
        Decisions {
            client: client.clone(),
            records: records.into(),
            markers: markers.into(),
        }
    }

    /// The tables that `DECISIONS_TABLE` and `OPEN_DECISIONS_TABLE` name.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_env(client: &Client) -> Result<Self, MissingVariable> {
        let (records, markers) = (
            from_env("DECISIONS_TABLE")?,
            from_env("OPEN_DECISIONS_TABLE")?,
        );
        Ok(Self::new(client, records, markers))
    }

    /// The writes that commit a decision: its record, on condition that there is none with its id,
    /// and its marker.
    pub(crate) fn commit(&self, decision: &Decision) -> [TransactWriteItem; 2] {
        let record = Put::builder()
            .table_name(&self.records)
            .set_item(Some(record_item(decision)))
            .condition_expression("attribute_not_exists(decision_id)");
        let marker = Put::builder()
            .table_name(&self.markers)
            .set_item(Some(marker_item(decision)));
        [record, marker].map(|put| {
            let put = put.build().expect("table and item are set");
            TransactWriteItem::builder().put(put).build()
        })
    }

    /// All open decisions, but for markers that cannot be read: everything committed before the call.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn open(&self) -> Result<Vec<OpenDecision>, StoreError> {
        let scan = self.client.scan().table_name(&self.markers);
        let mut pages = scan.consistent_read(true).into_paginator().send();
        let mut open = Vec::new();
        while let Some(page) = pages.next().await {
            open.extend(readable(page?.items(), read_marker));
        }
        Ok(open)
    }

    /// The records of these decisions, but for those that cannot be read. None may be given twice.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn get_many(
        &self,
        decisions: impl IntoIterator<Item = DecisionId>,
    ) -> Result<HashMap<DecisionId, Decision>, StoreError> {
        let wanted = Wanted {
            table: &self.records,
            keys: decisions.into_iter().map(key).collect(),
            freshness: Freshness::Consistent,
            attributes: None,
        };
        let [items] = batch_get(&self.client, [wanted]).await?;
        let keyed = |item| read_record(item).map(|decision| (decision.decision_id, decision));
        Ok(readable(&items, keyed).into_iter().collect())
    }

    /// Closes a decision and puts `returned` units back onto the shelf; or does nothing when it is
    /// closed already. All closers of a decision must give the same units: then it does not matter
    /// which of them wins.
    ///
    /// # Errors
    /// When the tables cannot be written. Then the decision is open or closed, and closing it again
    /// is safe.
    pub(crate) async fn close(
        &self,
        decision_id: DecisionId,
        returned: &BTreeMap<ProductId, Units>,
        stock: &Stock,
    ) -> Result<(), StoreError> {
        if returned.is_empty() {
            let delete = self.client.delete_item().table_name(&self.markers);
            delete.set_key(Some(key(decision_id))).send().await?;
            return Ok(());
        }
        let is_open = Delete::builder()
            .table_name(&self.markers)
            .set_key(Some(key(decision_id)))
            .condition_expression("attribute_exists(decision_id)")
            .build()
            .expect("table and key are set");
        let mut writes = vec![TransactWriteItem::builder().delete(is_open).build()];
        writes.extend(
            returned
                .iter()
                .map(|(product, units)| stock.put_back(*product, *units)),
        );
        match write_together(&self.client, writes).await {
            // Another closer was faster, with the same units.
            Ok(()) | Err(NotWritten::Condition(_)) => Ok(()),
            Err(NotWritten::Store(error)) => Err(error),
        }
    }
}

fn key(decision_id: DecisionId) -> Item {
    item([("decision_id", text(decision_id))])
}

fn record_item(decision: &Decision) -> Item {
    let accepted = decision.accepted.iter().map(|order| {
        let OrderKey { user_id, order_id } = order;
        AttributeValue::S(format!("{order_id} {user_id}"))
    });
    item([
        ("decision_id", text(decision.decision_id)),
        ("decided_at", text(decision.decided_at)),
        ("accepted", AttributeValue::L(accepted.collect())),
        ("expires_at", expiry(decision.decided_at, KEPT)),
    ])
}

fn marker_item(decision: &Decision) -> Item {
    item([
        ("decision_id", text(decision.decision_id)),
        ("decided_at", text(decision.decided_at)),
    ])
}

pub(crate) fn read_marker(item: &Item) -> Result<OpenDecision, StoreError> {
    Ok(OpenDecision {
        decision_id: read_text(item, "decision_id")?,
        decided_at: read_text(item, "decided_at")?,
    })
}

pub(crate) fn read_record(item: &Item) -> Result<Decision, StoreError> {
    let accepted = attribute(item, "accepted")?
        .as_l()
        .map_err(|_| corrupt("accepted", "is no list"))?;
    Ok(Decision {
        decision_id: read_text(item, "decision_id")?,
        decided_at: read_text(item, "decided_at")?,
        accepted: accepted
            .iter()
            .map(read_accepted)
            .collect::<Result<_, _>>()?,
    })
}

/// An order's id comes first, since a user's name may hold blanks.
fn read_accepted(entry: &AttributeValue) -> Result<OrderKey, StoreError> {
    let order = entry.as_s().ok().and_then(|text| text.split_once(' '));
    let (order_id, user_id) = order.ok_or_else(|| corrupt("accepted", "names no order"))?;
    Ok(OrderKey {
        user_id: user_id
            .parse()
            .map_err(|error| corrupt("accepted", error))?,
        order_id: order_id
            .parse()
            .map_err(|error| corrupt("accepted", error))?,
    })
}
