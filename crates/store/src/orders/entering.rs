//! Entering many decided orders, each by a write that only the first for its order wins.

use std::collections::HashMap;
use std::time::Instant;

use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementError, BatchStatementErrorCodeEnum, BatchStatementRequest,
};
use domain::{DecisionId, Order, OrderKey};
use futures_util::StreamExt as _;
use futures_util::stream;

use super::Orders;
use super::entry::{DECISION, key, order_item, read_decision, read_key};
use crate::batch_get::{Wanted, batch_get};
use crate::error::StoreError;
use crate::item::Item;
use crate::patience::{Backoff, in_time};

/// Statements in one `BatchExecuteStatement`.
/// Source: Amazon DynamoDB API Reference, `BatchExecuteStatement`.
const MAX_STATEMENTS: usize = 25;

/// Calls side by side, at most. The orders are spread over all partitions by their users.
const CALLS_SIDE_BY_SIDE: usize = 16;

/// The attempt to enter an order.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// It was written.
    Written,
    /// There was one: it came by this decision, if by any.
    Found(Option<DecisionId>),
    /// Not attempted: throttled, without answer, or refused. Nothing is known of the order, and the
    /// decision that it belongs to must stay open.
    NotAttempted,
}

impl Attempt {
    /// Whether the order is in the table as this attempt meant it: written now, or before by the same
    /// decision, which is so when the answer to an earlier attempt was lost.
    pub(crate) fn is_of(&self, order: &Order) -> bool {
        match self {
            Attempt::Written => true,
            Attempt::Found(decision) => decision.is_some() && *decision == order.decision_id,
            Attempt::NotAttempted => false,
        }
    }
}

/// An answer for one statement of a batch.
enum Answer {
    Written,
    Duplicate,
    Again,
    Refused,
}

impl Orders {
    /// Enters orders, many side by side; none may be given twice. What is throttled or unanswered is
    /// repeated until the deadline. The attempts are in the order of `orders`.
    pub(crate) async fn enter_all(&self, orders: &[Order], deadline: Instant) -> Vec<Attempt> {
        let calls: Vec<_> = orders
            .chunks(MAX_STATEMENTS)
            .map(|chunk| self.enter_some(chunk, deadline))
            .collect();
        let attempts = stream::iter(calls).buffered(CALLS_SIDE_BY_SIDE);
        attempts.map(stream::iter).flatten().collect().await
    }

    async fn enter_some(&self, orders: &[Order], deadline: Instant) -> Vec<Attempt> {
        let mut attempts: Vec<Option<Attempt>> = orders.iter().map(|_| None).collect();
        let mut duplicates = Vec::new();
        let mut waiting: Vec<usize> = (0..orders.len()).collect();
        let mut backoff = Backoff::default();
        while !waiting.is_empty() {
            let asked = waiting.iter().map(|&index| &orders[index]);
            let answers = self.insert(asked, deadline).await;
            let mut again = Vec::new();
            for (index, answer) in waiting.into_iter().zip(answers) {
                match answer {
                    Answer::Written => attempts[index] = Some(Attempt::Written),
                    Answer::Duplicate => duplicates.push(index),
                    Answer::Again => again.push(index),
                    Answer::Refused => {}
                }
            }
            waiting = again;
            if !waiting.is_empty() && backoff.wait(deadline).await.is_err() {
                break;
            }
        }
        if duplicates.is_empty() {
            return attempts_made(attempts);
        }
        let keys = duplicates.iter().map(|&index| orders[index].key());
        match in_time(deadline, self.decisions_of(keys)).await {
            Ok(decisions) => {
                for index in duplicates {
                    let found = decisions.get(&orders[index].key());
                    attempts[index] = found.map(|decision| Attempt::Found(*decision));
                }
            }
            Err(error) => tracing::warn!(%error, "orders that are there could not be read"),
        }
        attempts_made(attempts)
    }

    /// One call: an answer for each order.
    async fn insert<'a>(
        &self,
        orders: impl Iterator<Item = &'a Order>,
        deadline: Instant,
    ) -> Vec<Answer> {
        let orders: Vec<&Order> = orders.collect();
        let statements = orders.iter().map(|order| self.insert_statement(order));
        let call = self
            .client
            .batch_execute_statement()
            .set_statements(Some(statements.collect()))
            .send();
        let call = async { call.await.map_err(StoreError::from) };
        match in_time(deadline, call).await {
            Ok(answer) => {
                let responses = answer.responses.unwrap_or_default();
                let mut answers: Vec<Answer> = orders
                    .iter()
                    .zip(responses)
                    .map(|(order, response)| answer_of(order, response.error.as_ref()))
                    .collect();
                // An answer that is missing says nothing of its order.
                answers.resize_with(orders.len(), || Answer::Again);
                answers
            }
            Err(error) => {
                let refused = matches!(error, StoreError::Refused(_));
                tracing::warn!(%error, orders = orders.len(), "orders could not be entered");
                let all = |_: &&Order| match refused {
                    true => Answer::Refused,
                    false => Answer::Again,
                };
                orders.iter().map(all).collect()
            }
        }
    }

    /// The statement that inserts an order. An insert fails when there is an item with its key: it
    /// is a put on condition that there is none.
    /// Source: Amazon DynamoDB Developer Guide, "PartiQL insert statements for DynamoDB".
    fn insert_statement(&self, order: &Order) -> BatchStatementRequest {
        let mut attributes: Vec<(String, AttributeValue)> = order_item(order).into_iter().collect();
        attributes.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let (names, values): (Vec<String>, Vec<AttributeValue>) = attributes.into_iter().unzip();
        let members: Vec<String> = names.iter().map(|name| format!("'{name}': ?")).collect();
        let (table, members) = (&self.table, members.join(", "));
        BatchStatementRequest::builder()
            .statement(format!("INSERT INTO \"{table}\" VALUE {{{members}}}"))
            .set_parameters(Some(values))
            .build()
            .expect("the statement is set")
    }

    /// The decisions by which orders came that are in the table.
    async fn decisions_of(
        &self,
        keys: impl Iterator<Item = OrderKey>,
    ) -> Result<HashMap<OrderKey, Option<DecisionId>>, StoreError> {
        let keys = keys.map(|order| key(&order.user_id, order.order_id));
        let attributes = format!("user_id, order_id, {DECISION}");
        let wanted = Wanted {
            attributes: Some(&attributes),
            ..self.wanted(keys)
        };
        let [items] = batch_get(&self.client, [wanted]).await?;
        let decision = |item: &Item| Ok((read_key(item)?, read_decision(item)?));
        items.iter().map(decision).collect()
    }
}

fn attempts_made(attempts: Vec<Option<Attempt>>) -> Vec<Attempt> {
    let attempts = attempts.into_iter();
    attempts
        .map(|attempt| attempt.unwrap_or(Attempt::NotAttempted))
        .collect()
}

fn answer_of(order: &Order, error: Option<&BatchStatementError>) -> Answer {
    let Some(error) = error else {
        return Answer::Written;
    };
    match error.code() {
        Some(BatchStatementErrorCodeEnum::DuplicateItem) => Answer::Duplicate,
        Some(
            code @ (BatchStatementErrorCodeEnum::ValidationError
            | BatchStatementErrorCodeEnum::ItemCollectionSizeLimitExceeded),
        ) => {
            let order_id = order.order_id();
            tracing::error!(%order_id, %code, "the table refuses an order");
            Answer::Refused
        }
        // Throttles and conflicts pass by themselves, a missing permission once operators see to it.
        _ => Answer::Again,
    }
}
