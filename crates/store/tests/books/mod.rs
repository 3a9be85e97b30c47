//! Real tables for a test, behind a door where the test decides what goes wrong.

// Each test file uses the part of it that it needs.
#![allow(dead_code)]

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, ScalarAttributeType,
};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::{
    Checkout, Order, OrderId, OrderStatus, Payment, ProductId, Transition, Units, fixtures,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::checkout_desk::Submission;
use store::{
    Carts, CheckoutDesk, IdempotencyKeys, Orders, ProductNames, Products, ReturnsDesk, Stock,
};
use tokio::net::TcpListener;
use uuid::Uuid;

/// What happens to one `TransactWriteItems` at the door.
pub(crate) enum Fault {
    /// Another transaction is writing the same item.
    Conflict,
    /// The partition is asked too much.
    Throttle,
    /// The role lacks the permission.
    Deny,
    /// It is committed, but the answer never arrives.
    LoseAnswer,
    /// Others buy units of a product just before.
    OthersTake(ProductId, Units),
    /// Its shopper pays for an order just before.
    SomebodyPays(Box<Order>),
}

/// How long the desk lets an order wait for payment.
pub(crate) const PAYMENT_WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// A table's or an index's partition key, and its sort key if it has one.
type Key = (&'static str, Option<&'static str>);

/// A name and a key: a table's or an index's.
type Keyed = (&'static str, Key);

/// Every table, and its sparse indexes.
const TABLES: [(&str, Key, &[Keyed]); 6] = [
    ("Stock", ("product_id", None), &[]),
    (
        "Orders",
        ("user_id", Some("order_id")),
        &[
            ("unpaid", ("unpaid_shard", Some("pay_by"))),
            ("fulfilment", ("fulfilment", Some("order_id"))),
        ],
    ),
    ("Carts", ("cart_id", None), &[]),
    ("IdempotencyKeys", ("user_id", Some("idempotency_key")), &[]),
    (
        "Products",
        ("product_id", None),
        &[("by-name", ("catalogue", Some("name")))],
    ),
    ("ProductNames", ("merchant_id", Some("name")), &[]),
];

/// The shop's tables, embedded, reached through the door.
pub(crate) struct Books {
    /// Through the door, as a function would.
    pub(crate) client: Client,
    door: Arc<Door>,
}

struct Door {
    upstream: String,
    forward: reqwest::Client,
    faults: Mutex<VecDeque<Fault>>,
    refused: Mutex<Vec<OrderId>>,
    unmovable: Mutex<Vec<ProductId>>,
    /// Reads that are still answered, or all.
    reads_left: Mutex<Option<u32>>,
    /// Reads of which only half is done.
    half_reads: Mutex<u32>,
    /// The operation whose next answer is lost.
    lost: Mutex<Option<&'static str>>,
    calls: Mutex<HashMap<String, u32>>,
    direct: Client,
}

impl Books {
    pub(crate) async fn open() -> Books {
        let database = dynoxide::Database::memory().expect("an in-memory database");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let upstream = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(dynoxide::server::serve_on(listener, database));
        let direct = client(&upstream);
        for (table, key, indexes) in TABLES {
            create_table(&direct, table, key, indexes).await;
        }
        let door = Arc::new(Door {
            upstream,
            forward: reqwest::Client::new(),
            faults: Mutex::default(),
            refused: Mutex::default(),
            unmovable: Mutex::default(),
            reads_left: Mutex::default(),
            half_reads: Mutex::default(),
            lost: Mutex::default(),
            calls: Mutex::default(),
            direct,
        });
        let router = Router::new()
            .fallback(pass)
            .layer(DefaultBodyLimit::disable())
            .with_state(door.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Books {
            client: client(&endpoint),
            door,
        }
    }

    pub(crate) fn desk(&self) -> CheckoutDesk {
        CheckoutDesk::new(&self.client, self.stock(), self.orders(), PAYMENT_WINDOW)
    }

    pub(crate) fn returns_desk(&self) -> ReturnsDesk {
        ReturnsDesk::new(&self.client, self.stock(), self.orders())
    }

    pub(crate) fn products(&self) -> Products {
        Products::new(&self.client, "Products")
    }

    pub(crate) fn product_names(&self) -> ProductNames {
        ProductNames::new("ProductNames")
    }

    pub(crate) fn stock(&self) -> Stock {
        Stock::new(&self.client, "Stock")
    }

    pub(crate) fn orders(&self) -> Orders {
        Orders::new(&self.client, "Orders")
    }

    pub(crate) fn carts(&self) -> Carts {
        Carts::new(&self.client, "Carts")
    }

    pub(crate) fn idempotency_keys(&self) -> IdempotencyKeys {
        IdempotencyKeys::new(&self.client, "IdempotencyKeys")
    }

    /// A new product with this many units.
    pub(crate) async fn stocked(&self, supply: Units) -> ProductId {
        let product = ProductId::try_from(Uuid::now_v7()).expect("a product id");
        let stocked = self.stock().put_new(product, supply).await;
        assert!(stocked.expect("the stock is written"));
        product
    }

    /// What goes wrong with the next transactions, in this order.
    pub(crate) fn next_transactions(&self, faults: impl IntoIterator<Item = Fault>) {
        self.door.faults.lock().unwrap().extend(faults);
    }

    /// Refuses every transaction with this order, without a word on which item is to blame.
    pub(crate) fn refuse(&self, order_id: OrderId) {
        self.door.refused.lock().unwrap().push(order_id);
    }

    /// Refuses every move of this product's stock, and names it.
    pub(crate) fn refuse_moves_of(&self, product: ProductId) {
        self.door.unmovable.lock().unwrap().push(product);
    }

    /// Answers so many more reads, and then none.
    pub(crate) fn silence_reads_after(&self, answered: u32) {
        *self.door.reads_left.lock().unwrap() = Some(answered);
    }

    /// Answers all reads again.
    pub(crate) fn answer_reads(&self) {
        *self.door.reads_left.lock().unwrap() = None;
    }

    /// Does only half of what each of so many next reads asks for, and says so.
    pub(crate) fn do_half_of_reads(&self, reads: u32) {
        *self.door.half_reads.lock().unwrap() = reads;
    }

    /// Does what the next call of this operation asks for, and loses the answer.
    pub(crate) fn lose_answer_to(&self, operation: &'static str) {
        *self.door.lost.lock().unwrap() = Some(operation);
    }

    /// Makes a product's stock something that is no number.
    pub(crate) async fn damage_stock(&self, product: ProductId) {
        let key = [("product_id", product.to_string())];
        self.damage("Stock", &key, "available").await;
    }

    /// Makes an order's lines something that is no list.
    pub(crate) async fn damage_order(&self, order: &Order) {
        let key = [
            ("user_id", order.user_id().to_string()),
            ("order_id", order.order_id().to_string()),
        ];
        self.damage("Orders", &key, "lines").await;
    }

    /// Makes an attribute of an item a text that makes no sense.
    pub(crate) async fn damage(&self, table: &str, key: &[(&str, String)], attribute: &str) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let key = key.iter().map(|(name, id)| ((*name).to_owned(), text(id)));
        let update = self.door.direct.update_item().table_name(table);
        let update = update
            .set_key(Some(key.collect()))
            .update_expression("SET #attribute = :nonsense")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":nonsense", text("nonsense"));
        update.send().await.expect("the item is damaged");
    }

    /// How often an operation was called.
    pub(crate) fn calls(&self, operation: &str) -> u32 {
        let calls = self.door.calls.lock().unwrap();
        calls.get(operation).copied().unwrap_or(0)
    }

    pub(crate) async fn available(&self, product: ProductId) -> Units {
        let levels = self.stock().levels([product]).await;
        levels.expect("the stock is read")[&product].available
    }

    /// I2: every unit ever stocked is on the shelf or in an order that holds it.
    pub(crate) async fn assert_balanced(&self, product: ProductId, sold_elsewhere: Units) {
        let level = self
            .stock()
            .levels([product])
            .await
            .expect("the stock is read")[&product];
        let orders = self.client.scan().table_name("Orders").send().await;
        let mut held = sold_elsewhere;
        for order in orders.expect("the orders are read").items() {
            let status: OrderStatus = order["status"].as_s().unwrap().parse().unwrap();
            let lines = order["lines"]
                .as_l()
                .unwrap()
                .iter()
                .map(|line| line.as_m().unwrap());
            for line in lines.filter(|_| status.holds_stock()) {
                if line["product_id"].as_s().unwrap() == &product.to_string() {
                    held += line["quantity"].as_n().unwrap().parse::<Units>().unwrap();
                }
            }
        }
        assert_eq!(level.supply, level.available + held, "the books balance");
    }
}

/// A new checkout of one user for these products.
pub(crate) fn checkout(lines: &[(ProductId, i64)]) -> Checkout {
    Checkout {
        submitted_at: Timestamp::now(),
        ..fixtures::checkout(lines)
    }
}

/// A new checkout where the products have this name.
pub(crate) fn named_checkout(name: &str, lines: &[(ProductId, i64)]) -> Checkout {
    let mut checkout = checkout(lines);
    let mut lines = Vec::from(checkout.lines);
    for line in &mut lines {
        line.name = name.parse().expect("a product name");
    }
    checkout.lines = lines.try_into().expect("order lines");
    checkout
}

/// What a shopper does who pays.
pub(crate) fn payment() -> Transition {
    Transition::Pay(Payment {
        paid_at: Timestamp::now(),
        ..fixtures::payment("payment-1")
    })
}

/// As it is brought to the desk the first time.
pub(crate) fn first_time(checkouts: &[Checkout]) -> Vec<Submission> {
    submissions(checkouts, false)
}

/// As it is brought to the desk when the queue delivers it again.
pub(crate) fn again(checkouts: &[Checkout]) -> Vec<Submission> {
    submissions(checkouts, true)
}

fn submissions(checkouts: &[Checkout], seen_before: bool) -> Vec<Submission> {
    let submission = |checkout: &Checkout| Submission {
        checkout: checkout.clone(),
        seen_before,
    };
    checkouts.iter().map(submission).collect()
}

fn client(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .build();
    Client::from_conf(config)
}

async fn create_table(client: &Client, table: &str, key: Key, indexes: &[Keyed]) {
    let mut request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema(key)));
    let keys = indexes.iter().map(|(_, key)| *key).chain([key]);
    let attributes: BTreeSet<&str> = keys
        .flat_map(|(partition, sort)| sort.into_iter().chain([partition]))
        .collect();
    for name in attributes {
        let definition = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S);
        request = request.attribute_definitions(definition.build().expect("a definition"));
    }
    for (name, key) in indexes {
        let projected = match *name {
            "by-name" => ProjectionType::All,
            _ => ProjectionType::KeysOnly,
        };
        let projection = Projection::builder().projection_type(projected);
        let index = GlobalSecondaryIndex::builder()
            .index_name(*name)
            .set_key_schema(Some(key_schema(*key)))
            .projection(projection.build());
        request = request.global_secondary_indexes(index.build().expect("an index"));
    }
    request.send().await.expect("the table is created");
}

fn key_schema((partition, sort): Key) -> Vec<KeySchemaElement> {
    let element = |(name, key_type)| {
        let element = KeySchemaElement::builder().attribute_name(name);
        element.key_type(key_type).build().expect("a key")
    };
    [(partition, KeyType::Hash)]
        .into_iter()
        .chain(sort.map(|sort| (sort, KeyType::Range)))
        .map(element)
        .collect()
}

async fn pass(State(door): State<Arc<Door>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().expect("an operation");
    let operation = target.rsplit('.').next().expect("an operation").to_owned();
    *door
        .calls
        .lock()
        .unwrap()
        .entry(operation.clone())
        .or_default() += 1;
    if operation == "BatchGetItem" && !door.answers_read() {
        return std::future::pending().await;
    }
    if operation == "BatchGetItem" && door.does_half() {
        return door.read_half(headers, &body).await;
    }
    let is_lost = door.lost.lock().unwrap().take_if(|lost| operation == *lost);
    if is_lost.is_some() {
        door.forward(&headers, body).await;
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if operation != "TransactWriteItems" {
        return door.forward(&headers, body).await;
    }
    let request: Value = serde_json::from_slice(&body).expect("JSON");
    if door
        .refused
        .lock()
        .unwrap()
        .iter()
        .any(|order| request.to_string().contains(&order.to_string()))
    {
        return fault(
            "ValidationException",
            json!({"message": "one item is not valid"}),
        );
    }
    if let Some(refusal) = door.refuse_move(&request) {
        return refusal;
    }
    let next = door.faults.lock().unwrap().pop_front();
    match next {
        None => door.forward(&headers, body).await,
        Some(Fault::Conflict) => {
            let actions = request["TransactItems"].as_array().expect("actions").len();
            let mut reasons = vec![json!({"Code": "None"}); actions];
            reasons[0] = json!({"Code": "TransactionConflict", "Message": "in conflict"});
            fault(
                "TransactionCanceledException",
                json!({"CancellationReasons": reasons}),
            )
        }
        Some(Fault::Throttle) => fault("ThrottlingException", json!({"message": "slow down"})),
        Some(Fault::Deny) => fault("AccessDeniedException", json!({"message": "not allowed"})),
        Some(Fault::LoseAnswer) => {
            door.forward(&headers, body).await;
            StatusCode::BAD_GATEWAY.into_response()
        }
        Some(Fault::SomebodyPays(order)) => {
            let paid = Orders::new(&door.direct, "Orders")
                .advance(&order, payment())
                .await;
            paid.expect("the order can be paid");
            door.forward(&headers, body).await
        }
        Some(Fault::OthersTake(product, units)) => {
            door.take(product, units).await;
            door.forward(&headers, body).await
        }
    }
}

impl Door {
    fn answers_read(&self) -> bool {
        match &mut *self.reads_left.lock().unwrap() {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    fn does_half(&self) -> bool {
        let mut left = self.half_reads.lock().unwrap();
        let half = *left > 0;
        *left = left.saturating_sub(1);
        half
    }

    /// Reads half of each table's keys, and leaves the others unprocessed, as DynamoDB does when it is asked too much.
    async fn read_half(&self, mut headers: HeaderMap, body: &[u8]) -> Response {
        let mut request: Value = serde_json::from_slice(body).expect("JSON");
        let mut left_over = json!({});
        let tables = request["RequestItems"].as_object_mut().expect("tables");
        for (table, wanted) in tables.iter_mut() {
            let keys = wanted["Keys"].as_array_mut().expect("keys");
            let rest = keys.split_off(keys.len().div_ceil(2));
            if !rest.is_empty() {
                left_over[table] = wanted.clone();
                left_over[table]["Keys"] = rest.into();
            }
        }
        headers.remove(CONTENT_LENGTH);
        let answer = self.forward(&headers, request.to_string().into()).await;
        let answer = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
        let mut answer: Value = serde_json::from_slice(&answer.expect("a body")).expect("JSON");
        answer["UnprocessedKeys"] = left_over;
        answer.to_string().into_response()
    }

    /// The cancellation of a transaction that moves what cannot be moved.
    fn refuse_move(&self, request: &Value) -> Option<Response> {
        let actions = request["TransactItems"].as_array().expect("actions");
        let unmovable = self.unmovable.lock().unwrap();
        let refused = |action: &Value| {
            let product = action["Update"]["Key"]["product_id"]["S"].as_str();
            product.is_some_and(|id| unmovable.iter().any(|product| product.to_string() == id))
        };
        if !actions.iter().any(refused) {
            return None;
        }
        let reason = |action| match refused(action) {
            true => json!({"Code": "ValidationError", "Message": "not a number"}),
            false => json!({"Code": "None"}),
        };
        let reasons: Vec<Value> = actions.iter().map(reason).collect();
        Some(fault(
            "TransactionCanceledException",
            json!({"CancellationReasons": reasons}),
        ))
    }

    async fn forward(&self, headers: &HeaderMap, body: Bytes) -> Response {
        let answer = self
            .forward
            .post(&self.upstream)
            .headers(headers.clone())
            .body(body)
            .send()
            .await
            .expect("the database answers");
        let status = answer.status();
        let headers = answer.headers().clone();
        (status, headers, answer.bytes().await.expect("a body")).into_response()
    }

    async fn take(&self, product: ProductId, units: Units) {
        use aws_sdk_dynamodb::types::AttributeValue::{N, S};
        self.direct
            .update_item()
            .table_name("Stock")
            .key("product_id", S(product.to_string()))
            .update_expression("SET available = available - :units")
            .expression_attribute_values(":units", N(units.to_string()))
            .send()
            .await
            .expect("others take units");
    }
}

fn fault(code: &str, mut answer: Value) -> Response {
    answer["__type"] = format!("com.amazonaws.dynamodb.v20120810#{code}").into();
    (StatusCode::BAD_REQUEST, answer.to_string()).into_response()
}
