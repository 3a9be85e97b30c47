//! The errors that DynamoDB answers to a call that conflicts with another, or is throttled.
//!
//! Sources: TransactionCanceledException, TransactionConflictException and ThrottlingException, Amazon DynamoDB API
//! Reference; the messages are those for on-demand tables.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::aws_error::failure_with;
use crate::meter::Ending;

const NAMESPACE: &str = "com.amazonaws.dynamodb.v20120810#";
const THROTTLED: &str = "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically \
                         scaling your table or index so please try again shortly. If exceptions persist, check if you \
                         have a hot key: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    TransactionConflict,
    Throttling,
}

impl Reason {
    /// In a transaction's list of reasons, and for a statement of a batch.
    pub(super) fn code(self) -> &'static str {
        match self {
            Reason::TransactionConflict => "TransactionConflict",
            Reason::Throttling => "ThrottlingError",
        }
    }

    /// The error of a call that is no transaction.
    fn exception(self) -> &'static str {
        match self {
            Reason::TransactionConflict => "TransactionConflictException",
            Reason::Throttling => "ThrottlingException",
        }
    }

    pub(super) fn message(self) -> &'static str {
        match self {
            Reason::TransactionConflict => "Transaction is ongoing for the item",
            Reason::Throttling => THROTTLED,
        }
    }
}

/// A call that is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    reason: Reason,
    /// For a transaction: by index, the items that it was refused for.
    by_index: Option<Vec<bool>>,
}

impl Refusal {
    /// Of a call that is no transaction.
    pub(super) fn single(reason: Reason) -> Self {
        Refusal {
            reason,
            by_index: None,
        }
    }

    /// Of a transaction, for these items.
    pub(super) fn of_transaction(items: Vec<bool>, reason: Reason) -> Self {
        Refusal {
            reason,
            by_index: Some(items),
        }
    }

    pub(super) fn ending(&self) -> Ending {
        let conflict = self.reason == Reason::TransactionConflict;
        match (&self.by_index, conflict) {
            (Some(_), _) => Ending::Cancelled {
                by_conflict: conflict,
                by_throttle: !conflict,
            },
            (None, true) => Ending::Conflict,
            (None, false) => Ending::Throttle,
        }
    }

    pub(super) fn response(&self) -> Response {
        let body = match &self.by_index {
            None => json!({
                "__type": format!("{NAMESPACE}{}", self.reason.exception()),
                "message": self.reason.message(),
            }),
            Some(items) => self.cancellation(items),
        };
        failure_with(StatusCode::BAD_REQUEST, &body)
    }

    fn cancellation(&self, items: &[bool]) -> Value {
        let code = |&refused: &bool| if refused { self.reason.code() } else { "None" };
        let codes: Vec<&str> = items.iter().map(code).collect();
        let reasons: Vec<Value> = items
            .iter()
            .map(|refused| match refused {
                true => json!({ "Code": self.reason.code(), "Message": self.reason.message() }),
                false => json!({ "Code": "None" }),
            })
            .collect();
        let message = format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        );
        json!({
            "__type": format!("{NAMESPACE}TransactionCanceledException"),
            "Message": message,
            "CancellationReasons": reasons,
        })
    }
}
