//! Log lines, metrics and traces.

use std::collections::HashSet;

use e2e::{Collector, Shop, Template, WAIT_TIMEOUT, eventually, line, lines};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

/// A client's trace id and span id, and the `traceparent` header with them.
fn client_trace() -> ([u8; 16], [u8; 8], String) {
    let trace_id = Uuid::now_v7();
    let span_id = *b"client-1";
    let span = u64::from_be_bytes(span_id);
    let header = format!("00-{}-{span:016x}-01", trace_id.simple());
    (trace_id.into_bytes(), span_id, header)
}

#[tokio::test]
async fn a_checkouts_trace_reaches_from_the_click_to_the_decision() {
    let collector = Collector::open().await;
    let template = Template::default().parameter("OtlpEndpoint", collector.endpoint());
    let shop = Shop::open_with(&template).await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;

    let (trace_id, client_span_id, traceparent) = client_trace();
    let request = ada.request(Method::POST, "/checkouts");
    let request = request.header("traceparent", &traceparent);
    let accepted = ada
        .send(request.json(&lines(&[(lamp, 1)])))
        .await
        .expect(202);
    let order_id = accepted.text_of("order_id").to_owned();
    let other_order_id = ada.buy(&[(lamp, 2)]).await;
    ada.wait_for_decision(&order_id).await;
    ada.wait_for_decision(&other_order_id).await;

    // Spans are sent after the answers.
    let spans = eventually("both decisions in the collector", WAIT_TIMEOUT, || async {
        let spans = collector.spans();
        (spans.named("checkout decided").count() == 2).then_some(spans)
    })
    .await;

    let mine = spans.of_trace(&trace_id);
    let expected = [
        "POST /checkouts",
        "  DynamoDB.BatchGetItem",
        "  DynamoDB.PutItem",
        "  SQS.SendMessage",
        "  checkout decided",
    ];
    assert_eq!(mine.tree(), expected, "{mine:#?}");
    let reads = mine.named("DynamoDB.BatchGetItem").count();
    assert_eq!(reads, 1, "the product with its stock: {mine:#?}");
    let click = mine.named("POST /checkouts").next().expect("the click");
    assert_eq!(click.parent_span_id, client_span_id, "{click:#?}");
    assert_eq!(attribute(click, "order_id"), Some(order_id.as_str()));
    let decision = mine.named("checkout decided").next().expect("the decision");
    assert_eq!(attribute(decision, "status"), Some("WAITING_PAYMENT"));

    // The decision links to its batch, and the batch links to the click.
    let [back] = decision.links.as_slice() else {
        panic!("{decision:#?}");
    };
    let batch = spans.get(&back.span_id).expect("the batch has a span");
    let batch_trace = spans.of_trace(&batch.trace_id);
    let work = [
        "decide checkouts",
        "  DynamoDB.BatchExecuteStatement",
        "  DynamoDB.BatchGetItem",
        "  DynamoDB.DeleteItem",
        "  DynamoDB.TransactWriteItems",
    ];
    assert_eq!(batch_trace.tree()[..5], work, "{batch_trace:#?}");
    let linked = |span: &_| batch.links.iter().any(|link| is(link, span));
    assert!(linked(click), "{batch:#?}");

    // Each checkout has a link, whether both were in one batch or each in its own.
    let links = spans
        .named("decide checkouts")
        .map(|batch| batch.links.len());
    assert_eq!(links.sum::<usize>(), 2);
}

type Span = opentelemetry_proto::tonic::trace::v1::Span;

fn is(link: &opentelemetry_proto::tonic::trace::v1::span::Link, span: &Span) -> bool {
    link.span_id == span.span_id && link.trace_id == span.trace_id
}

fn attribute<'a>(span: &'a Span, name: &str) -> Option<&'a str> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let attribute = span.attributes.iter().find(|it| it.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

#[tokio::test]
async fn orders_succeed_while_the_collector_is_down_or_silent() {
    // It accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let silent = format!("http://{}", silent.local_addr().expect("a port"));
    let nobody = "http://127.0.0.1:1".to_owned();
    for endpoint in [nobody, silent] {
        let template = Template::default().parameter("OtlpEndpoint", &endpoint);
        let shop = Shop::open_with(&template).await;
        let lamp = shop.stocked("Lamp", "129.90", 100).await;
        let ada = shop.shopper("ada").await;
        for _ in 0..5 {
            let order_id = ada.buy(&[(lamp, 1)]).await;
            assert_eq!(
                ada.wait_for_decision(&order_id).await["status"],
                "WAITING_PAYMENT"
            );
        }
        // Each process logs the failure once, and counts dropped spans.
        let logs = shop.logs("checkout-enqueue").await;
        let lines_with = |message: &'static str| {
            let lines = logs.iter().filter(move |line| line["message"] == message);
            lines.cloned().collect::<Vec<Value>>()
        };
        let failures = lines_with("the collector fails; spans are dropped and counted");
        let processes = shop.processes("checkout-enqueue").await.len();
        assert!((1..=processes).contains(&failures.len()), "{failures:?}");
        let counts = lines_with("spans dropped");
        assert!(
            counts
                .iter()
                .all(|line| line["dropped_spans"].as_u64() > Some(0)),
            "{counts:?}"
        );
        assert!(!counts.is_empty(), "{logs:?}");
    }
}

/// Values that must never be in a log.
const EMAIL: &str = "ada.lovelace@example.com";
const CARD: &str = "4000056655665556";
const GOOD_CARD: &str = "4242424242424242";
const EMPTY_CARD: &str = "4000000000009995";
const KEY: &str = "my-own-idempotency-key";

#[tokio::test]
async fn every_log_line_is_an_object_with_the_fixed_names_and_without_secrets() {
    // The most detailed level.
    let template = Template::default().parameter("LogLevel", "trace");
    let shop = Shop::open_with(&template).await;
    let lamp = shop.stocked("Lamp", "129.90", 1).await;
    let token = shop.token(&json!({ "sub": EMAIL })).await;
    let ada = shop.with_token(&token);

    let cart_id = ada.cart(&[(lamp, 1)]).await;
    ada.post_nothing(&format!("/carts/{cart_id}/checkout"))
        .await
        .expect(202);
    ada.wait_for_decision(&cart_id).await;
    let payment = format!("/orders/{cart_id}/payment");
    for (card, status) in [(CARD, 422), (EMPTY_CARD, 402), (GOOD_CARD, 200)] {
        let card = json!({ "card_number": card });
        ada.post(&payment, &card).await.expect(status);
    }
    // A late checkout: rejected in a batch, or refused at once.
    let request = ada.request(Method::POST, "/checkouts");
    let request = request.header("Idempotency-Key", KEY);
    ada.send(request.json(&lines(&[(lamp, 1)]))).await;
    ada.get(&format!("/orders/{}", Uuid::now_v7()))
        .await
        .expect(404);
    ada.get(&format!("/carts/{EMAIL}")).await.expect(404);
    let mut with_card = lines(&[(lamp, 1)]);
    with_card["card_number"] = CARD.into();
    ada.post("/checkouts", &with_card).await.expect(422);
    let mut named_by_card = lines(&[(lamp, 1)]);
    named_by_card[CARD] = true.into();
    ada.post("/checkouts", &named_by_card).await.expect(422);
    ada.post("/carts", &json!({ "lines": [line(lamp, 1), CARD] }))
        .await
        .expect(422);
    let broken = ada
        .request(Method::POST, "/checkouts")
        .body(format!("{{ {CARD}"));
    ada.send(broken.header(CONTENT_TYPE, "application/json"))
        .await
        .expect(400);
    shop.enqueue(&format!("no checkout, but {CARD}")).await;

    let batches = eventually("the batch with the bad message", WAIT_TIMEOUT, || async {
        let logs = shop.logs("checkout-batch").await;
        logs.iter()
            .any(|line| line["unreadable"] == 1)
            .then_some(logs)
    })
    .await;

    let printed = shop.printed().await;
    assert!(printed.len() > 10, "{printed:#?}");
    for text in &printed {
        for secret in [EMAIL, CARD, GOOD_CARD, EMPTY_CARD, KEY, &token] {
            assert!(!text.contains(secret), "{text}");
        }
        check_names(text);
    }
    check_batch_summary(&batches);
    let paid = shop.logs("pay-order").await;
    let counted = |name: &str| paid.iter().filter(|line| line[name] == 1).count();
    assert_eq!(
        (counted("payments"), counted("declined")),
        (1, 1),
        "{paid:#?}"
    );
    let ids = |name: &str| -> HashSet<String> {
        let lines = printed
            .iter()
            .filter_map(|text| serde_json::from_str::<Value>(text).ok());
        let ids = lines.filter_map(|line| line[name].as_str().map(str::to_owned));
        ids.collect()
    };
    assert!(ids("order_id").contains(&cart_id), "{printed:#?}");
    assert!(ids("cart_id").contains(&cart_id), "{printed:#?}");
}

fn check_names(text: &str) {
    let line: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {text}"));
    let timestamp = line["timestamp"].as_str().expect("a timestamp");
    timestamp
        .parse::<jiff::Timestamp>()
        .unwrap_or_else(|_| panic!("no time: {text}"));
    let level = line["level"].as_str().expect("a level");
    let levels = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
    assert!(levels.contains(&level), "{text}");
    for name in ["message", "function", "request_id"] {
        let value = line[name].as_str();
        assert!(
            value.is_some_and(|value| !value.is_empty()),
            "{name}: {text}"
        );
    }
    let trace_id = line["trace_id"].as_str().expect("a trace id");
    assert!(
        trace_id.len() == 32 && trace_id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{text}"
    );
    for name in ["order_id", "cart_id", "product_id"] {
        let id = &line[name];
        assert!(
            id.is_null() || id.as_str().is_some_and(|id| id.parse::<Uuid>().is_ok()),
            "{name}: {text}"
        );
    }
}

/// Checks that a batch's summary has all its numbers, and that every metric of its CloudWatch directive is a field.
fn check_batch_summary(logs: &[Value]) {
    let names = [
        "size",
        "accepted",
        "rejected",
        "duplicates",
        "transactions",
        "conflicts",
        "retries",
        "ms",
    ];
    let mut summaries = logs
        .iter()
        .filter(|line| line["message"] == "batch decided");
    let summary = summaries.next().expect("a summary");
    let directive = &summary["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], "Hedonify");
    assert_eq!(directive["Dimensions"], json!([["function"]]));
    let metrics = directive["Metrics"].as_array().expect("metrics");
    for name in names {
        assert!(summary[name].is_u64(), "{name}: {summary}");
        assert!(
            metrics.iter().any(|metric| metric["Name"] == name),
            "{name}: {summary}"
        );
    }
    assert!(metrics.iter().all(|metric| {
        let name = metric["Name"].as_str().expect("a name");
        summary[name].is_number()
    }));
    let latencies = logs
        .iter()
        .find(|line| line["decision_latency_ms"].is_array());
    let latencies = &latencies.expect("the latencies")["decision_latency_ms"];
    assert!(
        latencies
            .as_array()
            .is_some_and(|values| !values.is_empty())
    );
}
