//! DynamoDB's error answers, as the meter counts them.

use std::borrow::Cow;

use serde::Deserialize;

use crate::meter::Ending;

/// How a call ended with this error answer.
pub(super) fn ending(answer: &[u8]) -> Ending {
    #[derive(Deserialize)]
    struct Failure<'a> {
        #[serde(borrow, rename = "__type")]
        kind: Cow<'a, str>,
        #[serde(rename = "CancellationReasons", default)]
        reasons: Vec<Reason>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Reason {
        #[serde(default)]
        code: String,
    }
    let Ok(failure) = serde_json::from_slice::<Failure<'_>>(answer) else {
        return Ending::OtherFailure;
    };
    let has = |codes: &[&str]| {
        let mut reasons = failure.reasons.iter();
        reasons.any(|reason| codes.contains(&reason.code.as_str()))
    };
    match failure.kind.rsplit('#').next().unwrap_or_default() {
        "TransactionCanceledException" => Ending::Cancelled {
            by_conflict: has(&["TransactionConflict"]),
            by_throttle: has(&["ThrottlingError", "ProvisionedThroughputExceeded"]),
        },
        "TransactionConflictException" => Ending::Conflict,
        "ThrottlingException" | "ProvisionedThroughputExceededException" => Ending::Throttle,
        "ConditionalCheckFailedException" => Ending::ConditionFailed,
        _ => Ending::OtherFailure,
    }
}

/// Whether DynamoDB charges for the failed attempt.
pub(super) fn is_charged(ending: Ending) -> bool {
    match ending {
        Ending::ConditionFailed => true,
        Ending::Cancelled { by_throttle, .. } => !by_throttle,
        Ending::Success
        | Ending::PartlyRefused { .. }
        | Ending::Conflict
        | Ending::Throttle
        | Ending::OtherFailure => false,
    }
}
