//! Reads a function's answer for a batch, with ReportBatchItemFailures.
//!
//! Source: Lambda's developer guide, "Implementing partial batch responses": success and failure conditions.

use std::collections::HashSet;

use serde_json::Value;

/// The messages of a batch that are done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    AllDone,
    /// All but these message ids.
    Failed(HashSet<String>),
    /// The answer makes no sense, so no message counts as done.
    Invalid(String),
}

/// Reads the function's answer for a batch of these message ids.
pub(super) fn read(answer: &[u8], batch: &HashSet<&str>) -> Verdict {
    let value: Value = if answer.is_empty() {
        Value::Null
    } else {
        match serde_json::from_slice(answer) {
            Ok(value) => value,
            Err(error) => return Verdict::Invalid(format!("not JSON: {error}")),
        }
    };
    let failures = match &value {
        Value::Null => return Verdict::AllDone,
        Value::Object(fields) => match fields.get("batchItemFailures") {
            None | Some(Value::Null) => return Verdict::AllDone,
            Some(Value::Array(failures)) => failures,
            Some(_) => return Verdict::Invalid("batchItemFailures is not a list".to_owned()),
        },
        _ => return Verdict::Invalid("not an object".to_owned()),
    };
    let mut failed = HashSet::new();
    for failure in failures {
        match failure.get("itemIdentifier").and_then(Value::as_str) {
            Some(id) if batch.contains(id) => failed.insert(id.to_owned()),
            Some(id) => {
                return Verdict::Invalid(format!("no message of the batch has the id `{id}`"));
            }
            None => return Verdict::Invalid("a failure without itemIdentifier".to_owned()),
        };
    }
    if failed.is_empty() {
        Verdict::AllDone
    } else {
        Verdict::Failed(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_mean_what_lambda_says_they_mean() {
        let batch = HashSet::from(["a", "b"]);
        let failed = |ids: &[&str]| Verdict::Failed(ids.iter().map(|&id| id.to_owned()).collect());
        for (answer, verdict) in [
            ("", Verdict::AllDone),
            ("null", Verdict::AllDone),
            ("{}", Verdict::AllDone),
            (r#"{"batchItemFailures": []}"#, Verdict::AllDone),
            (r#"{"batchItemFailures": null}"#, Verdict::AllDone),
            (
                r#"{"batchItemFailures": [{"itemIdentifier": "b"}]}"#,
                failed(&["b"]),
            ),
            (
                r#"{"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "a"}]}"#,
                failed(&["a", "b"]),
            ),
        ] {
            assert_eq!(read(answer.as_bytes(), &batch), verdict, "{answer}");
        }
        for answer in [
            "oops",
            "\"done\"",
            r#"{"batchItemFailures": "a"}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": null}]}"#,
            r#"{"batchItemFailures": [{"id": "a"}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "c"}]}"#,
        ] {
            let verdict = read(answer.as_bytes(), &batch);
            assert!(
                matches!(verdict, Verdict::Invalid(_)),
                "{answer} gave {verdict:?}"
            );
        }
    }
}
