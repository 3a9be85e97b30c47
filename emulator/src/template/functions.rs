//! Functions and what invokes them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Problem;
use super::http_api;
use super::model::{Function, Queue, QueueSource, Schedule, Stack};
use super::resolve::{Resolver, Resource};
use super::resources::{self, FUNCTION, HTTP_API, QUEUE, SIMPLE_TABLE, TABLE};
use super::yaml::{Entry, Node};

/// Lambda's own limits and defaults.
const DEFAULT_TIMEOUT_SECONDS: i64 = 3;
const MAX_TIMEOUT_SECONDS: i64 = 900;
const DEFAULT_MEMORY_MIB: i64 = 128;
const MAX_MEMORY_MIB: i64 = 10_240;
const DEFAULT_BATCH_SIZE: i64 = 10;
const MAX_BATCH_SIZE: i64 = 10_000;
/// A larger batch than this needs a batching window, and a FIFO queue allows no larger one.
const MAX_BATCH_SIZE_WITHOUT_WINDOW: i64 = 10;
const MAX_WINDOW_SECONDS: i64 = 300;
const DEFAULT_VISIBILITY_SECONDS: u64 = 30;

/// Serverless resources that run code or take requests in ways this emulator doesn't.
const NOT_EMULATED: &str = "AWS::Serverless::";
const WITHOUT_LOCAL_MEANING: [&str; 2] = [
    "AWS::Serverless::LayerVersion",
    "AWS::Serverless::Connector",
];
/// Plain CloudFormation forms of what SAM declares; the emulator reads SAM's forms only.
const PLAIN_FORMS: [&str; 4] = [
    "AWS::Lambda::Function",
    "AWS::Lambda::EventSourceMapping",
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Route",
];

pub(super) fn stack(resolver: &Resolver) -> Result<Stack, Problem> {
    let resources = resolver.resources()?;
    let queues = resources::storage(resolver)?.queues;
    let (api, ignored) = http_api::api(resolver, &resources)?;
    let mut stack = Stack {
        api,
        ignored,
        ..Stack::default()
    };
    for resource in &resources {
        match resource.kind {
            FUNCTION => {
                let function = function(resolver, resource)?;
                if let Some(config) = setting(resolver, resource, "EventInvokeConfig")? {
                    let line = config.at;
                    stack.ignored.push(format!(
                        "line {line}: EventInvokeConfig of {} is not emulated: failed events are tried twice more",
                        resource.id
                    ));
                }
                events(resolver, resource, &function, &queues, &mut stack)?;
                stack.functions.push(function);
            }
            HTTP_API | TABLE | SIMPLE_TABLE | QUEUE => {}
            kind if WITHOUT_LOCAL_MEANING.contains(&kind) => {}
            kind if kind.starts_with(NOT_EMULATED) || PLAIN_FORMS.contains(&kind) => {
                stack
                    .ignored
                    .push(format!("{} ({kind}) is not emulated", resource.id));
            }
            _ => {}
        }
    }
    Ok(stack)
}

pub(super) fn shared_environment(resolver: &Resolver) -> Result<BTreeMap<String, String>, Problem> {
    let mut variables = BTreeMap::new();
    if let Some(environment) = global_setting(resolver, "Environment")? {
        read_variables(&environment, &mut variables)?;
    }
    Ok(variables)
}

fn global_setting(resolver: &Resolver, key: &str) -> Result<Option<Node>, Problem> {
    match resolver
        .globals("Function")
        .and_then(|globals| globals.get(key))
    {
        Some(node) => resolver.resolve(node),
        None => Ok(None),
    }
}

/// A property of the function, or of `Globals` where the function has none.
fn setting(
    resolver: &Resolver,
    resource: &Resource<'_>,
    key: &str,
) -> Result<Option<Node>, Problem> {
    match resolver.property(resource, key)? {
        Some(node) => Ok(Some(node)),
        None => global_setting(resolver, key),
    }
}

fn function(resolver: &Resolver, resource: &Resource<'_>) -> Result<Function, Problem> {
    let number = |key: &str, default: i64, max: i64| match setting(resolver, resource, key)? {
        Some(node) => node.integer(1, max),
        None => Ok(default),
    };
    let mut environment = shared_environment(resolver)?;
    if let Some(own) = resolver.property(resource, "Environment")? {
        read_variables(&own, &mut environment)?;
    }
    let reserved_concurrency = match setting(resolver, resource, "ReservedConcurrentExecutions")? {
        Some(node) => Some(node.integer(0, 100_000)? as usize),
        None => None,
    };
    let log_format = match setting(resolver, resource, "LoggingConfig")? {
        Some(config) => match config.get("LogFormat") {
            Some(format) => Some(format.text()?.to_owned()),
            None => None,
        },
        None => None,
    };
    let timeout = number("Timeout", DEFAULT_TIMEOUT_SECONDS, MAX_TIMEOUT_SECONDS)?;
    Ok(Function {
        logical_id: resource.id.to_owned(),
        name: resources::reference(resolver, resource, 0)?,
        binary: binary(resolver, resource)?,
        timeout: Duration::from_secs(timeout as u64),
        memory: number("MemorySize", DEFAULT_MEMORY_MIB, MAX_MEMORY_MIB)?,
        environment,
        reserved_concurrency,
        log_format,
    })
}

fn read_variables(environment: &Node, into: &mut BTreeMap<String, String>) -> Result<(), Problem> {
    if let Some(variables) = environment.get("Variables") {
        for entry in variables.entries()? {
            into.insert(entry.key.clone(), entry.value.text()?.to_owned());
        }
    }
    Ok(())
}

/// The binary, as `sam build` with cargo-lambda names it.
fn binary(resolver: &Resolver, resource: &Resource<'_>) -> Result<String, Problem> {
    if let Some(runtime) = setting(resolver, resource, "Runtime")?
        && !runtime.text()?.starts_with("provided")
    {
        return Err(runtime.expected("a runtime for binaries, such as provided.al2023"));
    }
    resource
        .body
        .get("Metadata")
        .and_then(|metadata| metadata.get("BuildProperties"))
        .and_then(|properties| properties.get("Binary"))
        .ok_or_else(|| {
            let expected = format!(
                "{} to name its binary in Metadata.BuildProperties.Binary",
                resource.id
            );
            Problem::expected(resource.at, expected, "no name")
        })?
        .text()
        .map(str::to_owned)
}

fn events(
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
    let number = |key: &str, default: i64, min: i64, max: i64| match properties.get(key) {
        Some(node) => node.integer(min, max),
        None => Ok(default),
    };
    let batch_size = number("BatchSize", DEFAULT_BATCH_SIZE, 1, MAX_BATCH_SIZE)?;
    let window = number("MaximumBatchingWindowInSeconds", 0, 0, MAX_WINDOW_SECONDS)?;
    if batch_size > MAX_BATCH_SIZE_WITHOUT_WINDOW && window == 0 {
        let expected = "MaximumBatchingWindowInSeconds of at least 1 with a BatchSize above 10";
        return Err(Problem::expected(properties.at, expected, "none"));
    }
    if queue.is_fifo() && (batch_size > MAX_BATCH_SIZE_WITHOUT_WINDOW || window > 0) {
        let expected = format!(
            "a BatchSize of at most 10 and no window, since {} is a FIFO queue",
            queue.logical_id
        );
        let found = format!("a BatchSize of {batch_size} and a window of {window} s");
        return Err(Problem::expected(properties.at, expected, found));
    }
    let visibility = visibility_seconds(queue);
    if visibility < function.timeout.as_secs() {
        let expected = format!(
            "{} to have a VisibilityTimeout of at least {}'s timeout, {} s",
            queue.logical_id,
            function.logical_id,
            function.timeout.as_secs()
        );
        return Err(Problem::expected(
            queue_arn.at,
            expected,
            format!("{visibility} s"),
        ));
    }
    let max_concurrency = match properties.get("ScalingConfig") {
        Some(config) => match config.get("MaximumConcurrency") {
            Some(node) => Some(node.integer(2, 1_000)? as usize),
            None => None,
        },
        None => None,
    };
    Ok(QueueSource {
        function: function.logical_id.clone(),
        queue_arn: queue_arn.text()?.to_owned(),
        queue_url,
        batch_size: batch_size as usize,
        window: Duration::from_secs(window as u64),
        max_concurrency,
        report_item_failures: reports_item_failures(properties)?,
    })
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
        if resources::attribute(resolver, resource, "Arn", arn.at, 0)? == wanted
            && let Some(queue) = queues.iter().find(|queue| queue.logical_id == resource.id)
        {
            return Ok((queue, resources::reference(resolver, resource, 0)?));
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
