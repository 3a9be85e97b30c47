//! EventBridge schedules with a rate.

use std::sync::Arc;

use bytes::Bytes;
use jiff::{Timestamp, Unit};
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

use crate::lambda::{self, Function};
use crate::template::Schedule;

/// Invokes the function at the schedule's rate, the first time one period from now, until dropped.
pub(crate) async fn run(
    schedule: Schedule,
    function: Arc<Function>,
    region: String,
    account: String,
) {
    let mut ticks = tokio::time::interval_at(Instant::now() + schedule.every, schedule.every);
    // After a laptop's sleep, the runs that it missed are not made up for.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        lambda::invoke_event(function.clone(), event(&schedule, &region, &account));
    }
}

/// Source: EventBridge's user guide, "Scheduled events".
fn event(schedule: &Schedule, region: &str, account: &str) -> Bytes {
    if let Some(input) = &schedule.input {
        return Bytes::from(input.clone());
    }
    let time = Timestamp::now()
        .round(Unit::Second)
        .unwrap_or_else(|_| Timestamp::now());
    let event = json!({
        "version": "0",
        "id": Uuid::new_v4(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": time,
        "region": region,
        "resources": [format!("arn:aws:events:{region}:{account}:rule/{}", schedule.name)],
        "detail": {},
    });
    Bytes::from(event.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_event_has_the_documented_fields() {
        let mut schedule = Schedule {
            function: "F".to_owned(),
            name: "sweep".to_owned(),
            every: Duration::from_secs(60),
            input: None,
        };
        let read = |schedule: &Schedule| -> Value {
            serde_json::from_slice(&event(schedule, "us-east-1", "123456789012")).expect("JSON")
        };
        let mut standard = read(&schedule);
        assert!(
            standard["id"]
                .take()
                .as_str()
                .is_some_and(|id| id.len() == 36)
        );
        let time = standard["time"].take();
        assert!(
            time.as_str()
                .is_some_and(|time| time.len() == 20 && time.ends_with('Z')),
            "{time}"
        );
        let expected = json!({
            "version": "0",
            "id": null,
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "123456789012",
            "time": null,
            "region": "us-east-1",
            "resources": ["arn:aws:events:us-east-1:123456789012:rule/sweep"],
            "detail": {}
        });
        assert_eq!(standard, expected);
        schedule.input = Some(r#"{"kind":"sweep"}"#.to_owned());
        assert_eq!(read(&schedule), json!({ "kind": "sweep" }));
    }
}
