//! BatchExecuteStatement with statements that are refused: the engine gets the others, and their answers are put together.
//!
//! Source: BatchStatementError, Amazon DynamoDB API Reference. Statements succeed and fail one by one, and the call itself
//! is answered with 200.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::refusal::Reason;
use crate::meter::Ending;

/// For each statement of a batch, the reason for which it is refused, if it is.
#[derive(Debug)]
pub(super) struct RefusedStatements(pub(super) Vec<Option<Reason>>);

/// A request or an answer, with a member for each statement.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Members<'a> {
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    statements: Vec<Cow<'a, RawValue>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    responses: Vec<Cow<'a, RawValue>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    return_consumed_capacity: Option<Cow<'a, RawValue>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    consumed_capacity: Option<Cow<'a, RawValue>>,
}

impl RefusedStatements {
    pub(super) fn all(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    pub(super) fn ending(&self) -> Ending {
        Ending::PartlyRefused {
            by_conflict: self.0.contains(&Some(Reason::TransactionConflict)),
            by_throttle: self.0.contains(&Some(Reason::Throttling)),
        }
    }

    /// The request without the refused statements.
    pub(super) fn without(&self, request: &[u8]) -> serde_json::Result<Bytes> {
        let mut members: Members<'_> = serde_json::from_slice(request)?;
        let statements = members.statements.into_iter().zip(&self.0);
        members.statements = statements
            .filter_map(|(statement, refused)| refused.is_none().then_some(statement))
            .collect();
        Ok(serde_json::to_vec(&members)?.into())
    }

    /// The answer with the refusals at their places. `answer` is about the other statements, in their order.
    pub(super) fn with(&self, answer: &[u8]) -> serde_json::Result<Bytes> {
        let mut members: Members<'_> = serde_json::from_slice(answer)?;
        let mut answered = members.responses.into_iter();
        let mut responses = Vec::with_capacity(self.0.len());
        for refused in &self.0 {
            match refused {
                Some(reason) => responses.push(Cow::Owned(refusal(*reason)?)),
                None => responses.extend(answered.next()),
            }
        }
        members.responses = responses;
        Ok(serde_json::to_vec(&members)?.into())
    }
}

fn refusal(reason: Reason) -> serde_json::Result<Box<RawValue>> {
    let error = json!({ "Code": reason.code(), "Message": reason.message() });
    to_raw_value(&json!({ "Error": error }))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn read(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).expect("JSON")
    }

    #[test]
    fn answers_stand_where_their_statements_stood() {
        let refused = RefusedStatements(vec![
            None,
            Some(Reason::Throttling),
            None,
            Some(Reason::TransactionConflict),
        ]);
        let request = br#"{"Statements": [{"Statement": "a"}, {"Statement": "b"}, {"Statement": "c"}, {"Statement": "d"}],
            "ReturnConsumedCapacity": "TOTAL"}"#;
        let left = refused.without(request).expect("JSON");
        let expected = json!({
            "Statements": [{ "Statement": "a" }, { "Statement": "c" }],
            "ReturnConsumedCapacity": "TOTAL",
        });
        assert_eq!(read(&left), expected);

        let answer =
            br#"{"Responses": [{"TableName": "a"}, {"TableName": "c"}], "ConsumedCapacity": []}"#;
        let whole = read(&refused.with(answer).expect("JSON"));
        let codes: Vec<&Value> = (0..4)
            .map(|index| match &whole["Responses"][index] {
                Value::Object(answer) if answer.contains_key("Error") => &answer["Error"]["Code"],
                answer => &answer["TableName"],
            })
            .collect();
        assert_eq!(codes, ["a", "ThrottlingError", "c", "TransactionConflict"]);
        assert_eq!(whole["ConsumedCapacity"], json!([]));
        assert!(!refused.all());
    }
}
