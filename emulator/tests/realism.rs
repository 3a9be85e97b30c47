//! `--realism aws`: AWS's contention, throttling and latencies.

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use emulator::{Options, Realism};
use futures_util::future::join_all;
use serde_json::{Value, json};
use support::{TemplateFile, TestEmulator, eventually, start, start_with};

const TEMPLATE: &str = "
Resources:
  Items:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
  Queue: {Type: AWS::SQS::Queue}
";

/// The shortest time that a transaction takes, and locks its items.
const SHORTEST_TRANSACTION: Duration = Duration::from_millis(17);
const SHORTEST_QUEUE_CALL: Duration = Duration::from_millis(5);

async fn realistic() -> TestEmulator {
    let file = TemplateFile::new(TEMPLATE);
    let realism = Realism::Aws { seed: 1 };
    start_with(Options {
        realism,
        ..file.options()
    })
    .await
}

impl TestEmulator {
    async fn transact(&self, ids: &[&str]) -> Result<Value, Value> {
        let actions: Vec<Value> = ids
            .iter()
            .map(|id| json!({ "Update": update(id) }))
            .collect();
        self.try_dynamodb("TransactWriteItems", &json!({ "TransactItems": actions }))
            .await
    }

    async fn total(&self, figure: &str) -> Value {
        let response = self.http.get(self.aws("/_local/metrics")).send().await;
        let metrics: Value = response.expect("an answer").json().await.expect("JSON");
        let calls = metrics["others"]["calls"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        calls
            .iter()
            .filter_map(|calls| calls[figure].as_u64())
            .sum::<u64>()
            .into()
    }
}

fn update(id: &str) -> Value {
    json!({
        "TableName": "local-Items",
        "Key": { "id": { "S": id } },
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": { ":one": { "N": "1" } },
    })
}

fn kind(error: &Value) -> &str {
    let kind = error["__type"].as_str().expect("a type");
    kind.strip_prefix("com.amazonaws.dynamodb.v20120810#")
        .expect("DynamoDB's name")
}

#[tokio::test]
async fn of_two_transactions_on_an_item_one_is_cancelled() {
    let emulator = realistic().await;
    // On a busy machine one may begin only when the other has ended.
    let error = eventually("a conflict of two transactions", async || {
        let (one, other) = tokio::join!(
            emulator.transact(&["a", "shared"]),
            emulator.transact(&["b", "shared"])
        );
        assert!(one.is_ok() || other.is_ok(), "both were cancelled");
        one.err().or(other.err())
    })
    .await;
    assert_eq!(kind(&error), "TransactionCanceledException");
    let reasons = json!([
        { "Code": "None" },
        { "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" },
    ]);
    assert_eq!(error["CancellationReasons"], reasons);
    assert_eq!(emulator.total("conflicts").await, 1);
    // Afterwards the item is free.
    emulator.transact(&["shared"]).await.expect("no conflict");
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_call_that_conflicts_with_a_transaction_is_refused_and_a_batch_of_reads_is_not() {
    let emulator = realistic().await;
    let key = json!({ "id": { "S": "a" } });
    let keys = json!({ "RequestItems": { "local-Items": { "Keys": [key] } } });
    let get = json!({ "Get": { "TableName": "local-Items", "Key": key } });
    let gets = json!({ "TransactItems": [get] });
    // Repeated, because a call may come before or after the transaction.
    let mut errors = BTreeSet::new();
    eventually(
        "a write and a read that conflict with a transaction",
        async || {
            let transaction = emulator.transact(&["a"]);
            let others = async {
                tokio::time::sleep(SHORTEST_TRANSACTION / 3).await;
                let write = update("a");
                tokio::join!(
                    emulator.try_dynamodb("UpdateItem", &write),
                    emulator.try_dynamodb("TransactGetItems", &gets),
                    emulator.try_dynamodb("BatchGetItem", &keys),
                )
            };
            let (_, (write, reads, batch)) = tokio::join!(transaction, others);
            batch.expect("reads in batches conflict with nothing");
            errors.extend(write.err().map(|error| kind(&error).to_owned()));
            errors.extend(reads.err().map(|error| kind(&error).to_owned()));
            (errors.len() == 2).then_some(())
        },
    )
    .await;
    let expected = [
        "TransactionCanceledException",
        "TransactionConflictException",
    ];
    assert!(errors.iter().eq(expected.iter()), "{errors:?}");
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn an_item_takes_a_thousand_write_units_a_second() {
    let emulator = realistic().await;
    // A hundred units each.
    let item = |id: &str| json!({ "id": { "S": id }, "text": { "S": "x".repeat(99 * 1_024) } });
    let put = |id: &str| json!({ "TableName": "local-Items", "Item": item(id) });
    let hot = put("hot");
    let begun = Instant::now();
    let answers = join_all((0..30).map(|_| emulator.try_dynamodb("PutItem", &hot))).await;
    let most = 10 + (begun.elapsed().as_secs_f64() * 10.0).ceil() as usize;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert!(
        taken.len() >= 10 && taken.len() <= most,
        "{} of at most {most}",
        taken.len()
    );
    for error in refused.into_iter().filter_map(Result::err) {
        assert_eq!(kind(&error), "ThrottlingException");
    }
    // In a transaction the item consumes two hundred, which are available again after a fifth of a second.
    let transaction = json!({ "TransactItems": [{ "Put": hot }, { "Put": put("cold") }] });
    let error = eventually("a throttled item", async || {
        join_all((0..10).map(|_| emulator.try_dynamodb("PutItem", &hot))).await;
        let answer = emulator
            .try_dynamodb("TransactWriteItems", &transaction)
            .await;
        answer.err()
    })
    .await;
    assert_eq!(error["CancellationReasons"][0]["Code"], "ThrottlingError");
    assert_eq!(error["CancellationReasons"][1]["Code"], "None");
    emulator
        .try_dynamodb("PutItem", &put("another"))
        .await
        .expect("another item is not throttled");
    emulator.running.shut_down().await;
}

/// A statement that inserts an item of so many kilobytes.
fn insert(id: &str, kilobytes: usize) -> Value {
    json!({
        "Statement": r#"INSERT INTO "local-Items" VALUE {'id': ?, 'text': ?}"#,
        "Parameters": [{ "S": id }, { "S": "x".repeat(kilobytes * 1_024 - 100) }],
    })
}

/// The error codes of a batch of statements, by index.
fn codes(answer: &Value) -> Vec<Option<&str>> {
    let responses = answer["Responses"].as_array().expect("responses");
    let codes = responses
        .iter()
        .map(|response| response["Error"]["Code"].as_str());
    codes.collect()
}

#[tokio::test]
async fn a_statement_in_conflict_fails_alone() {
    let emulator = realistic().await;
    let mut number = 0;
    eventually("an insert that meets a transaction", async || {
        // Each time other items, as an insert finds the one before.
        number += 1;
        let ids = ["a", "b", "c"].map(|name| format!("{name}{number}"));
        let shared = [ids[1].as_str()];
        let transaction = emulator.transact(&shared);
        let insert = async {
            tokio::time::sleep(SHORTEST_TRANSACTION / 3).await;
            let statements: Vec<Value> = ids.iter().map(|id| insert(id, 1)).collect();
            let batch = json!({ "Statements": statements });
            emulator.dynamodb("BatchExecuteStatement", &batch).await
        };
        let (_, answer) = tokio::join!(transaction, insert);
        let codes = codes(&answer);
        assert_eq!((codes[0], codes[2]), (None, None), "{answer}");
        assert_eq!(answer["Responses"][2]["TableName"], "local-Items");
        (codes[1] == Some("TransactionConflict")).then_some(())
    })
    .await;
    assert_eq!(emulator.total("conflicts").await, 1);
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_statement_that_is_throttled_fails_alone() {
    let emulator = realistic().await;
    let put = json!({
        "TableName": "local-Items",
        "Item": { "id": { "S": "hot" }, "text": { "S": "x".repeat(399 * 1_024) } },
    });
    let mut number = 0;
    eventually("throttled statements", async || {
        // All of them begin at once and use up the item's units.
        join_all((0..10).map(|_| emulator.try_dynamodb("PutItem", &put))).await;
        number += 1;
        let statements = [insert("hot", 390), insert(&format!("cold{number}"), 390)];
        let batch = json!({ "Statements": statements });
        let alone = json!({ "Statements": [insert("hot", 390)] });
        let (answer, alone) = tokio::join!(
            emulator.dynamodb("BatchExecuteStatement", &batch),
            emulator.dynamodb("BatchExecuteStatement", &alone),
        );
        assert_eq!(codes(&answer)[1], None, "{answer}");
        let throttled = Some("ThrottlingError");
        (codes(&answer)[0] == throttled && codes(&alone)[0] == throttled).then_some(())
    })
    .await;
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn an_item_gives_three_thousand_read_units_a_second() {
    let emulator = realistic().await;
    let item = json!({ "id": { "S": "hot" }, "text": { "S": "x".repeat(399 * 1_024) } });
    let put = json!({ "TableName": "local-Items", "Item": item });
    emulator.dynamodb("PutItem", &put).await;
    // A hundred units each.
    let get = |id: &str| json!({ "TableName": "local-Items", "Key": { "id": { "S": id } }, "ConsistentRead": true });
    let hot = get("hot");
    let error = eventually("a throttled read", async || {
        let answers = join_all((0..50).map(|_| emulator.try_dynamodb("GetItem", &hot))).await;
        answers.into_iter().find_map(Result::err)
    })
    .await;
    assert_eq!(kind(&error), "ThrottlingException");
    emulator.dynamodb("GetItem", &get("cold")).await;
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_queues_calls_take_as_long_as_on_aws() {
    let emulator = realistic().await;
    let url = emulator.queue_url("Queue");
    let begun = Instant::now();
    emulator.send("Queue", &["m"]).await;
    let received = emulator
        .sqs("ReceiveMessage", json!({ "QueueUrl": url }))
        .await;
    let handle = &received["Messages"][0]["ReceiptHandle"];
    let visible = json!({ "Id": "0", "ReceiptHandle": handle, "VisibilityTimeout": 60 });
    let body = json!({ "QueueUrl": url, "Entries": [visible] });
    emulator.sqs("ChangeMessageVisibilityBatch", body).await;
    let delete = json!({ "QueueUrl": url, "Entries": [{ "Id": "0", "ReceiptHandle": handle }] });
    emulator.sqs("DeleteMessageBatch", delete).await;
    let took = begun.elapsed();
    assert!(took >= SHORTEST_QUEUE_CALL * 4, "{took:?}");

    // A long poll that has waited is still under way for a while when its message comes.
    let body = json!({ "QueueUrl": url, "WaitTimeSeconds": 20 });
    let poll = async {
        let received = emulator.sqs("ReceiveMessage", body).await;
        assert_eq!(received["Messages"][0]["Body"], "late");
        Instant::now()
    };
    let send = async {
        tokio::time::sleep(SHORTEST_QUEUE_CALL * 4).await;
        let begun = Instant::now();
        emulator.send("Queue", &["late"]).await;
        begun
    };
    let (received, sent) = tokio::join!(poll, send);
    let took = received.duration_since(sent);
    assert!(took >= SHORTEST_QUEUE_CALL / 2, "{took:?}");
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_call_takes_as_long_as_on_aws() {
    let emulator = realistic().await;
    let begun = Instant::now();
    for id in ["a", "b", "c"] {
        emulator.transact(&[id]).await.expect("no conflict");
    }
    let took = begun.elapsed();
    assert!(took >= SHORTEST_TRANSACTION * 3, "{took:?}");
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn by_default_there_is_no_contention() {
    let emulator = start(TEMPLATE).await;
    let together = join_all((0..50).map(|_| emulator.transact(&["shared"]))).await;
    for answer in together {
        answer.expect("transactions wait for each other");
    }
    assert_eq!(emulator.total("conflicts").await, 0);
    emulator.running.shut_down().await;
}
