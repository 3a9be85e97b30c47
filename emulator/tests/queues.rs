//! Queues as event sources: windows, batches, failures, dead letters.

mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{TestEmulator, eventually, start};

/// A consumer of `Queue`, with these lines in its SQS event. No message comes back while a test runs.
fn template(event: &str) -> String {
    template_with(300, event)
}

/// The same, where failed messages come back soon.
fn retrying_template(event: &str) -> String {
    template_with(4, event)
}

fn template_with(visibility_timeout: u32, event: &str) -> String {
    let event: String = event
        .lines()
        .map(|line| format!("            {line}\n"))
        .collect();
    format!(
        "
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: {visibility_timeout}
      RedrivePolicy: {{deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}}
  Dead:
    Type: AWS::SQS::Queue
  Consumer:
    Type: AWS::Serverless::Function
    Metadata: {{BuildProperties: {{Binary: fixture}}}}
    Properties:
      Runtime: provided.al2023
      Timeout: 2
      Events:
        Messages:
          Type: SQS
          Properties:
            Queue: !GetAtt Queue.Arn
{event}"
    )
}

const WINDOWED: &str = "BatchSize: 90
MaximumBatchingWindowInSeconds: 1
ScalingConfig: {MaximumConcurrency: 2}
FunctionResponseTypes: [ReportBatchItemFailures]";

async fn wait_until_empty(emulator: &TestEmulator, queue: &str) {
    eventually("an empty queue", async || {
        (emulator.depth(queue).await == (0, 0)).then_some(())
    })
    .await;
}

/// A window that is long enough for what a test sends within it, and ends before a test gives up.
const LONG_WINDOW: &str = "BatchSize: 90
MaximumBatchingWindowInSeconds: 6
ScalingConfig: {MaximumConcurrency: 2}";

#[tokio::test]
async fn a_window_gathers_what_comes_within_it() {
    let emulator = start(&template(LONG_WINDOW)).await;
    let begun = Instant::now();
    emulator.send("Queue", &["first"]).await;
    eventually("the first message to be fetched", async || {
        (emulator.depth("Queue").await == (0, 1)).then_some(())
    })
    .await;
    emulator.send("Queue", &["second", "third"]).await;
    assert_eq!(emulator.wait_for_messages(3).await, [3]);
    let waited = begun.elapsed();
    assert!(
        waited >= Duration::from_secs(6),
        "the window was cut short: {waited:?}"
    );
    wait_until_empty(&emulator, "Queue").await;
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_full_batch_does_not_wait() {
    let event = "BatchSize: 20\nMaximumBatchingWindowInSeconds: 60";
    let emulator = start(&template(event)).await;
    let bodies = vec!["x"; 40];
    emulator.send("Queue", &bodies).await;
    // Long before the window ends.
    assert_eq!(emulator.wait_for_messages(40).await, [20, 20]);
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_burst_is_gathered_at_once() {
    let emulator = start(&template(LONG_WINDOW)).await;
    let bodies: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    emulator.send("Queue", &bodies).await;
    let sizes = emulator.wait_for_messages(500).await;
    assert_eq!(
        sizes.iter().sum::<u64>(),
        500,
        "each message once: {sizes:?}"
    );
    assert!(sizes.len() <= 8, "{sizes:?}");
    wait_until_empty(&emulator, "Queue").await;
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_batch_stays_below_six_megabytes() {
    let event = "BatchSize: 100\nMaximumBatchingWindowInSeconds: 6";
    let emulator = start(&template(event)).await;
    let body = "y".repeat(250 * 1024);
    for _ in 0..30 {
        emulator.send("Queue", &[body.as_str()]).await;
    }
    let sizes = emulator.wait_for_messages(30).await;
    assert_eq!(sizes.iter().sum::<u64>(), 30, "{sizes:?}");
    assert_eq!(sizes.iter().max(), Some(&24), "{sizes:?}");
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn without_a_window_a_message_goes_at_once() {
    let emulator = start(&template("BatchSize: 10")).await;
    // However busy this machine is, some message comes sooner than the shortest window would let any come.
    let mut sent = 0;
    eventually("a message that waits for no window", async || {
        let begun = Instant::now();
        emulator.send("Queue", &["now"]).await;
        sent += 1;
        emulator.wait_for_messages(sent).await;
        (begun.elapsed() < Duration::from_secs(1)).then_some(())
    })
    .await;
    let batch = &emulator.batches().await[0];
    let record = &batch["first"];
    assert_eq!(record["body"], "now");
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(
        record["eventSourceARN"],
        "arn:aws:sqs:us-east-1:000000000000:local-Queue"
    );
    let event = json!({ "Records": [record] });
    serde_json::from_value::<aws_lambda_events::sqs::SqsEvent>(event).expect("an SQS event");
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn without_a_window_a_batch_is_what_one_receive_brought() {
    let event = "BatchSize: 10\nScalingConfig: {MaximumConcurrency: 2}";
    let emulator = start(&template(event)).await;
    // While both places are taken, the queue fills.
    emulator.send("Queue", &["slow 1"]).await;
    emulator.send("Queue", &["slow 2"]).await;
    let sizes = emulator.wait_for_messages(2).await;
    emulator.send("Queue", &["x"; 25]).await;
    let sizes = emulator.wait_for_messages(27).await[sizes.len()..].to_vec();
    assert_eq!(sizes.iter().sum::<u64>(), 25, "{sizes:?}");
    assert!(sizes.iter().all(|&size| size <= 10), "{sizes:?}");
    wait_until_empty(&emulator, "Queue").await;
    emulator.running.shut_down().await;
}

const ONE_QUEUE: &str = "
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 300}
";

impl TestEmulator {
    /// The receipt handles of the messages that are visible, by what they say.
    async fn receive(&self, visibility_timeout: Option<u32>) -> BTreeMap<String, String> {
        let mut body = json!({ "QueueUrl": self.queue_url("Queue"), "MaxNumberOfMessages": 10 });
        if let Some(seconds) = visibility_timeout {
            body["VisibilityTimeout"] = json!(seconds);
        }
        let answer = self.sqs("ReceiveMessage", body).await;
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        messages
            .iter()
            .map(|message| (text(&message["Body"]), text(&message["ReceiptHandle"])))
            .collect()
    }
}

#[tokio::test]
async fn a_receive_decides_how_long_its_messages_stay_hidden() {
    let emulator = start(ONE_QUEUE).await;
    emulator.send("Queue", &["short"]).await;
    let begun = Instant::now();
    assert_eq!(emulator.receive(Some(1)).await.len(), 1);
    assert!(emulator.receive(None).await.is_empty(), "it is hidden");
    eventually("the message again", async || {
        (emulator.receive(None).await.len() == 1).then_some(())
    })
    .await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
    // The second receive asked for nothing, so the queue's own 300 seconds hold.
    assert_eq!(emulator.depth("Queue").await, (0, 1));
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn messages_are_made_visible_again_at_once() {
    let emulator = start(ONE_QUEUE).await;
    emulator.send("Queue", &["a", "b", "c"]).await;
    let received = emulator.receive(Some(200)).await;
    assert_eq!(received.len(), 3);
    let entry = |id: &str, seconds: u32| json!({ "Id": id, "ReceiptHandle": received[id], "VisibilityTimeout": seconds });
    let body = json!({
        "QueueUrl": emulator.queue_url("Queue"),
        "Entries": [entry("a", 0), entry("b", 0), entry("c", 100)],
    });
    let answer = emulator.sqs("ChangeMessageVisibilityBatch", body).await;
    assert_eq!(answer["Successful"].as_array().map(Vec::len), Some(3));
    let again = emulator.receive(None).await;
    assert!(again.keys().eq(["a", "b"]), "{again:?}");
    assert_ne!(again["a"], received["a"]);

    let entries = ["a", "b"].map(|id| json!({ "Id": id, "ReceiptHandle": again[id] }));
    let body = json!({ "QueueUrl": emulator.queue_url("Queue"), "Entries": entries });
    emulator.sqs("DeleteMessageBatch", body).await;
    assert_eq!(emulator.depth("Queue").await, (0, 1));
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn message_attributes_reach_the_function() {
    let emulator = start(&template("BatchSize: 1")).await;
    let body = json!({
        "QueueUrl": emulator.queue_url("Queue"),
        "MessageBody": "traced",
        "MessageAttributes": { "traceparent": { "DataType": "String", "StringValue": "00-abc" } },
    });
    emulator.sqs("SendMessage", body).await;
    emulator.wait_for_messages(1).await;
    let record = emulator.batches().await[0]["first"].clone();
    let expected = json!({
        "stringValue": "00-abc", "stringListValues": [], "binaryListValues": [], "dataType": "String"
    });
    assert_eq!(record["messageAttributes"]["traceparent"], expected);
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_failed_message_comes_back_and_then_is_a_dead_letter() {
    let emulator = start(&retrying_template(WINDOWED)).await;
    emulator.send("Queue", &["good", "fail", "good"]).await;
    // First all three, then, after the visibility timeout, the failed one alone.
    assert_eq!(emulator.wait_for_messages(4).await, [3, 1]);
    let retried = &emulator.batches().await[1]["first"];
    assert_eq!(retried["body"], "fail");
    assert_eq!(retried["attributes"]["ApproximateReceiveCount"], "2");
    eventually("a dead letter", async || {
        (emulator.depth("Dead").await.0 == 1).then_some(())
    })
    .await;
    wait_until_empty(&emulator, "Queue").await;
    let body = json!({ "QueueUrl": emulator.queue_url("Dead") });
    let received = emulator.sqs("ReceiveMessage", body).await;
    assert_eq!(received["Messages"][0]["Body"], "fail");
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_batch_that_fails_comes_back_whole() {
    for poison in ["throw", "exit", "nonsense"] {
        let emulator = start(&retrying_template(WINDOWED)).await;
        emulator.send("Queue", &["good", poison]).await;
        let sizes = emulator.wait_for_messages(4).await;
        assert_eq!(sizes.iter().sum::<u64>(), 4, "{poison}: {sizes:?}");
        eventually("two dead letters", async || {
            (emulator.depth("Dead").await.0 == 2).then_some(())
        })
        .await;
        emulator.running.shut_down().await;
    }
}

#[tokio::test]
async fn without_reports_a_batch_is_done_when_the_function_returns() {
    let emulator = start(&template("BatchSize: 10")).await;
    emulator.send("Queue", &["fail"]).await;
    emulator.wait_for_messages(1).await;
    wait_until_empty(&emulator, "Queue").await;
    assert_eq!(emulator.depth("Dead").await, (0, 0));
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn beyond_the_concurrency_messages_stay_in_the_queue() {
    let event = "BatchSize: 1\nScalingConfig: {MaximumConcurrency: 2}";
    let emulator = start(&template(event)).await;
    let bodies = ["slow"; 6];
    emulator.send("Queue", &bodies).await;
    let mut most = 0;
    eventually("all messages", async || {
        let (visible, invisible) = emulator.depth("Queue").await;
        most = most.max(invisible);
        (visible + invisible == 0).then_some(())
    })
    .await;
    assert_eq!(most, 2);
    assert_eq!(emulator.batch_sizes().await, [1; 6]);
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn the_template_alone_decides() {
    let small = start(&template("BatchSize: 2\nMaximumBatchingWindowInSeconds: 6")).await;
    let large = start(&template("BatchSize: 6\nMaximumBatchingWindowInSeconds: 6")).await;
    for (emulator, expected) in [(small, vec![2, 2, 2]), (large, vec![6])] {
        emulator.send("Queue", &["x"; 6]).await;
        assert_eq!(emulator.wait_for_messages(6).await, expected);
        emulator.running.shut_down().await;
    }
}

#[tokio::test]
async fn tables_and_queues_may_be_elsewhere() {
    let elsewhere = start("Resources: {}").await;
    let file = support::TemplateFile::new(&retrying_template(WINDOWED));
    let aws_endpoint = Some(elsewhere.running.aws_url().to_owned());
    let options = emulator::Options {
        aws_endpoint: aws_endpoint.clone(),
        ..file.options()
    };
    let emulator = support::start_with(options).await;
    assert_eq!(
        emulator.running.environment().get("AWS_ENDPOINT_URL"),
        aws_endpoint.as_ref()
    );
    elsewhere.send("Queue", &["good", "fail"]).await;
    assert_eq!(emulator.wait_for_messages(3).await, [2, 1]);
    eventually("a dead letter", async || {
        (elsewhere.depth("Dead").await.0 == 1).then_some(())
    })
    .await;
    emulator.running.shut_down().await;
    elsewhere.running.shut_down().await;
}

#[tokio::test]
async fn what_is_in_a_data_directory_outlives_the_emulator() {
    let source = "
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
";
    let file = support::TemplateFile::new(source);
    let folder = std::env::temp_dir().join(format!("emulator-test-{}", fastrand::u64(..)));
    let options = emulator::Options {
        data_dir: Some(folder.clone()),
        ..file.options()
    };

    let first = support::start_with(options.clone()).await;
    first.send("Queue", &["one", "two"]).await;
    let item = json!({ "TableName": "local-Table", "Item": { "id": { "S": "kept" } } });
    first.dynamodb("PutItem", &item).await;
    let second = emulator::prepare(options.clone()).expect_err("the directory is in use");
    assert!(
        second.to_string().contains("another emulator uses"),
        "{second}"
    );
    first.running.shut_down().await;

    let again = support::start_with(options).await;
    let body = json!({ "QueueUrl": again.queue_url("Queue"), "MaxNumberOfMessages": 10 });
    let received = again.sqs("ReceiveMessage", body).await;
    let mut bodies: Vec<&str> = received["Messages"]
        .as_array()
        .expect("messages")
        .iter()
        .filter_map(|message| message["Body"].as_str())
        .collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["one", "two"]);
    let key = json!({ "TableName": "local-Table", "Key": { "id": { "S": "kept" } } });
    let kept = again.dynamodb("GetItem", &key).await;
    assert_eq!(kept["Item"]["id"]["S"], "kept");
    again.running.shut_down().await;
    std::fs::remove_dir_all(folder).expect("removed");
}

#[tokio::test]
async fn a_kept_table_gets_what_can_be_changed_and_is_refused_for_what_cannot() {
    let table = |key: &str, expiry: &str| {
        format!(
            "
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{{AttributeName: id, AttributeType: S}}, {{AttributeName: {key}, AttributeType: S}}]
      KeySchema: [{{AttributeName: id, KeyType: HASH}}]
      GlobalSecondaryIndexes:
        - {{IndexName: other, KeySchema: [{{AttributeName: {key}, KeyType: HASH}}], Projection: {{ProjectionType: ALL}}}}
{expiry}"
        )
    };
    let expiring = "      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}\n";
    let folder = std::env::temp_dir().join(format!("emulator-test-{}", fastrand::u64(..)));
    let options = |file: &support::TemplateFile| emulator::Options {
        data_dir: Some(folder.clone()),
        ..file.options()
    };
    for expiry in ["", expiring, expiring] {
        let file = support::TemplateFile::new(&table("name", expiry));
        let emulator = support::start_with(options(&file)).await;
        let name = json!({ "TableName": "local-Table" });
        let described = emulator.dynamodb("DescribeTimeToLive", &name).await;
        let attribute = &described["TimeToLiveDescription"]["AttributeName"];
        assert_eq!(attribute == "expires", !expiry.is_empty(), "{described}");
        emulator.running.shut_down().await;
    }
    let file = support::TemplateFile::new(&table("colour", expiring));
    let prepared = emulator::prepare(options(&file)).expect("a good template");
    let error = prepared.start(&support::fixtures()).await;
    let error = format!("{:#}", error.expect_err("another key"));
    let wanted = "the indexes [other (name HASH)], the template has [other (colour HASH)]";
    assert!(error.contains(wanted), "{error}");
    std::fs::remove_dir_all(folder).expect("removed");
}
