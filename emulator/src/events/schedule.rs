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
    // A laptop that slept makes up for nothing.
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
