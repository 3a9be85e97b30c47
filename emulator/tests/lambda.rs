//! Functions' processes: start, reuse, crash, time out, end.

mod support;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use support::{TestEmulator, eventually, is_alive, start, start_with};

const TEMPLATE: &str = "
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: fixture}}
    Properties:
      Runtime: provided.al2023
      Timeout: 1
      MemorySize: 256
      ReservedConcurrentExecutions: 3
      Environment: {Variables: {GREETING: hello, AWS_REGION: elsewhere}}
      Events:
        Any: {Type: HttpApi, Properties: {Path: /work, Method: GET}}
  Broken:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: fixture}}
    Properties:
      Runtime: provided.al2023
      Environment: {Variables: {FIXTURE_START: crash}}
";

async fn invoke(
    emulator: &TestEmulator,
    name: &str,
    payload: &str,
) -> (u16, Option<String>, Value) {
    let url = emulator.aws(&format!("/2015-03-31/functions/{name}/invocations"));
    let response = emulator
        .http
        .post(url)
        .body(payload.to_owned())
        .send()
        .await
        .expect("an answer");
    let status = response.status().as_u16();
    let error = response.headers().get("x-amz-function-error").cloned();
    let error = error.map(|value| value.to_str().expect("text").to_owned());
    (status, error, response.json().await.unwrap_or_default())
}

fn command_event(command: &str) -> String {
    json!({ "headers": { "x-do": command } }).to_string()
}

#[tokio::test]
async fn a_process_is_reused_and_knows_where_it_is() {
    let emulator = start(TEMPLATE).await;
    let first = emulator.ask("/work", "environment").await;
    let variables: Value = first.json().await.expect("JSON");
    for (name, value) in [
        ("GREETING", "hello"),
        ("AWS_LAMBDA_FUNCTION_NAME", "local-Worker"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", emulator.running.aws_url()),
        ("TZ", ":UTC"),
    ] {
        assert_eq!(variables[name], value, "{name}");
    }
    let context: Value = emulator
        .get("/work")
        .header("x-do", "context")
        .header(
            "x-amzn-trace-id",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
        )
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(
        context["arn"],
        "arn:aws:lambda:us-east-1:000000000000:function:local-Worker"
    );
    assert_eq!(
        context["trace"],
        "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    );
    let report = emulator.function("Worker").await;
    assert_eq!(
        (&report["invocations"], &report["cold_starts"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(report["pids"].as_array().map(Vec::len), Some(1));
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_crash_fails_its_invocation_and_no_other() {
    let emulator = start(TEMPLATE).await;
    let (status, error, body) = invoke(&emulator, "local-Worker", &command_event("exit")).await;
    assert_eq!((status, error.as_deref()), (200, Some("Unhandled")));
    assert_eq!(body["errorType"], "Runtime.ExitError");
    let message = body["errorMessage"].as_str().expect("a message");
    assert!(
        message.ends_with("Error: Runtime exited with error: exit status 7"),
        "{message}"
    );
    let (_, error, body) = invoke(&emulator, "Worker", "{}").await;
    assert_eq!((error, &body["statusCode"]), (None, &json!(200)));
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_killed_process_is_replaced() {
    let emulator = start(TEMPLATE).await;
    assert_eq!(
        emulator
            .get("/work")
            .send()
            .await
            .expect("an answer")
            .status(),
        200
    );
    for _ in 0..5 {
        let pid = emulator.function("Worker").await["pids"][0]
            .as_u64()
            .expect("a pid");
        let killed = std::process::Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status();
        assert!(killed.expect("kill").success());
        // Whether the emulator has noticed yet or not, no caller may notice.
        let status = emulator
            .get("/work")
            .send()
            .await
            .expect("an answer")
            .status();
        assert!(status == 200 || status == 500, "{status}");
        eventually("a new process", async || {
            let response = emulator.get("/work").send().await.expect("an answer");
            (response.status() == 200).then_some(())
        })
        .await;
    }
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_killed() {
    let emulator = start(TEMPLATE).await;
    let begun = Instant::now();
    let (status, error, body) = invoke(&emulator, "Worker", &command_event("sleep")).await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!((status, error.as_deref()), (200, Some("Unhandled")));
    let message = body["errorMessage"].as_str().expect("a message");
    assert!(
        message.ends_with("Task timed out after 1.00 seconds"),
        "{message}"
    );
    let report = emulator.function("Worker").await;
    assert_eq!(report["timeouts"], 1);
    eventually("the process to be gone", async || {
        let report = emulator.function("Worker").await;
        report["pids"]
            .as_array()
            .is_some_and(Vec::is_empty)
            .then_some(())
    })
    .await;
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn what_a_function_started_ends_with_it() {
    let emulator = start(TEMPLATE).await;
    let mut children: Vec<u64> = Vec::new();
    for _ in 0..2 {
        let answer = emulator.ask("/work", "child").await;
        let pid = answer.text().await.expect("a pid");
        children.push(pid.parse().expect("a number"));
        assert!(children.iter().all(|&pid| is_alive(pid)));
    }
    invoke(&emulator, "Worker", &command_event("exit")).await;
    eventually("the children's end", async || {
        (!children.iter().any(|&pid| is_alive(pid))).then_some(())
    })
    .await;
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn an_invocation_is_billed_even_if_its_caller_goes() {
    let emulator = start(TEMPLATE).await;
    emulator.ask("/work", "context").await;
    let before = emulator.function("Worker").await;
    let url = emulator.aws("/2015-03-31/functions/Worker/invocations");
    let impatient = emulator.http.post(url).body(command_event("sleep"));
    let answer = impatient.timeout(Duration::from_millis(100)).send().await;
    assert!(answer.expect_err("no answer").is_timeout());
    let figure = |report: &Value, name: &str| report[name].as_u64().expect("a number");
    // The second after which the function is killed.
    eventually("a second on the bill", async || {
        let now = emulator.function("Worker").await;
        let more = |name| figure(&now, name) - figure(&before, name);
        (more("billed_milliseconds") >= 1_000 && more("errors") == 1).then_some(())
    })
    .await;
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_function_that_cannot_start_says_so() {
    let emulator = start(TEMPLATE).await;
    for _ in 0..2 {
        let (status, error, body) = invoke(&emulator, "Broken", "{}").await;
        assert_eq!((status, error.as_deref()), (200, Some("Unhandled")));
        let message = body["errorMessage"].as_str().expect("a message");
        assert!(
            message.ends_with("Runtime exited with error: exit status 3"),
            "{message}"
        );
    }
    eventually("its last words", async || {
        emulator
            .log_lines()
            .await
            .contains(&"I won't start".to_owned())
            .then_some(())
    })
    .await;
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_burst_waits_in_line_for_the_reserved_processes() {
    let emulator = start(TEMPLATE).await;
    let answers = join_all((0..12).map(|_| async {
        let response = emulator.ask("/work", "wait").await;
        assert_eq!(response.status(), 200);
        response.text().await.expect("a pid")
    }))
    .await;
    let pids: HashSet<String> = answers.into_iter().collect();
    assert_eq!(pids.len(), 3, "three processes, all used");
    assert_eq!(emulator.function("Worker").await["cold_starts"], 3);
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn invoke_speaks_lambdas_api() {
    let emulator = start(TEMPLATE).await;
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:local-Worker";
    assert_eq!(invoke(&emulator, arn, "{}").await.0, 200);
    assert_eq!(invoke(&emulator, "Nobody", "{}").await.0, 404);
    assert_eq!(invoke(&emulator, "Worker", "{oops").await.0, 400);
    let too_large = format!("\"{}\"", "x".repeat(7 * 1024 * 1024));
    assert_eq!(invoke(&emulator, "Worker", &too_large).await.0, 413);
    let before = emulator.function("Worker").await["invocations"]
        .as_u64()
        .expect("a count");
    let response = emulator
        .http
        .post(emulator.aws("/2015-03-31/functions/Worker/invocations"))
        .header("x-amz-invocation-type", "Event")
        .body("{}")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 202);
    eventually("the event", async || {
        let now = emulator.function("Worker").await["invocations"].as_u64();
        (now > Some(before)).then_some(())
    })
    .await;
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn nothing_is_left_running() {
    let file = support::TemplateFile::new(TEMPLATE);
    for waits in [true, false] {
        let emulator = start_with(file.options()).await;
        join_all((0..3).map(|_| emulator.ask("/work", "wait"))).await;
        let report = emulator.function("Worker").await;
        let pids: Vec<u64> = report["pids"]
            .as_array()
            .expect("pids")
            .iter()
            .filter_map(Value::as_u64)
            .collect();
        assert_eq!(pids.len(), 3);
        assert!(pids.iter().all(|&pid| is_alive(pid)));
        if waits {
            emulator.running.shut_down().await;
            assert!(!pids.iter().any(|&pid| is_alive(pid)));
        } else {
            drop(emulator);
            eventually("the processes' end", async || {
                (!pids.iter().any(|&pid| is_alive(pid))).then_some(())
            })
            .await;
        }
    }
}
