//! An emulator with fixture functions, and ways to call it.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of this"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use emulator::{Emulator, Options};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

/// Longest wait for anything that should happen at once.
pub const SOON: Duration = Duration::from_secs(20);

/// Longest wait for an answer, and for an emulator to start, so that the test of a silent one ends.
const DEADLINE: Duration = Duration::from_secs(60);

/// A template in a file of its own, removed with it.
pub struct TemplateFile(pub PathBuf);

impl TemplateFile {
    pub fn new(source: &str) -> Self {
        let name = format!(
            "emulator-test-{}-{}.yaml",
            std::process::id(),
            fastrand::u64(..)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, source).expect("a temporary file");
        TemplateFile(path)
    }

    pub fn options(&self) -> Options {
        Options {
            port: 0,
            aws_port: 0,
            print_logs: false,
            ..Options::new(&self.0)
        }
    }
}

impl Drop for TemplateFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Where cargo puts this package's examples, the fixture function among them.
pub fn fixtures() -> PathBuf {
    let test = std::env::current_exe().expect("the test's path");
    let profile = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("target/<profile>/deps");
    profile.join("examples")
}

pub struct TestEmulator {
    pub running: Emulator,
    pub http: Client,
}

pub async fn start(template: &str) -> TestEmulator {
    let file = TemplateFile::new(template);
    start_with(file.options()).await
}

pub async fn start_with(options: Options) -> TestEmulator {
    let prepared = emulator::prepare(options).expect("a good template and free ports");
    let running = tokio::time::timeout(DEADLINE, prepared.start(&fixtures())).await;
    TestEmulator {
        running: running
            .expect("a start in time")
            .expect("a running emulator"),
        http: client(),
    }
}

pub fn client() -> Client {
    let client = Client::builder().no_proxy().timeout(DEADLINE);
    client.build().expect("a client")
}

impl TestEmulator {
    pub fn api(&self, path: &str) -> String {
        format!("{}{path}", self.running.api_url())
    }

    pub fn aws(&self, path: &str) -> String {
        format!("{}{path}", self.running.aws_url())
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.api(path))
    }

    /// Asks the HTTP API's fixture to do something.
    pub async fn ask(&self, path: &str, command: &str) -> Response {
        self.get(path)
            .header("x-do", command)
            .send()
            .await
            .expect("an answer")
    }

    pub async fn token(&self, grant: Value) -> String {
        let response = self
            .http
            .post(self.aws("/_local/token"))
            .body(grant.to_string())
            .send();
        let body: Value = response
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        body["access_token"].as_str().expect("a token").to_owned()
    }

    /// One function's entry of `/_local/functions`.
    pub async fn function(&self, logical_id: &str) -> Value {
        let response = self.http.get(self.aws("/_local/functions")).send().await;
        let body: Value = response.expect("an answer").json().await.expect("JSON");
        let functions = body["functions"].as_array().expect("functions");
        let found = functions
            .iter()
            .find(|function| function["logical_id"] == logical_id);
        found.expect("the function").clone()
    }

    /// An AWS call with this access key. Its signature is not checked.
    pub async fn aws_as(&self, key_id: &str, target: &str, body: &Value) -> Response {
        let signed = format!(
            "AWS4-HMAC-SHA256 Credential={key_id}/20250101/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-target, Signature=0"
        );
        let request = self.http.post(self.aws("/"));
        request
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", signed)
            .header("x-amz-date", "20250101T000000Z")
            .body(body.to_string())
            .send()
            .await
            .expect("an answer")
    }

    /// What DynamoDB answers; an error has its `__type`.
    pub async fn try_dynamodb(&self, operation: &str, body: &Value) -> Result<Value, Value> {
        let target = format!("DynamoDB_20120810.{operation}");
        let response = self.aws_as("local", &target, body).await;
        let is_success = response.status().is_success();
        let body = response.json().await.expect("JSON");
        if is_success { Ok(body) } else { Err(body) }
    }

    pub async fn dynamodb(&self, operation: &str, body: &Value) -> Value {
        let answer = self.try_dynamodb(operation, body).await;
        answer.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    pub async fn sqs(&self, operation: &str, body: Value) -> Value {
        let response = self
            .http
            .post(self.aws("/"))
            .header("x-amz-target", format!("AmazonSQS.{operation}"))
            .body(body.to_string())
            .send()
            .await
            .expect("an answer");
        let status = response.status();
        let text = response.text().await.expect("text");
        assert!(status.is_success(), "{operation}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub fn queue_url(&self, logical_id: &str) -> String {
        self.aws(&format!("/000000000000/local-{logical_id}"))
    }

    /// Sends each body as a message, ten at a time.
    pub async fn send(&self, queue: &str, bodies: &[&str]) {
        for chunk in bodies.chunks(10) {
            let entries: Vec<Value> = chunk
                .iter()
                .enumerate()
                .map(|(id, body)| json!({ "Id": id.to_string(), "MessageBody": body }))
                .collect();
            self.sqs(
                "SendMessageBatch",
                json!({ "QueueUrl": self.queue_url(queue), "Entries": entries }),
            )
            .await;
        }
    }

    /// Visible and invisible messages of a queue.
    pub async fn depth(&self, queue: &str) -> (u32, u32) {
        let body = json!({ "QueueUrl": self.queue_url(queue), "AttributeNames": ["All"] });
        let answer = self.sqs("GetQueueAttributes", body).await;
        let count = |name: &str| {
            let text = answer["Attributes"][name].as_str();
            text.and_then(|text| text.parse().ok()).expect("a count")
        };
        (
            count("ApproximateNumberOfMessages"),
            count("ApproximateNumberOfMessagesNotVisible"),
        )
    }

    /// What the functions printed.
    pub async fn log_lines(&self) -> Vec<String> {
        let response = self
            .http
            .get(self.aws("/_local/logs?limit=10000"))
            .send()
            .await;
        let body: Value = response.expect("an answer").json().await.expect("JSON");
        let lines = body["lines"].as_array().expect("lines");
        lines
            .iter()
            .filter_map(|line| line["text"].as_str().map(str::to_owned))
            .collect()
    }

    /// The batches that the fixture was given, as it printed them.
    pub async fn batches(&self) -> Vec<Value> {
        let lines = self.log_lines().await;
        lines
            .iter()
            .filter_map(|line| line.strip_prefix("batch "))
            .map(|json| serde_json::from_str(json).expect("JSON"))
            .collect()
    }

    pub async fn batch_sizes(&self) -> Vec<u64> {
        self.batches()
            .await
            .iter()
            .filter_map(|batch| batch["size"].as_u64())
            .collect()
    }

    /// Waits for the fixture to have been given so many messages altogether.
    pub async fn wait_for_messages(&self, count: u64) -> Vec<u64> {
        eventually(&format!("{count} messages"), async || {
            let sizes = self.batch_sizes().await;
            (sizes.iter().sum::<u64>() >= count).then_some(sizes)
        })
        .await
    }
}

/// Looks again and again until there is something, or fails with what was waited for.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < SOON, "waited {SOON:?} for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a process runs. A zombie doesn't.
pub fn is_alive(pid: u64) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat
            .rsplit(')')
            .next()
            .unwrap_or("")
            .trim_start()
            .starts_with('Z'),
        Err(_) => false,
    }
}
