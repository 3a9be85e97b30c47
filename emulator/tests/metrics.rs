//! What the meter counts, and for whom.

mod support;

use reqwest::StatusCode;
use serde_json::{Value, json};
use support::{TestEmulator, start};

const TEMPLATE: &str = "
Resources:
  Items:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - {AttributeName: id, AttributeType: S}
        - {AttributeName: name, AttributeType: S}
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      GlobalSecondaryIndexes:
        - IndexName: by-name
          KeySchema: [{AttributeName: name, KeyType: HASH}]
          Projection: {ProjectionType: KEYS_ONLY}
  Queue:
    Type: AWS::SQS::Queue
  Api:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: fixture}}
    Properties:
      Runtime: provided.al2023
      MemorySize: 512
      Events:
        Any:
          Type: HttpApi
          Properties: {Path: /things, Method: get}
";

impl TestEmulator {
    /// A call as the function makes it.
    async fn call(&self, target: &str, body: Value) -> (StatusCode, Value) {
        let response = self.aws_as("FUNCTION.Api", target, &body).await;
        let status = response.status();
        let announced = response.content_length();
        let text = response.text().await.expect("text");
        assert_eq!(announced, Some(text.len() as u64), "{target}");
        (status, serde_json::from_str(&text).expect("JSON"))
    }

    async fn by_function(&self, operation: &str, body: Value) -> Value {
        let (status, answer) = self
            .call(&format!("DynamoDB_20120810.{operation}"), body)
            .await;
        assert_eq!(status, StatusCode::OK, "{operation}: {answer}");
        answer
    }

    async fn metrics(&self) -> Value {
        let response = self.http.get(self.aws("/_local/metrics")).send().await;
        response.expect("an answer").json().await.expect("JSON")
    }

    async fn prometheus(&self) -> String {
        let request = self.http.get(self.aws("/_local/metrics"));
        let response = request
            .header("accept", "text/plain;version=0.0.4")
            .send()
            .await;
        response.expect("an answer").text().await.expect("text")
    }
}

/// The entry of an operation among the function's calls.
fn calls<'a>(metrics: &'a Value, operation: &str) -> &'a Value {
    let function = &metrics["functions"][0];
    assert_eq!(function["function"], "Api");
    let calls = function["calls"].as_array().expect("calls");
    let found = calls.iter().find(|calls| calls["operation"] == operation);
    found.unwrap_or_else(|| panic!("no {operation} in {calls:?}"))
}

fn item(id: &str, bytes: usize) -> Value {
    json!({ "id": { "S": id }, "name": { "S": "n" }, "text": { "S": "x".repeat(bytes) } })
}

#[tokio::test]
async fn units_are_counted_by_dynamodbs_rules() {
    let emulator = start(TEMPLATE).await;
    let table = "local-Items";
    // 2 KB, and 1 unit for the index.
    let put = json!({ "TableName": table, "Item": item("a", 1_500) });
    assert_eq!(emulator.by_function("PutItem", put).await, json!({}));
    assert_eq!(
        calls(&emulator.metrics().await, "PutItem")["write_units"],
        3.0
    );
    // The larger of old and new counts; the index has nothing to do.
    let smaller = json!({ "TableName": table, "Item": item("a", 10) });
    emulator.by_function("PutItem", smaller).await;
    assert_eq!(
        calls(&emulator.metrics().await, "PutItem")["write_units"],
        5.0
    );

    let key = json!({ "id": { "S": "a" } });
    let get = json!({ "TableName": table, "Key": key });
    let got = emulator.by_function("GetItem", get).await;
    assert_eq!(got, json!({ "Item": item("a", 10) }));
    let consistent = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
    emulator.by_function("GetItem", consistent).await;
    assert_eq!(
        calls(&emulator.metrics().await, "GetItem")["read_units"],
        1.5
    );

    // Twice 1 unit each for two small items, and 1 each for the index.
    let puts = ["b", "c"].map(|id| json!({ "Put": { "TableName": table, "Item": item(id, 10) } }));
    let transaction = json!({ "TransactItems": puts });
    assert_eq!(
        emulator
            .by_function("TransactWriteItems", transaction)
            .await,
        json!({})
    );
    let metrics = emulator.metrics().await;
    assert_eq!(calls(&metrics, "TransactWriteItems")["write_units"], 6.0);
    assert_eq!(metrics["totals"]["transactions"], 1);
    assert_eq!(metrics["totals"]["write_units"], 11.0);
    assert_eq!(metrics["totals"]["read_units"], 1.5);
    emulator.running.shut_down().await;
}

fn insert(item: &Value) -> Value {
    let item = item.as_object().expect("an item");
    let members: Vec<String> = item.keys().map(|name| format!("'{name}': ?")).collect();
    let members = members.join(", ");
    let statement = format!("INSERT INTO \"local-Items\" VALUE {{{members}}}");
    json!({ "Statement": statement, "Parameters": item.values().collect::<Vec<_>>() })
}

#[tokio::test]
async fn inserting_statements_cost_what_puts_cost() {
    let emulator = start(TEMPLATE).await;
    // 1 and 2 KB, and 1 unit each for the index: not doubled, as no transaction.
    let statements = [insert(&item("a", 10)), insert(&item("b", 1_500))];
    let batch = json!({ "Statements": statements });
    let answer = emulator
        .by_function("BatchExecuteStatement", batch.clone())
        .await;
    let done = json!({ "TableName": "local-Items" });
    assert_eq!(answer, json!({ "Responses": [done, done] }));
    let units = |metrics: &Value| calls(metrics, "BatchExecuteStatement")["write_units"].clone();
    assert_eq!(units(&emulator.metrics().await), 5.0);

    // The attempts of a batch that finds every item there are charged, too.
    let answer = emulator.by_function("BatchExecuteStatement", batch).await;
    for index in 0..2 {
        let code = &answer["Responses"][index]["Error"]["Code"];
        assert_eq!(code, "DuplicateItem", "{answer}");
    }
    let metrics = emulator.metrics().await;
    assert_eq!(units(&metrics), 8.0);
    assert_eq!(metrics["totals"]["write_units"], 8.0);
    assert_eq!(metrics["totals"]["read_units"], 0.0);
    let needed = json!([{ "action": "dynamodb:PartiQLInsert", "resource": "local-Items" }]);
    assert_eq!(metrics["functions"][0]["permissions"], needed);

    let statements = vec![insert(&item("c", 10)); 26];
    let too_many = json!({ "Statements": statements });
    let target = "DynamoDB_20120810.BatchExecuteStatement";
    let (status, _) = emulator.call(target, too_many).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_consistent_scan_and_a_delete_in_a_transaction_are_counted() {
    let emulator = start(TEMPLATE).await;
    let table = "local-Items";
    for id in ["a", "b"] {
        let put = json!({ "TableName": table, "Item": item(id, 10) });
        emulator.by_function("PutItem", put).await;
    }
    let key = json!({ "id": { "S": "a" } });
    let delete =
        json!({ "TableName": table, "Key": key, "ConditionExpression": "attribute_exists(id)" });
    let transaction = json!({ "TransactItems": [{ "Delete": delete }] });
    emulator
        .by_function("TransactWriteItems", transaction)
        .await;
    let scan = json!({ "TableName": table, "ConsistentRead": true });
    let scanned = emulator.by_function("Scan", scan).await;
    assert_eq!(scanned["Items"], json!([item("b", 10)]));
    let metrics = emulator.metrics().await;
    assert_eq!(calls(&metrics, "Scan")["read_units"], 1.0);
    // Twice 1 unit, and 1 for the index.
    assert_eq!(calls(&metrics, "TransactWriteItems")["write_units"], 3.0);
    let needed = metrics["functions"][0]["permissions"].as_array();
    let needed = needed.expect("permissions").iter();
    let actions: Vec<&Value> = needed.map(|needed| &needed["action"]).collect();
    let expected = ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Scan"];
    assert_eq!(actions, expected);
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn who_asks_for_capacity_gets_it() {
    let emulator = start(TEMPLATE).await;
    let put = json!({
        "TableName": "local-Items", "Item": item("a", 10), "ReturnConsumedCapacity": "TOTAL",
    });
    let answer = emulator.by_function("PutItem", put).await;
    assert_eq!(answer["ConsumedCapacity"]["CapacityUnits"], 2.0);
    assert_eq!(
        calls(&emulator.metrics().await, "PutItem")["write_units"],
        2.0
    );
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn failures_are_counted_by_kind_and_attempts_are_charged() {
    let emulator = start(TEMPLATE).await;
    let table = "local-Items";
    let new = "attribute_not_exists(id)";
    let put = json!({ "TableName": table, "Item": item("a", 10), "ConditionExpression": new });
    emulator.by_function("PutItem", put.clone()).await;
    let (status, _) = emulator
        .call("DynamoDB_20120810.PutItem", put.clone())
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let transaction = json!({ "TransactItems": [{ "Put": put }] });
    let (status, _) = emulator
        .call("DynamoDB_20120810.TransactWriteItems", transaction)
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _) = emulator
        .call("DynamoDB_20120810.PutItem", json!({ "TableName": table }))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    let metrics = emulator.metrics().await;
    let puts = calls(&metrics, "PutItem");
    assert_eq!((&puts["calls"], &puts["errors"]), (&json!(3), &json!(2)));
    // 2 with the index, 1 for the failed condition, none for the bad request.
    assert_eq!(puts["write_units"], 3.0);
    let transactions = calls(&metrics, "TransactWriteItems");
    assert_eq!(transactions["cancelled_transactions"], 1);
    assert_eq!(transactions["conflicts"], 0);
    assert_eq!(transactions["write_units"], 2.0);
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn the_permissions_that_were_used_are_listed() {
    let emulator = start(TEMPLATE).await;
    let table = "local-Items";
    let transaction = json!({ "TransactItems": [
        { "Put": { "TableName": table, "Item": item("a", 10) } },
        { "ConditionCheck": {
            "TableName": table, "Key": { "id": { "S": "b" } },
            "ConditionExpression": "attribute_not_exists(id)",
        } },
    ] });
    emulator
        .by_function("TransactWriteItems", transaction)
        .await;
    let query = json!({
        "TableName": table, "IndexName": "by-name", "KeyConditionExpression": "#n = :n",
        "ExpressionAttributeNames": { "#n": "name" },
        "ExpressionAttributeValues": { ":n": { "S": "n" } },
    });
    for _ in 0..2 {
        assert_eq!(
            emulator.by_function("Query", query.clone()).await["Count"],
            1
        );
    }
    let queue = emulator.queue_url("Queue");
    let message = json!({ "QueueUrl": queue, "MessageBody": "m" });
    emulator.call("AmazonSQS.SendMessage", message).await;
    let expected = json!([
        { "action": "dynamodb:ConditionCheckItem", "resource": "local-Items" },
        { "action": "dynamodb:PutItem", "resource": "local-Items" },
        { "action": "dynamodb:Query", "resource": "local-Items/index/by-name" },
        { "action": "sqs:SendMessage", "resource": "local-Queue" },
    ]);
    assert_eq!(
        emulator.metrics().await["functions"][0]["permissions"],
        expected
    );
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn messages_requests_and_invocations_are_counted_until_a_reset() {
    let emulator = start(TEMPLATE).await;
    let large =
        json!({ "QueueUrl": emulator.queue_url("Queue"), "MessageBody": "x".repeat(100 * 1_024) });
    emulator.call("AmazonSQS.SendMessage", large).await;
    for _ in 0..3 {
        emulator.get("/things").send().await.expect("an answer");
    }
    // This one is not billed.
    emulator.get("/nothing").send().await.expect("an answer");
    // This one is a tool's.
    emulator.sqs("ListQueues", json!({})).await;

    let metrics = emulator.metrics().await;
    let totals = &metrics["totals"];
    assert_eq!(totals["sqs_requests"], 2, "{totals}");
    assert_eq!(totals["http_requests"], 3, "{totals}");
    assert_eq!(totals["invocations"], 3, "{totals}");
    assert_eq!(totals["cold_starts"], 1, "{totals}");
    let function = &metrics["functions"][0];
    let billed = function["billed_milliseconds"].as_f64().expect("a number");
    assert!(billed >= 3.0, "{function}");
    assert_eq!(totals["gb_seconds"], billed / 1_000.0 * 0.5);
    assert_eq!(metrics["others"]["calls"][0]["operation"], "ListQueues");

    let text = emulator.prometheus().await;
    for line in [
        "http_api_requests_total 3",
        "lambda_invocations_total{function=\"Api\"} 3",
        "sqs_billed_requests_total{caller=\"Api\",service=\"sqs\",operation=\"SendMessage\"} 2",
        "aws_calls_total{caller=\"others\",service=\"sqs\",operation=\"ListQueues\"} 1",
    ] {
        assert!(
            text.lines().any(|candidate| candidate == line),
            "no {line} in\n{text}"
        );
    }

    let reset = emulator
        .http
        .delete(emulator.aws("/_local/metrics"))
        .send()
        .await;
    assert_eq!(reset.expect("an answer").status(), StatusCode::NO_CONTENT);
    let metrics = emulator.metrics().await;
    for figure in [
        "sqs_requests",
        "http_requests",
        "invocations",
        "cold_starts",
    ] {
        assert_eq!(metrics["totals"][figure], 0, "{figure}");
    }
    assert_eq!(metrics["functions"][0]["calls"], json!([]));
    emulator.get("/things").send().await.expect("an answer");
    assert_eq!(emulator.metrics().await["totals"]["invocations"], 1);
    emulator.running.shut_down().await;
}
