//! What invokes a function: routes of the HTTP API, queues and schedules.

use std::time::Duration;

use super::http_api;
use super::model::{Function, Queue, QueueSource, Schedule, Stack};
use super::problem::Problem;
use super::references::QUEUE;
use super::resolve::{Resolver, Resource};
use super::yaml::{Entry, Node};

/// Lambda's own limits and defaults of a queue as an event source.
const DEFAULT_BATCH_SIZE: i64 = 10;
const MAX_BATCH_SIZE: i64 = 10_000;
/// A larger batch than this needs a batching window, and a FIFO queue allows no larger one.
const MAX_BATCH_SIZE_WITHOUT_WINDOW: i64 = 10;
const MAX_WINDOW_SECONDS: i64 = 300;
const DEFAULT_VISIBILITY_SECONDS: u64 = 30;
const MAX_CONCURRENCY: i64 = 1_000;

/// Adds the function's routes, queues and schedules to the stack.
pub(super) fn read(
    resolver: &Resolver,
    resource: &Resource<'_>,
    function: &Function,
    queues: &[Queue],
    stack: &mut Stack,
) -> Result<(), Problem> {
    let Some(events) = resolver.property(resource, "Events")? else {
        return Ok(());
    };
    for event in events.entries()? {
        let nothing = Node::text_at(event.value.at, "");
        let properties = event.value.get("Properties").unwrap_or(&nothing);
        if is_disabled(properties)? {
            continue;
        }
        match event.value.require("Type")?.text()? {
            "HttpApi" => {
                let route = http_api::route(properties, &function.logical_id, &stack.api)?;
                stack.api.routes.push(route);
            }
            "SQS" => {
                stack
                    .queue_sources
                    .push(queue_source(properties, function, queues, resolver)?);
            }
            kind @ ("Schedule" | "ScheduleV2") => match schedule(event, properties, function)? {
                Some(schedule) => stack.schedules.push(schedule),
                None => stack.ignored.push(format!(
                    "{}'s event {} ({kind}) is not run: only rate(…) is emulated",
                    resource.id, event.key
                )),
            },
            kind => stack.ignored.push(format!(
                "{}'s event {} ({kind}) is not emulated",
                resource.id, event.key
            )),
        }
    }
    Ok(())
}

fn is_disabled(properties: &Node) -> Result<bool, Problem> {
    if let Some(enabled) = properties.get("Enabled") {
        return Ok(!enabled.boolean()?);
    }
    Ok(properties
        .get("State")
        .is_some_and(|state| state.text() == Ok("DISABLED")))
}

fn queue_source(
    properties: &Node,
    function: &Function,
    queues: &[Queue],
    resolver: &Resolver,
) -> Result<QueueSource, Problem> {
    if let Some(filter) = properties.get("FilterCriteria") {
        let message = "FilterCriteria of an SQS event is not emulated; filter in the function";
        return Err(Problem::new(filter.at, message));
    }
    let queue_arn = properties.require("Queue")?;
    let (queue, queue_url) = locate(queue_arn, queues, resolver)?;
    let (batch_size, window) = batching(properties, queue)?;
    check_visibility(queue_arn, queue, function)?;
    Ok(QueueSource {
        function: function.logical_id.clone(),
        queue_arn: queue_arn.text()?.to_owned(),
        queue_url,
        batch_size,
        window,
        max_concurrency: max_concurrency(properties)?,
        report_item_failures: reports_item_failures(properties)?,
    })
}

/// The largest batch and the longest window, as far as the kind of queue allows them.
fn batching(properties: &Node, queue: &Queue) -> Result<(usize, Duration), Problem> {
    let number = |key: &str, default: i64, min: i64, max: i64| match properties.get(key) {
        Some(node) => node.integer(min, max),
        None => Ok(default),
    };
    let batch_size = number("BatchSize", DEFAULT_BATCH_SIZE, 1, MAX_BATCH_SIZE)?;
    let window = number("MaximumBatchingWindowInSeconds", 0, 0, MAX_WINDOW_SECONDS)?;
    if batch_size > MAX_BATCH_SIZE_WITHOUT_WINDOW && window == 0 {
        let expected = "MaximumBatchingWindowInSeconds of at least 1 with a BatchSize above 10";
        let found = format!("{window} with a BatchSize of {batch_size}");
        return Err(Problem::expected(properties.at, expected, found));
    }
    if queue.is_fifo() && (batch_size > MAX_BATCH_SIZE_WITHOUT_WINDOW || window > 0) {
        let expected = format!(
            "a BatchSize of at most 10 and no window, since {} is a FIFO queue",
            queue.logical_id
        );
        let found = format!("a BatchSize of {batch_size} and a window of {window} s");
        return Err(Problem::expected(properties.at, expected, found));
    }
    Ok((batch_size as usize, Duration::from_secs(window as u64)))
}

/// A message must stay invisible while the function works on it.
fn check_visibility(at: &Node, queue: &Queue, function: &Function) -> Result<(), Problem> {
    let visibility = visibility_seconds(queue);
    let timeout = function.timeout.as_secs();
    if visibility >= timeout {
        return Ok(());
    }
    let expected = format!(
        "{} to have a VisibilityTimeout of at least {}'s timeout, {timeout} s",
        queue.logical_id, function.logical_id,
    );
    Err(Problem::expected(
        at.at,
        expected,
        format!("{visibility} s"),
    ))
}

fn max_concurrency(properties: &Node) -> Result<Option<usize>, Problem> {
    let config = properties.get("ScalingConfig");
    match config.and_then(|config| config.get("MaximumConcurrency")) {
        Some(node) => Ok(Some(node.integer(2, MAX_CONCURRENCY)? as usize)),
        None => Ok(None),
    }
}

/// The template's queue with this ARN, and its URL.
fn locate<'q>(
    arn: &Node,
    queues: &'q [Queue],
    resolver: &Resolver,
) -> Result<(&'q Queue, String), Problem> {
    let wanted = arn.text()?;
    for resource in resolver
        .resources()?
        .iter()
        .filter(|resource| resource.kind == QUEUE)
    {
        if resolver.attribute_of(resource, "Arn", arn.at, 0)? == wanted
            && let Some(queue) = queues.iter().find(|queue| queue.logical_id == resource.id)
        {
            return Ok((queue, resolver.reference_to(resource, 0)?));
        }
    }
    Err(arn.expected("the Arn of a queue in this template"))
}

fn visibility_seconds(queue: &Queue) -> u64 {
    queue
        .attributes
        .get("VisibilityTimeout")
        .and_then(|text| text.parse().ok())
        .unwrap_or(DEFAULT_VISIBILITY_SECONDS)
}

fn reports_item_failures(properties: &Node) -> Result<bool, Problem> {
    let Some(types) = properties.get("FunctionResponseTypes") else {
        return Ok(false);
    };
    for item in types.items()? {
        if item.text()? != "ReportBatchItemFailures" {
            return Err(item.expected("ReportBatchItemFailures"));
        }
    }
    Ok(!types.items()?.is_empty())
}

/// A schedule with a `rate`; nothing for the other expressions.
fn schedule(
    event: &Entry,
    properties: &Node,
    function: &Function,
) -> Result<Option<Schedule>, Problem> {
    let expression = match properties.get("ScheduleExpression") {
        Some(node) => node,
        None => properties.require("Schedule")?,
    };
    let text = expression.text()?;
    let Some(rate) = text
        .strip_prefix("rate(")
        .and_then(|rest| rest.strip_suffix(')'))
    else {
        return Ok(None);
    };
    let every = parse_rate(rate).ok_or_else(|| {
        expression.expected("a rate such as rate(1 minute), rate(5 minutes), rate(2 hours)")
    })?;
    let input = match properties.get("Input") {
        Some(node) => Some(node.text()?.to_owned()),
        None => None,
    };
    let name = format!("{}-{}", function.name, event.key);
    Ok(Some(Schedule {
        function: function.logical_id.clone(),
        name,
        every,
        input,
    }))
}

fn parse_rate(rate: &str) -> Option<Duration> {
    let (count, unit) = rate.trim().split_once(' ')?;
    let count: u64 = count.parse().ok().filter(|&count| count > 0)?;
    let seconds = match unit.trim() {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(count.checked_mul(seconds)?))
}
