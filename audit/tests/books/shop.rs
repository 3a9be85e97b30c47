//! A shop whose tables a test may damage.

use std::collections::HashMap;
use std::env;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use audit::{Progress, Report, WaitLimits};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use deployment::Deployment;
use domain::{Cart, Checkout, DecisionId, Money, OrderLine, ProductId, Quantity, UserId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use store::audit::{Books, TableNames};
use store::{
    BatchReport, BatchSettlement, Carts, Decisions, DirectSettlement, Orders, Stock, Submission,
};
use tokio::net::TcpListener;
use uuid::Uuid;

const STOCK: &str = "StockTable";
const ORDERS: &str = "OrdersTable";
const CARTS: &str = "CartsTable";
const DECISIONS: &str = "DecisionsTable";
const OPEN_DECISIONS: &str = "OpenDecisionsTable";

/// The time that a batch has to be decided.
const PATIENCE: Duration = Duration::from_secs(60);

/// The time that a batch has that cannot enter its orders.
const CUT_SHORT: Duration = Duration::from_secs(2);

/// Names another DynamoDB than the embedded one, such as `http://127.0.0.1:4566`.
const ENDPOINT_VARIABLE: &str = "HEDONIFY_AWS_ENDPOINT";

pub(crate) struct Shop {
    pub(crate) endpoint: String,
    client: Client,
    sqs: aws_sdk_sqs::Client,
    proxy: Arc<Proxy>,
    payment_window: SignedDuration,
}

/// One endpoint for both services, as the emulator has it: forwards DynamoDB's calls, and answers for a queue of
/// the length that the test sets.
struct Proxy {
    tables: String,
    /// Twelve digits: endpoints such as LocalStack take such an access key for an account id, and keep accounts apart.
    account: String,
    forward: reqwest::Client,
    backlog: AtomicU64,
    /// Whether orders cannot be entered: the calls that enter them are refused, all but the first.
    entering_fails: AtomicBool,
    entered: AtomicBool,
    /// A change that is made when the orders are read next.
    change: Mutex<Option<Change>>,
}

type Change = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Shop {
    pub(crate) async fn open() -> Shop {
        let tables = tables().await;
        println!("this runs on DynamoDB at {tables}");
        let proxy = Arc::new(Proxy {
            tables,
            account: format!("{:012}", Uuid::now_v7().as_u128() % 1_000_000_000_000),
            forward: reqwest::Client::new(),
            backlog: AtomicU64::new(0),
            entering_fails: AtomicBool::new(false),
            entered: AtomicBool::new(false),
            change: Mutex::new(None),
        });
        let (listener, endpoint) = listen().await;
        let router = Router::new()
            .fallback(pass)
            .layer(DefaultBodyLimit::disable())
            .with_state(proxy.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let deployment = Deployment::at(&endpoint).await.expect("an endpoint");
        let client = deployment.dynamodb().clone();
        create_table(&client, STOCK, &["product_id"]).await;
        create_table(&client, ORDERS, &["user_id", "order_id"]).await;
        create_table(&client, CARTS, &["cart_id"]).await;
        create_table(&client, DECISIONS, &["decision_id"]).await;
        create_table(&client, OPEN_DECISIONS, &["decision_id"]).await;
        Shop {
            endpoint,
            client,
            sqs: deployment.sqs().clone(),
            proxy,
            payment_window: SignedDuration::from_mins(15),
        }
    }

    /// Sets the time to pay of orders decided from now on. If it is negative, they are overdue at once.
    pub(crate) fn set_payment_window(&mut self, window: SignedDuration) {
        self.payment_window = window;
    }

    /// Sets the length of the queue.
    pub(crate) fn set_backlog(&self, messages: u64) {
        self.proxy.backlog.store(messages, Ordering::SeqCst);
    }

    pub(crate) async fn stocked(&self, supply: u64) -> ProductId {
        let product = ProductId::try_from(Uuid::now_v7()).expect("a product id");
        let stock = Stock::new(&self.client, STOCK);
        assert!(stock.put_new(product, supply).await.expect("it is stocked"));
        product
    }

    /// Creates carts that were submitted an hour ago with these lines, and are not decided.
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

    /// Submits and decides carts, as the shop does.
    pub(crate) async fn sold(&self, count: usize, lines: &[(ProductId, i64)]) -> Vec<Checkout> {
        let checkouts = self.submitted(count, lines).await;
        let report = self.decided(&checkouts, PATIENCE).await;
        assert_eq!(report.decided.len(), count);
        checkouts
    }

    /// Submits and decides carts, all of which are accepted by one decision. It stays open, because only the first
    /// call to enter orders succeeds: that of up to 25 orders.
    pub(crate) async fn left_open(
        &self,
        count: usize,
        lines: &[(ProductId, i64)],
    ) -> (DecisionId, Vec<Checkout>) {
        let checkouts = self.submitted(count, lines).await;
        self.proxy.entering_fails.store(true, Ordering::SeqCst);
        let report = self.decided(&checkouts, CUT_SHORT).await;
        self.proxy.entering_fails.store(false, Ordering::SeqCst);
        assert_eq!(report.transactions, 1, "{report:?}");
        let open = self.decisions().open().await.expect("the markers are read");
        let [open] = open.as_slice() else {
            panic!("one decision is open, not {open:?}");
        };
        (open.decision_id, checkouts)
    }

    /// Submits a cart that is decided twice: by itself, and then by a batch, which finds the order when it enters it
    /// and returns the units that it took.
    pub(crate) async fn sold_twice(&self, lines: &[(ProductId, i64)]) -> DecisionId {
        let checkouts = self.submitted(1, lines).await;
        let direct = DirectSettlement::new(
            &self.client,
            Stock::new(&self.client, STOCK),
            Orders::new(&self.client, ORDERS),
            self.payment_window,
        );
        let report = direct
            .decide(checkouts[0].clone(), Instant::now() + PATIENCE)
            .await;
        assert_eq!(report.settled.len(), 1);
        let report = self.decided(&checkouts, PATIENCE).await;
        assert_eq!(report.transactions, 1, "{report:?}");
        assert_eq!(report.already_decided, [checkouts[0].key()]);
        self.only_decision().await
    }

    fn decisions(&self) -> Decisions {
        Decisions::new(&self.client, DECISIONS, OPEN_DECISIONS)
    }

    async fn decided(&self, checkouts: &[Checkout], time: Duration) -> BatchReport {
        let settlement = BatchSettlement::new(
            &self.client,
            Stock::new(&self.client, STOCK),
            Carts::new(&self.client, CARTS),
            Orders::new(&self.client, ORDERS),
            self.decisions(),
            self.payment_window,
        );
        let submission = |checkout: &Checkout| Submission {
            checkout: checkout.clone(),
            seen_before: false,
        };
        let batch = checkouts.iter().map(submission).collect();
        settlement.decide(batch, Instant::now() + time).await
    }

    /// The one decision that has a record.
    pub(crate) async fn only_decision(&self) -> DecisionId {
        let scan = self.client.scan().table_name(DECISIONS).send().await;
        let scan = scan.expect("the records are read");
        let [record] = scan.items() else {
            panic!("one decision has a record, not {:?}", scan.items());
        };
        let id = record["decision_id"].as_s().expect("a text");
        id.parse().expect("a decision's id")
    }

    /// Changes a product's stock directly in the table.
    pub(crate) async fn damage_stock(&self, product: ProductId, expression: &str) {
        let key = [("product_id", product.to_string())];
        self.damage(STOCK, &key, expression).await;
    }

    /// Changes an order directly in the table.
    pub(crate) async fn damage_order(&self, order: &Checkout, expression: &str) {
        let key = [
            ("user_id", order.user_id.to_string()),
            ("order_id", order.order_id.to_string()),
        ];
        self.damage(ORDERS, &key, expression).await;
    }

    /// Changes a cart directly in the table.
    pub(crate) async fn damage_cart(&self, order: &Checkout, expression: &str) {
        let key = [("cart_id", order.order_id.to_string())];
        self.damage(CARTS, &key, expression).await;
    }

    /// Changes the record of a decision directly in the table.
    pub(crate) async fn damage_record(&self, decision: DecisionId, expression: &str) {
        let key = [("decision_id", decision.to_string())];
        self.damage(DECISIONS, &key, expression).await;
    }

    /// Changes the marker of a decision directly in the table, or makes one.
    pub(crate) async fn damage_marker(&self, decision: DecisionId, expression: &str) {
        let key = [("decision_id", decision.to_string())];
        self.damage(OPEN_DECISIONS, &key, expression).await;
    }

    pub(crate) async fn lose_order(&self, order: &Checkout) {
        let key = [
            ("user_id", order.user_id.to_string()),
            ("order_id", order.order_id.to_string()),
        ];
        self.lose(ORDERS, &key).await;
    }

    pub(crate) async fn lose_cart(&self, order: &Checkout) {
        let key = [("cart_id", order.order_id.to_string())];
        self.lose(CARTS, &key).await;
    }

    pub(crate) async fn lose_record(&self, decision: DecisionId) {
        let key = [("decision_id", decision.to_string())];
        self.lose(DECISIONS, &key).await;
    }

    pub(crate) async fn lose_marker(&self, decision: DecisionId) {
        let key = [("decision_id", decision.to_string())];
        self.lose(OPEN_DECISIONS, &key).await;
    }

    /// Removes the marker of a decision when the orders are read next.
    pub(crate) fn close_during_the_audit(&self, decision: DecisionId) {
        let close = self
            .client
            .delete_item()
            .table_name(OPEN_DECISIONS)
            .key("decision_id", AttributeValue::S(decision.to_string()));
        let change: Change = Box::pin(async move {
            close.send().await.expect("the marker is gone");
        });
        *self.proxy.change.lock().expect("no test panicked") = Some(change);
    }

    async fn lose(&self, table: &str, key: &[(&str, String)]) {
        let mut delete = self.client.delete_item().table_name(table);
        for (name, value) in key {
            delete = delete.key(*name, AttributeValue::S(value.clone()));
        }
        delete.send().await.expect("the item is gone");
    }

    /// In the expression, `:odd` is a text that is no valid value, `:one` the number 1, `:nothing` an empty list,
    /// `:unknown` the id of a decision that never was; `:now`, `:an_hour_ago` and `:last_year` are times.
    async fn damage(&self, table: &str, key: &[(&str, String)], expression: &str) {
        let mut update = self
            .client
            .update_item()
            .table_name(table)
            .update_expression(expression);
        for (name, value) in key {
            update = update.key(*name, AttributeValue::S(value.clone()));
        }
        let now = Timestamp::now();
        let ago = |hours| AttributeValue::S((now - SignedDuration::from_hours(hours)).to_string());
        let values = [
            (":odd", AttributeValue::S("ODD".to_owned())),
            (":one", AttributeValue::N("1".to_owned())),
            (":nothing", AttributeValue::L(Vec::new())),
            (":unknown", AttributeValue::S(Uuid::now_v7().to_string())),
            (":now", ago(0)),
            (":an_hour_ago", ago(1)),
            (":last_year", ago(365 * 24)),
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

    pub(crate) async fn audit(&self, rest: Duration) -> Report {
        let shop = audit::Shop {
            books: Books::new(
                &self.client,
                TableNames {
                    stock: STOCK.to_owned(),
                    orders: ORDERS.to_owned(),
                    carts: CARTS.to_owned(),
                    decisions: DECISIONS.to_owned(),
                    open_decisions: OPEN_DECISIONS.to_owned(),
                },
            ),
            sqs: self.sqs.clone(),
            queue_url: format!("{}/000000000000/CheckoutQueue", self.endpoint),
            segments: 4,
        };
        let limits = WaitLimits {
            rest,
            decision: Duration::from_secs(60),
            expiry: Duration::from_secs(60),
        };
        let report = audit::audit(&shop, limits, &Progress::default()).await;
        report.expect("the books are read")
    }
}

/// The endpoint of the tables: an embedded DynamoDB, unless the tests run over another endpoint.
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

async fn pass(State(proxy): State<Arc<Proxy>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().expect("an operation");
    match target.strip_prefix("AmazonSQS.") {
        Some("GetQueueAttributes") => {
            let messages = proxy.backlog.load(Ordering::SeqCst).to_string();
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
        None if target.ends_with(".BatchExecuteStatement") && proxy.refuses_to_enter() => {
            let error = json!({ "__type": "com.amazon.coral.service#AccessDeniedException" });
            (StatusCode::BAD_REQUEST, error.to_string()).into_response()
        }
        None => {
            if target.ends_with(".Scan") && mentions(&body, ORDERS) {
                let change = proxy.change.lock().expect("no test panicked").take();
                if let Some(change) = change {
                    change.await;
                }
            }
            proxy.forward(headers, body).await
        }
    }
}

fn mentions(body: &[u8], table: &str) -> bool {
    String::from_utf8_lossy(body).contains(table)
}

impl Proxy {
    fn refuses_to_enter(&self) -> bool {
        self.entering_fails.load(Ordering::SeqCst) && self.entered.swap(true, Ordering::SeqCst)
    }

    /// Forwards a call with this shop's account, so that shops of tests that run at the same time have their own
    /// tables.
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
