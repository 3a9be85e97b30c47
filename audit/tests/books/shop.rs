//! A shop whose books a test may damage.

use std::collections::HashMap;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use audit::{Patience, Progress, Report};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse, Response};
use domain::{Cart, Checkout, Money, OrderLine, ProductId, Quantity, UserId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use store::audit::Books;
use store::checkout_desk::Submission;
use store::{Carts, CheckoutDesk, Orders, Stock};
use tokio::net::TcpListener;
use uuid::Uuid;

const STOCK: &str = "StockTable";
const ORDERS: &str = "OrdersTable";
const CARTS: &str = "CartsTable";

/// Names another DynamoDB than the embedded one, such as `http://127.0.0.1:4566`.
const ENDPOINT_VARIABLE: &str = "HEDONIFY_AWS_ENDPOINT";

pub(crate) struct Shop {
    pub(crate) endpoint: String,
    client: Client,
    sqs: aws_sdk_sqs::Client,
    front: Arc<Front>,
    payment_window: SignedDuration,
}

/// The one port that a cloud has: tables behind it, and a queue that holds what the test says.
struct Front {
    tables: String,
    /// Twelve digits, as local clouds take an account's id for an access key, and keep accounts apart.
    account: String,
    forward: reqwest::Client,
    backlog: AtomicU64,
}

impl Shop {
    pub(crate) async fn open() -> Shop {
        let tables = tables().await;
        println!("this runs on DynamoDB at {tables}");
        let front = Arc::new(Front {
            tables,
            account: format!("{:012}", Uuid::now_v7().as_u128() % 1_000_000_000_000),
            forward: reqwest::Client::new(),
            backlog: AtomicU64::new(0),
        });
        let (listener, endpoint) = listen().await;
        let router = Router::new()
            .fallback(pass)
            .layer(DefaultBodyLimit::disable())
            .with_state(front.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(&endpoint)
            .build();
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(&endpoint)
            .build();
        let client = Client::from_conf(config);
        create_table(&client, STOCK, &["product_id"]).await;
        create_table(&client, ORDERS, &["user_id", "order_id"]).await;
        create_table(&client, CARTS, &["cart_id"]).await;
        Shop {
            endpoint,
            client,
            sqs: aws_sdk_sqs::Client::from_conf(sqs),
            front,
            payment_window: SignedDuration::from_mins(15),
        }
    }

    /// How long orders decided from now on may stay unpaid; below zero, they are late at once.
    pub(crate) fn set_payment_window(&mut self, window: SignedDuration) {
        self.payment_window = window;
    }

    /// Messages that the queue says it holds.
    pub(crate) fn set_backlog(&self, messages: u64) {
        self.front.backlog.store(messages, Ordering::SeqCst);
    }

    pub(crate) async fn stocked(&self, supply: u64) -> ProductId {
        let product = ProductId::try_from(Uuid::now_v7()).expect("a product id");
        let stock = Stock::new(&self.client, STOCK);
        assert!(stock.put_new(product, supply).await.expect("it is stocked"));
        product
    }

    /// Submits carts an hour ago, each with these lines, and decides none of them.
    pub(crate) async fn submitted(
        &self,
        count: usize,
        lines: &[(ProductId, i64)],
    ) -> Vec<Checkout> {
        let carts = Carts::new(&self.client, CARTS);
        let an_hour_ago = Timestamp::now() - SignedDuration::from_hours(1);
        let line = |&(product_id, quantity): &(ProductId, i64)| OrderLine {
            product_id,
            name: "A good thing".to_owned().try_into().expect("a name"),
            quantity: Quantity::try_from(quantity).expect("a quantity"),
            unit_price: Money::price(5.into()).expect("a price"),
        };
        let lines: Vec<OrderLine> = lines.iter().map(line).collect();
        let mut checkouts = Vec::new();
        for number in 0..count {
            let cart = Cart::submitted(
                Uuid::now_v7().try_into().expect("a cart id"),
                UserId::try_from(format!("user-{number}")).expect("a user id"),
                lines.clone().try_into().expect("order lines"),
                an_hour_ago,
            );
            assert!(carts.create(&cart).await.expect("the cart is kept"));
            checkouts.push(cart.checkout().expect("it is submitted"));
        }
        checkouts
    }

    /// Submits and decides, as the shop does.
    pub(crate) async fn sold(&self, count: usize, lines: &[(ProductId, i64)]) -> Vec<Checkout> {
        let checkouts = self.submitted(count, lines).await;
        let stock = Stock::new(&self.client, STOCK);
        let desk = CheckoutDesk::new(
            &self.client,
            stock,
            Orders::new(&self.client, ORDERS),
            self.payment_window,
        );
        let submission = |checkout: &Checkout| Submission {
            checkout: checkout.clone(),
            seen_before: false,
        };
        let batch = checkouts.iter().map(submission).collect();
        let deadline = Instant::now() + Duration::from_secs(60);
        let report = desk.decide(batch, deadline).await;
        assert_eq!(report.settled.len(), count);
        checkouts
    }

    /// Changes a product's stock behind the shop's back.
    pub(crate) async fn damage_stock(&self, product: ProductId, expression: &str) {
        let key = [("product_id", product.to_string())];
        self.damage(STOCK, &key, expression).await;
    }

    /// Changes an order behind the shop's back.
    pub(crate) async fn damage_order(&self, order: &Checkout, expression: &str) {
        let key = [
            ("user_id", order.user_id.to_string()),
            ("order_id", order.order_id.to_string()),
        ];
        self.damage(ORDERS, &key, expression).await;
    }

    /// Changes a cart behind the shop's back.
    pub(crate) async fn damage_cart(&self, order: &Checkout, expression: &str) {
        let key = [("cart_id", order.order_id.to_string())];
        self.damage(CARTS, &key, expression).await;
    }

    pub(crate) async fn lose_order(&self, order: &Checkout) {
        self.client
            .delete_item()
            .table_name(ORDERS)
            .key("user_id", AttributeValue::S(order.user_id.to_string()))
            .key("order_id", AttributeValue::S(order.order_id.to_string()))
            .send()
            .await
            .expect("the order is gone");
    }

    /// `:odd` stands for a text that belongs nowhere, `:one` for the number.
    async fn damage(&self, table: &str, key: &[(&str, String)], expression: &str) {
        let mut update = self
            .client
            .update_item()
            .table_name(table)
            .update_expression(expression);
        for (name, value) in key {
            update = update.key(*name, AttributeValue::S(value.clone()));
        }
        let values = [
            (":odd", AttributeValue::S("ODD".to_owned())),
            (":one", AttributeValue::N("1".to_owned())),
            (":nothing", AttributeValue::L(Vec::new())),
        ];
        let used = values
            .into_iter()
            .filter(|(name, _)| expression.contains(name));
        let used: HashMap<String, AttributeValue> =
            used.map(|(name, value)| (name.to_owned(), value)).collect();
        if !used.is_empty() {
            update = update.set_expression_attribute_values(Some(used));
        }
        for name in ["status", "lines", "total"] {
            if expression.contains(&format!("#{name}")) {
                update = update.expression_attribute_names(format!("#{name}"), name);
            }
        }
        update.send().await.expect("the damage is done");
    }

    pub(crate) async fn audit(&self, for_rest: Duration) -> Report {
        let shop = audit::Shop {
            books: Books::new(&self.client, STOCK, ORDERS, CARTS),
            sqs: self.sqs.clone(),
            queue_url: format!("{}/000000000000/CheckoutQueue", self.endpoint),
            segments: 4,
        };
        let patience = Patience {
            for_rest,
            for_a_decision: Duration::from_secs(60),
            for_an_expiry: Duration::from_secs(60),
        };
        let report = audit::audit(&shop, patience, &Progress::default()).await;
        report.expect("the books are read")
    }
}

/// Where the tables are: embedded, unless the tests are run over another cloud.
async fn tables() -> String {
    match env::var(ENDPOINT_VARIABLE) {
        Ok(endpoint) if !endpoint.is_empty() => endpoint,
        _ => {
            let database = dynoxide::Database::memory().expect("an in-memory database");
            let (listener, tables) = listen().await;
            tokio::spawn(dynoxide::server::serve_on(listener, database));
            tables
        }
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, url)
}

async fn pass(State(front): State<Arc<Front>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().expect("an operation");
    match target.strip_prefix("AmazonSQS.") {
        Some("GetQueueAttributes") => {
            let messages = front.backlog.load(Ordering::SeqCst).to_string();
            let attributes = json!({ "ApproximateNumberOfMessagesNotVisible": messages });
            json!({ "Attributes": attributes })
                .to_string()
                .into_response()
        }
        Some("ListQueues") => {
            let queue = "http://queues.example/000000000000/CheckoutQueue";
            json!({ "QueueUrls": [queue] }).to_string().into_response()
        }
        Some(other) => panic!("the audit does not need {other}"),
        None => front.forward(headers, body).await,
    }
}

impl Front {
    /// Forwards a call as this shop's account, so that shops side by side have tables of their own.
    async fn forward(&self, mut headers: HeaderMap, body: Bytes) -> Response {
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
            self.account
        );
        headers.insert(AUTHORIZATION, signature.parse().expect("a header"));
        let request = self.forward.post(&self.tables).headers(headers).body(body);
        let answer = request.send().await.expect("the tables answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        (status, headers, answer.bytes().await.expect("a body")).into_response()
    }
}

async fn create_table(client: &Client, table: &str, key: &[&str]) {
    let mut request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, key_type) in key.iter().zip([KeyType::Hash, KeyType::Range]) {
        let definition = AttributeDefinition::builder()
            .attribute_name(*name)
            .attribute_type(ScalarAttributeType::S);
        let element = KeySchemaElement::builder()
            .attribute_name(*name)
            .key_type(key_type);
        request = request
            .attribute_definitions(definition.build().expect("a definition"))
            .key_schema(element.build().expect("a key"));
    }
    request.send().await.expect("the table is created");
}
