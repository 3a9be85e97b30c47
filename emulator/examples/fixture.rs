//! A function for the emulator's tests. Its events contain commands.
//!
//! For HTTP it answers with the event itself, or does what the header `x-do` says. For queues it prints the batch
//! and fails the messages whose body says so.

use std::process::Stdio;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if std::env::var("FIXTURE_START").as_deref() == Ok("crash") {
        eprintln!("I won't start");
        std::process::exit(3);
    }
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    match event.payload.get("Records") {
        Some(Value::Array(records)) => batch(records).await,
        _ => http(event).await,
    }
}

async fn http(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    match payload["headers"]["x-do"].as_str() {
        Some("exit") => std::process::exit(7),
        Some("error") => Err("as commanded".into()),
        Some("sleep") => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(Value::Null)
        }
        Some("wait") => {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok(json!({ "statusCode": 200, "body": std::process::id().to_string() }))
        }
        Some("large") => Ok(json!({ "statusCode": 200, "body": "x".repeat(7 * 1024 * 1024) })),
        Some("environment") => {
            let variables: serde_json::Map<String, Value> = std::env::vars()
                .map(|(name, value)| (name, Value::from(value)))
                .collect();
            Ok(json!({ "statusCode": 200, "body": Value::from(variables).to_string() }))
        }
        Some("context") => {
            let context = json!({
                "request_id": context.request_id,
                "deadline": context.deadline,
                "arn": context.invoked_function_arn,
                "trace": context.xray_trace_id,
            });
            Ok(json!({ "statusCode": 200, "body": context.to_string() }))
        }
        Some("child") => {
            let mut sleep = std::process::Command::new("sleep");
            let child = sleep.arg("600").stdout(Stdio::null()).stderr(Stdio::null());
            let pid = child.spawn()?.id();
            Ok(json!({ "statusCode": 200, "body": pid.to_string() }))
        }
        Some("log") => {
            println!("{}", payload["headers"]["x-line"].as_str().unwrap_or(""));
            Ok(json!({ "statusCode": 202 }))
        }
        Some(other) => Err(format!("can't {other}").into()),
        None => {
            println!("hello from {}", std::process::id());
            Ok(json!({
                "statusCode": 200,
                "headers": { "content-type": "application/json", "x-fixture": "yes" },
                "cookies": ["a=1", "b=2"],
                "body": payload.to_string(),
            }))
        }
    }
}

/// Bodies are JSON or text: `fail` fails the message, `throw` the batch, `exit` the process, `nonsense` the answer.
async fn batch(records: &[Value]) -> Result<Value, Error> {
    let bodies: Vec<&str> = records
        .iter()
        .filter_map(|record| record["body"].as_str())
        .collect();
    let heads: Vec<String> = bodies
        .iter()
        .map(|body| body.chars().take(20).collect())
        .collect();
    println!(
        "batch {}",
        json!({ "size": records.len(), "bodies": heads, "first": records[0] })
    );
    if bodies.contains(&"throw") {
        return Err("as commanded".into());
    }
    if bodies.contains(&"exit") {
        std::process::exit(7);
    }
    if bodies.contains(&"nonsense") {
        return Ok(json!({ "batchItemFailures": [{ "itemIdentifier": "nobody" }] }));
    }
    if bodies.iter().any(|body| body.starts_with("slow")) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let failures: Vec<Value> = records
        .iter()
        .filter(|record| record["body"] == "fail")
        .map(|record| json!({ "itemIdentifier": record["messageId"] }))
        .collect();
    Ok(json!({ "batchItemFailures": failures }))
}
