//! The page at `/_local/`, and the snapshot and the orders' traces that it shows.

mod support;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use support::{TemplateFile, TestEmulator, eventually, start, start_with};

const TEMPLATE: &str = "
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}
  Dead:
    Type: AWS::SQS::Queue
  Carts:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: cart_id, AttributeType: S}]
      KeySchema: [{AttributeName: cart_id, KeyType: HASH}]
  Products:
    Type: AWS::DynamoDB::Table
    Properties: &products
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: product_id, AttributeType: S}]
      KeySchema: [{AttributeName: product_id, KeyType: HASH}]
  Stock:
    Type: AWS::DynamoDB::Table
    Properties: *products
  Consumer:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: fixture}}
    Properties:
      Runtime: provided.al2023
      Events:
        Messages:
          Type: SQS
          Properties:
            Queue: !GetAtt Queue.Arn
            BatchSize: 5
            FunctionResponseTypes: [ReportBatchItemFailures]
  Shop:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: fixture}}
    Properties:
      Runtime: provided.al2023
      Events:
        Any: {Type: HttpApi, Properties: {Path: '/orders/{id}', Method: GET}}
";

impl TestEmulator {
    async fn look(&self, path: &str) -> Response {
        let answer = self.http.get(self.aws(path)).send().await;
        answer.expect("an answer")
    }

    async fn live(&self) -> Value {
        let answer = self.look("/_local/live").await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.expect("JSON")
    }

    /// A snapshot that is as it should be.
    async fn live_when(&self, what: &str, good: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || Some(self.live().await).filter(&good)).await
    }

    async fn put(&self, table: &str, item: Value) {
        let body = json!({ "TableName": format!("local-{table}"), "Item": item });
        self.dynamodb("PutItem", &body).await;
    }

    async fn say(&self, line: &Value) {
        let request = self.get("/orders/1").header("x-do", "log");
        let answer = request.header("x-line", line.to_string()).send().await;
        assert_eq!(answer.expect("an answer").status(), 202);
    }

    async fn send_traces(&self, request: &Value) -> Response {
        let answer = self.http.post(self.aws("/v1/traces")).json(request);
        answer.send().await.expect("an answer")
    }
}

fn route<'a>(live: &'a Value, name: &str) -> &'a Value {
    let routes = live["requests"]["routes"].as_array().expect("routes");
    let found = routes.iter().find(|route| route["route"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {live}"))
}

#[tokio::test]
async fn the_snapshot_has_requests_queues_batches_stock_and_problems() {
    let emulator = start(TEMPLATE).await;
    let nothing = emulator.live().await;
    assert_eq!(nothing["requests"]["total"], 0);
    assert_eq!(
        nothing["requests"]["history"].as_array().map(Vec::len),
        Some(60)
    );
    assert_eq!(nothing["stock"], Value::Null);

    emulator.ask("/orders/1", "error").await;
    emulator.get("/nowhere").send().await.expect("an answer");
    emulator
        .say(&json!({ "level": "WARN", "message": "throttled", "error": "too much", "order_id": "o-1" }))
        .await;
    for (id, available) in [("a", "7"), ("b", "0")] {
        let item = json!({ "product_id": { "S": id }, "available": { "N": available }, "supply": { "N": "10" } });
        emulator.put("Stock", item).await;
    }
    emulator
        .put(
            "Products",
            json!({ "product_id": { "S": "a" }, "name": { "S": "Lamp" } }),
        )
        .await;
    emulator
        .put(
            "Carts",
            json!({ "cart_id": { "S": "c" }, "name": { "S": "not this" } }),
        )
        .await;
    emulator.send("Queue", &["fine", "fail", "fine"]).await;

    let live = emulator
        .live_when("the batches, the stock and the problem", |live| {
            live["batches"]["messages"] == 3
                && live["batches"]["recent"]
                    .as_array()
                    .is_some_and(|recent| recent.iter().all(|batch| batch["state"] == "done"))
                && live["stock"]["products"] == 2
                && live["problems"]["warnings"] == 1
        })
        .await;
    let asked = route(&live, "GET /orders/{id}");
    assert_eq!(
        (&asked["total"], &asked["server_errors"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(asked["function"], "Shop");
    assert!(asked["p95_ms"].as_f64() > Some(0.0), "{asked}");
    assert_eq!(route(&live, "no route")["client_errors"], 1);
    assert_eq!(live["requests"]["accepted"]["total"], 1);

    assert_eq!(live["batches"]["undone_messages"], 1);
    let batch = &live["batches"]["recent"][0];
    assert_eq!(batch["function"], "Consumer");
    assert!(batch["ms"].as_f64() > Some(0.0), "{batch}");
    let [queue, dead] = live["queues"].as_array().expect("queues").as_slice() else {
        panic!("{live}");
    };
    assert_eq!(
        (&queue["name"], &queue["dead_letters"]),
        (&json!("Queue"), &json!(false))
    );
    assert_eq!(queue["consumer"]["batch_size"], 5);
    assert_eq!(
        queue["depth"]["in_flight"], 1,
        "the message that failed: {queue}"
    );
    assert_eq!(dead["dead_letters"], true);

    // While nothing sells, the scarcest product comes first.
    let scarce = json!({ "id": "b", "name": null, "available": 0.0, "supply": 10.0, "sold_per_second": 0.0 });
    let lamp = json!({ "id": "a", "name": "Lamp", "available": 7.0, "supply": 10.0, "sold_per_second": 0.0 });
    assert_eq!(live["stock"]["hot"], json!([scarce, lamp]));
    assert_eq!(live["stock"]["sold_out"], 1);

    let problem = &live["problems"]["recent"][0];
    assert_eq!(
        (&problem["function"], &problem["level"]),
        (&json!("Shop"), &json!("warning"))
    );
    assert_eq!(
        (&problem["message"], &problem["error"]),
        (&json!("throttled"), &json!("too much"))
    );
    let functions = live["functions"].as_array().expect("functions");
    assert!(
        functions
            .iter()
            .all(|function| function["pids"] != json!([])),
        "{live}"
    );
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_batch_has_the_functions_decision_and_a_crash_is_a_problem() {
    let emulator = start(TEMPLATE).await;
    emulator.send("Queue", &["exit"]).await;
    let live = emulator
        .live_when("the crash", |live| live["batches"]["failed"] == 1)
        .await;
    assert_eq!(live["batches"]["recent"][0]["state"], "failed");
    assert_eq!(live["problems"]["errors"], 1);
    let said = live["problems"]["recent"][0]["message"]
        .as_str()
        .expect("text");
    assert!(said.starts_with("process exited"), "{said}");

    emulator
        .say(&json!({ "level": "INFO", "message": "batch decided", "request_id": "r-1", "size": 9, "gathered": 8,
            "accepted": 6, "rejected": 3, "duplicates": 0 }))
        .await;
    let live = emulator
        .live_when("the decision", |live| {
            live["batches"]["decided"]["accepted"] == 6
        })
        .await;
    assert_eq!(live["batches"]["decided"]["rejected"], 3);
    assert_eq!(live["batches"]["messages"], 9);
    emulator.running.shut_down().await;
}

/// A click and the batch that decided it, as an OpenTelemetry SDK for JavaScript sends them.
fn traces_of_an_order() -> Value {
    let span =
        |trace: u8, id: u8, parent: Option<u8>, name: &str, kind: u8, start: u64, more: Value| {
            let mut span = json!({
                "traceId": format!("{trace:032x}"),
                "spanId": format!("{id:016x}"),
                "parentSpanId": parent.map_or(String::new(), |parent| format!("{parent:016x}")),
                "name": name,
                "kind": kind,
                "startTimeUnixNano": (start * 1_000_000).to_string(),
                "endTimeUnixNano": ((start + 5) * 1_000_000).to_string(),
            });
            for (key, value) in more.as_object().into_iter().flatten() {
                span[key] = value.clone();
            }
            span
        };
    let order =
        |id: &str| json!({ "attributes": [{ "key": "order_id", "value": { "stringValue": id } }] });
    let spans = [
        span(1, 1, None, "POST /checkouts", 2, 100, order("o-1")),
        span(
            1,
            2,
            Some(1),
            "SQS.SendMessage",
            3,
            102,
            json!({
                "attributes": [{ "key": "rpc.method", "value": { "stringValue": "SendMessage" } }],
            }),
        ),
        span(
            2,
            3,
            None,
            "decide checkouts",
            5,
            900,
            json!({
                "links": [{ "traceId": format!("{:032x}", 1), "spanId": format!("{:016x}", 1) }],
            }),
        ),
        span(
            2,
            4,
            Some(3),
            "DynamoDB.TransactWriteItems",
            3,
            901,
            json!({ "status": { "code": 2, "message": "conflict" } }),
        ),
    ];
    let scope = json!({ "scope": {}, "spans": spans });
    json!({ "resourceSpans": [{ "resource": { "attributes": [] }, "scopeSpans": [scope] }] })
}

#[tokio::test]
async fn an_orders_trace_is_made_of_the_traces_that_came() {
    let emulator = start(TEMPLATE).await;
    assert_eq!(
        emulator.send_traces(&traces_of_an_order()).await.status(),
        200
    );
    let answer = emulator.look("/_local/traces/o-1").await;
    assert_eq!(answer.status(), 200);
    let trace: Value = answer.json().await.expect("JSON");
    let spans = trace["spans"].as_array().expect("spans");
    let found: Vec<(&str, u64, f64)> = spans
        .iter()
        .map(|span| {
            let (name, depth) = (span["name"].as_str(), span["depth"].as_u64());
            let start = span["start_ms"].as_f64();
            (
                name.expect("a name"),
                depth.expect("a depth"),
                start.expect("a time"),
            )
        })
        .collect();
    let wanted = [
        ("POST /checkouts", 0, 0.0),
        ("SQS.SendMessage", 1, 2.0),
        ("decide checkouts", 0, 800.0),
        ("DynamoDB.TransactWriteItems", 1, 801.0),
    ];
    assert_eq!(found, wanted);
    assert_eq!(spans[1]["parent_span_id"], format!("{:016x}", 1));
    assert_eq!(spans[2]["links"][0]["span_id"], format!("{:016x}", 1));
    assert_eq!(
        (&spans[3]["failed"], &spans[3]["error"]),
        (&json!(true), &json!("conflict"))
    );

    let live = emulator.live().await;
    assert_eq!(
        (&live["traces"]["traces"], &live["traces"]["spans"]),
        (&json!(2), &json!(4))
    );
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn bad_traces_and_unknown_orders_are_answered_in_words() {
    let emulator = start(TEMPLATE).await;
    let long = "x".repeat(1_000);
    for (path, wanted) in [
        ("/_local/traces/o-9", "no trace mentions the order o-9"),
        (
            "/_local/traces/%3Cscript%3E",
            "no trace mentions the order <script>",
        ),
        (
            &format!("/_local/traces/{long}"),
            "no order has so long an id",
        ),
    ] {
        let answer = emulator.look(path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
        let body: Value = answer.json().await.expect("JSON");
        let message = body["message"].as_str().expect("a message");
        assert!(message.starts_with(wanted), "{message}");
    }
    let broken = emulator
        .send_traces(&json!({ "resourceSpans": "none" }))
        .await;
    assert_eq!(broken.status(), 400);
    let huge = emulator.http.post(emulator.aws("/v1/traces"));
    let huge = huge.header(CONTENT_TYPE, "application/x-protobuf");
    let answer = huge.body(vec![0_u8; 17 * 1024 * 1024]).send().await;
    // The connection may be closed before all was sent.
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 413));
    assert_eq!(emulator.live().await["traces"]["spans"], 0);
    emulator.running.shut_down().await;
}

/// The function's environment variables.
async fn environment(emulator: &TestEmulator) -> Value {
    let answer = emulator.ask("/orders/1", "environment").await;
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn functions_send_their_traces_here_only_if_asked_to() {
    const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let given = |endpoint: &str| {
        let variables = format!("Environment: {{Variables: {{{ENDPOINT}: '{endpoint}'}}}}");
        TEMPLATE.replace(
            "      Runtime: provided.al2023\n      Events:\n        Any",
            &format!(
                "      Runtime: provided.al2023\n      {variables}\n      Events:\n        Any"
            ),
        )
    };
    for (template, traces, wanted) in [
        (given(""), true, Some("the emulator")),
        (
            given("http://127.0.0.1:4318"),
            true,
            Some("http://127.0.0.1:4318"),
        ),
        (TEMPLATE.to_owned(), true, Some("the emulator")),
        (TEMPLATE.to_owned(), false, None),
    ] {
        let file = TemplateFile::new(&template);
        let mut options = file.options();
        options.traces = traces;
        let emulator = start_with(options).await;
        let variables = environment(&emulator).await;
        let wanted = wanted.map(|wanted| match wanted {
            "the emulator" => emulator.running.aws_url(),
            other => other,
        });
        assert_eq!(variables[ENDPOINT].as_str(), wanted, "{template}");
        assert_eq!(emulator.live().await["traces"]["on"], traces);
        emulator.running.shut_down().await;
    }
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let emulator = start(TEMPLATE).await;
    // Without the slash too: the client follows.
    for path in ["/_local/", "/_local"] {
        let answer = emulator.look(path).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .expect("text");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        let page = answer.text().await.expect("text");
        let elsewhere = page
            .split(['"', '\'', '(', ' '])
            .filter(|word| word.starts_with("http") && !word.starts_with("http://www.w3.org/"));
        assert_eq!(elsewhere.collect::<Vec<_>>(), [""; 0]);
    }
    assert_eq!(
        emulator.running.ready_lines().page_url,
        emulator.aws("/_local/")
    );
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn no_page_from_elsewhere_drives_the_emulator() {
    let emulator = start(TEMPLATE).await;
    let aws_url = emulator.running.aws_url().to_owned();
    let (_, port) = aws_url.rsplit_once(':').expect("a port");
    let invocation = "/2015-03-31/functions/Shop/invocations";
    for (host, origin, welcome) in [
        ("127.0.0.1", None, true),
        ("localhost", None, true),
        ("[::1]", None, true),
        ("host.docker.internal", None, true),
        ("127.0.0.1", Some(aws_url.as_str()), true),
        ("127.0.0.1", Some("http://evil.example"), false),
        ("127.0.0.1", Some("http://127.0.0.1:1"), false),
        ("127.0.0.1", Some("null"), false),
        // A name that was made to point here: to the browser, the page and the endpoint are one.
        (
            "evil.example",
            Some(&format!("http://evil.example:{port}")),
            false,
        ),
        ("localhost.evil.example", None, false),
    ] {
        for path in [invocation, "/_local/metrics/reset", "/_local/token"] {
            let mut request = emulator.http.post(emulator.aws(path)).body("{}");
            request = request.header("host", format!("{host}:{port}"));
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            let status = request.send().await.expect("an answer").status();
            let refused = status == StatusCode::FORBIDDEN;
            assert_eq!(
                refused, !welcome,
                "{path} at {host} from {origin:?}: {status}"
            );
        }
    }
    assert_eq!(emulator.function("Shop").await["invocations"], 5);
    emulator.running.shut_down().await;
}
