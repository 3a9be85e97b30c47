//! Functions.

use std::collections::BTreeMap;
use std::time::Duration;

use super::model::{Function, Stack};
use super::problem::Problem;
use super::references::{FUNCTION, HTTP_API, QUEUE, SIMPLE_TABLE, TABLE};
use super::resolve::{Resolver, Resource};
use super::yaml::Node;
use super::{events, http_api, storage};

/// Lambda's own limits and defaults.
const DEFAULT_TIMEOUT_SECONDS: i64 = 3;
const MAX_TIMEOUT_SECONDS: i64 = 900;
const DEFAULT_MEMORY_MIB: i64 = 128;
const MAX_MEMORY_MIB: i64 = 10_240;

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
    let queues = storage::storage(resolver)?.queues;
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
                events::read(resolver, resource, &function, &queues, &mut stack)?;
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
        name: resolver.reference_to(resource, 0)?,
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
