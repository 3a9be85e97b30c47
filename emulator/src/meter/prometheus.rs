//! The counts in Prometheus's text format.

use std::fmt::{self, Write as _};

use emulator_api::{CallerUsage, FunctionUsage, Metrics, OperationUsage};

/// Name, help, and the figure of an operation.
type CallMetric = (&'static str, &'static str, fn(&OperationUsage) -> f64);
type FunctionMetric = (&'static str, &'static str, fn(&FunctionUsage) -> f64);

const CALLS: [CallMetric; 9] = [
    ("aws_calls_total", "AWS calls.", |calls| calls.calls as f64),
    ("aws_call_errors_total", "AWS calls that failed.", |calls| {
        calls.errors as f64
    }),
    (
        "aws_call_seconds_total",
        "Time that callers waited for AWS calls.",
        |calls| calls.milliseconds / 1_000.0,
    ),
    (
        "aws_call_throttles_total",
        "AWS calls that were throttled.",
        |calls| calls.throttles as f64,
    ),
    (
        "dynamodb_read_units_total",
        "Read request units.",
        |calls| calls.read_units,
    ),
    (
        "dynamodb_write_units_total",
        "Write request units.",
        |calls| calls.write_units,
    ),
    (
        "dynamodb_cancelled_transactions_total",
        "Transactions that were cancelled.",
        |calls| calls.cancelled_transactions as f64,
    ),
    (
        "dynamodb_conflicts_total",
        "Calls that met a transaction under way.",
        |calls| calls.conflicts as f64,
    ),
    (
        "sqs_billed_requests_total",
        "SQS requests as billed, by 64 KB.",
        |calls| calls.billed_requests as f64,
    ),
];

const FUNCTIONS: [FunctionMetric; 5] = [
    ("lambda_invocations_total", "Invocations.", |function| {
        function.invocations as f64
    }),
    (
        "lambda_errors_total",
        "Invocations that failed.",
        |function| function.errors as f64,
    ),
    (
        "lambda_cold_starts_total",
        "Processes that were started.",
        |function| function.cold_starts as f64,
    ),
    (
        "lambda_billed_seconds_total",
        "Time as billed, by milliseconds.",
        |function| function.billed_milliseconds as f64 / 1_000.0,
    ),
    (
        "lambda_gb_seconds_total",
        "Billed time times memory.",
        |function| function.gb_seconds,
    ),
];

/// Prometheus's text format, version 0.0.4.
pub(crate) fn to_prometheus(metrics: &Metrics) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = write(metrics, &mut text);
    text
}

fn write(metrics: &Metrics, text: &mut String) -> fmt::Result {
    head(
        text,
        "http_api_requests_total",
        "HTTP API requests as billed, by 512 KB.",
    )?;
    writeln!(
        text,
        "http_api_requests_total {}",
        metrics.totals.http_requests
    )?;
    for (name, help, figure) in FUNCTIONS {
        head(text, name, help)?;
        for function in &metrics.functions {
            let id = Escaped(&function.function);
            writeln!(text, "{name}{{function=\"{id}\"}} {}", figure(function))?;
        }
    }
    for (name, help, figure) in CALLS {
        head(text, name, help)?;
        for (caller, usage) in callers(metrics) {
            let caller = Escaped(caller);
            for calls in &usage.calls {
                let OperationUsage {
                    service, operation, ..
                } = calls;
                let operation = Escaped(operation);
                let value = figure(calls);
                writeln!(
                    text,
                    "{name}{{caller=\"{caller}\",service=\"{service}\",operation=\"{operation}\"}} {value}"
                )?;
            }
        }
    }
    Ok(())
}

fn callers(metrics: &Metrics) -> impl Iterator<Item = (&str, &CallerUsage)> {
    let functions = metrics.functions.iter();
    functions
        .map(|function| (function.function.as_str(), &function.usage))
        .chain([
            ("event-sources", &metrics.event_sources),
            ("others", &metrics.others),
        ])
}

fn head(text: &mut String, name: &str, help: &str) -> fmt::Result {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter")
}

/// A label's value.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
