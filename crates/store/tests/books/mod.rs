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
    Cart, Checkout, Order, OrderId, OrderStatus, Payment, ProductId, Transition, Units, fixtures,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::{
    BatchSettlement, Carts, Decisions, DirectSettlement, IdempotencyKeys, Orders, ProductNames,
    Products, ReleaseSettlement, Stock, Submission,
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
    /// The answer is that the service failed, and it is committed when the test lets it land.
    LandLate,
    /// Others buy units of a product just before.
    OthersTake(ProductId, Units),
    /// Its shopper pays for an order just before.
    SomebodyPays(Box<Order>),
}

/// What happens to one `BatchExecuteStatement` at the door: orders are being entered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EnteringFault {
    /// Every other statement is throttled, the others are done.
    ThrottleHalf,
    /// All statements are throttled.
    Throttle,
    /// They are done, but the answer never arrives.
    LoseAnswer,
    /// Nothing is done, and no answer arrives: the function is ended while it waits.
    Silence,
}

/// How long an order may wait for payment.
pub(crate) const PAYMENT_WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// A table's or an index's partition key, and its sort key if it has one.
type Key = (&'static str, Option<&'static str>);

/// A name and a key: a table's or an index's.
type Keyed = (&'static str, Key);

/// Every table, and its sparse indexes.
const TABLES: [(&str, Key, &[Keyed]); 8] = [
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
    ("Decisions", ("decision_id", None), &[]),
    ("OpenDecisions", ("decision_id", None), &[]),
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
    entering_faults: Mutex<VecDeque<EnteringFault>>,
    /// Transactions that land late.
    late: Mutex<Vec<(HeaderMap, Bytes)>>,
    /// Whether an open decision can't be closed.
    keep_open: Mutex<bool>,
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
            entering_faults: Mutex::default(),
            late: Mutex::default(),
            keep_open: Mutex::default(),
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

    pub(crate) fn batches(&self) -> BatchSettlement {
        BatchSettlement::new(
            &self.client,
            self.stock(),
            self.carts(),
            self.orders(),
            self.decisions(),
            PAYMENT_WINDOW,
        )
    }

    pub(crate) fn direct(&self) -> DirectSettlement {
        DirectSettlement::new(&self.client, self.stock(), self.orders(), PAYMENT_WINDOW)
    }

    pub(crate) fn releases(&self) -> ReleaseSettlement {
        ReleaseSettlement::new(&self.client, self.stock(), self.orders())
    }

    pub(crate) fn decisions(&self) -> Decisions {
        Decisions::new(&self.client, "Decisions", "OpenDecisions")
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

    /// What goes wrong with the next calls that enter orders, in this order.
    pub(crate) fn next_entering(&self, faults: impl IntoIterator<Item = EnteringFault>) {
        self.door.entering_faults.lock().unwrap().extend(faults);
    }

    /// Lets everything go well again.
    pub(crate) fn forget_faults(&self) {
        self.door.faults.lock().unwrap().clear();
        self.door.entering_faults.lock().unwrap().clear();
    }

    /// Puts more units on the shelf.
    pub(crate) async fn restock(&self, product: ProductId, units: Units) {
        let restocked = self.stock().restock(product, units, None).await;
        restocked.expect("the stock is written");
    }

    /// Lets the transactions land that were held back; gives how many were committed.
    pub(crate) async fn land_late(&self) -> usize {
        let late = std::mem::take(&mut *self.door.late.lock().unwrap());
        let mut committed = 0;
        for (headers, body) in late {
            let answer = self.door.forward(&headers, body).await;
            committed += usize::from(answer.status() == StatusCode::OK);
        }
        committed
    }

    /// Answers no call that closes a decision, or all again.
    pub(crate) fn keep_decisions_open(&self, keep: bool) {
        *self.door.keep_open.lock().unwrap() = keep;
    }

    /// Open decisions.
    pub(crate) async fn open_decisions(&self) -> usize {
        let open = self.decisions().open().await;
        open.expect("the markers are read").len()
    }

    /// Makes every decision look as old as the sweep wants them.
    pub(crate) async fn age_decisions(&self) {
        let long_ago = Timestamp::now() - store::DECISION_GRACE * 2;
        for open in self.decisions().open().await.expect("the markers are read") {
            let update = self.door.direct.update_item().table_name("OpenDecisions");
            let text = |text: String| AttributeValue::S(text);
            update
                .key("decision_id", text(open.decision_id.to_string()))
                .update_expression("SET decided_at = :long_ago")
                .expression_attribute_values(":long_ago", text(long_ago.to_string()))
                .send()
                .await
                .expect("the marker is written");
        }
    }

    /// New checkouts of one unit, each with its submitted cart.
    pub(crate) async fn buyers(&self, count: usize, product: ProductId) -> Vec<Checkout> {
        let mut buyers = Vec::with_capacity(count);
        for _ in 0..count {
            buyers.push(self.submitted(checkout(&[(product, 1)])).await);
        }
        buyers
    }

    /// A checkout with its submitted cart.
    pub(crate) async fn submitted(&self, checkout: Checkout) -> Checkout {
        let cart = Cart::submitted(
            checkout.order_id.into(),
            checkout.user_id.clone(),
            checkout.lines.clone(),
            checkout.submitted_at,
        );
        let created = self.carts().create(&cart).await;
        assert!(created.expect("the cart is written"));
        checkout
    }

    /// The status of a checkout's order, if it is decided.
    pub(crate) async fn status(&self, checkout: &Checkout) -> Option<OrderStatus> {
        let order = self
            .orders()
            .get(&checkout.user_id, checkout.order_id)
            .await;
        order
            .expect("the order is read")
            .map(|order| order.status())
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

    /// I1 and I2: every unit ever stocked is on the shelf, in an order that holds it, or taken by an
    /// open decision for an order that is not entered or came by another decision.
    pub(crate) async fn assert_balanced(&self, product: ProductId, sold_elsewhere: Units) {
        let levels = self.stock().levels([product]).await;
        let level = levels.expect("the stock is read")[&product];
        let orders = self.client.scan().table_name("Orders").send().await;
        let mut held = sold_elsewhere;
        let mut decisions = HashMap::new();
        for order in orders.expect("the orders are read").items() {
            let text = |name: &str| order.get(name).and_then(|value| value.as_s().ok());
            let status: OrderStatus = text("status").unwrap().parse().unwrap();
            decisions.insert(text("order_id").cloned(), text("decision_id").cloned());
            if status.holds_stock() {
                held += order["lines"]
                    .as_l()
                    .unwrap()
                    .iter()
                    .map(|line| line.as_m().unwrap())
                    .filter(|line| line["product_id"].as_s().unwrap() == &product.to_string())
                    .map(|line| line["quantity"].as_n().unwrap().parse::<Units>().unwrap())
                    .sum::<Units>();
            }
        }
        let open = self.decisions().open().await.expect("the markers are read");
        let open = open.into_iter().map(|open| open.decision_id);
        let records = self.decisions().get_many(open).await;
        for record in records.expect("the records are read").into_values() {
            let pending = record.accepted.iter().filter(|order| {
                let by = decisions.get(&Some(order.order_id.to_string()));
                by != Some(&Some(record.decision_id.to_string()))
            });
            let pending: Vec<_> = pending.cloned().collect();
            let checkouts = self.carts().checkouts(&pending).await;
            let checkouts = checkouts.expect("the carts are read");
            let lines = checkouts.iter().flat_map(|checkout| &checkout.lines);
            held += lines
                .filter(|line| line.product_id == product)
                .map(|line| line.quantity.units())
                .sum::<Units>();
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

/// The step of a shopper who pays.
pub(crate) fn payment() -> Transition {
    Transition::Pay(Payment {
        paid_at: Timestamp::now(),
        ..fixtures::payment("payment-1")
    })
}

/// As the queue delivers it the first time.
pub(crate) fn first_time(checkouts: &[Checkout]) -> Vec<Submission> {
    submissions(checkouts, false)
}

/// As the queue delivers it again.
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
    if operation == "BatchExecuteStatement" {
        return door.enter(headers, body).await;
    }
    let closes = operation == "DeleteItem"
        || operation == "TransactWriteItems" && body.windows(8).any(|word| word == b"\"Delete\"");
    if closes && *door.keep_open.lock().unwrap() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
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
        Some(Fault::LandLate) => {
            door.late.lock().unwrap().push((headers, body));
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

    /// Enters orders, or not.
    async fn enter(&self, mut headers: HeaderMap, body: Bytes) -> Response {
        let next = self.entering_faults.lock().unwrap().pop_front();
        let Some(next) = next else {
            return self.forward(&headers, body).await;
        };
        let throttled = json!({"Error": {"Code": "ThrottlingError", "Message": "slow down"}});
        let mut request: Value = serde_json::from_slice(&body).expect("JSON");
        let statements = request["Statements"]
            .as_array()
            .expect("statements")
            .clone();
        match next {
            EnteringFault::Silence => std::future::pending().await,
            EnteringFault::LoseAnswer => {
                self.forward(&headers, body).await;
                StatusCode::BAD_GATEWAY.into_response()
            }
            EnteringFault::Throttle => {
                let responses = vec![throttled; statements.len()];
                json!({ "Responses": responses })
                    .to_string()
                    .into_response()
            }
            EnteringFault::ThrottleHalf => {
                let done: Vec<Value> = statements.iter().step_by(2).cloned().collect();
                request["Statements"] = done.into();
                headers.remove(CONTENT_LENGTH);
                let answer = self.forward(&headers, request.to_string().into()).await;
                let answer = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
                let mut answer: Value =
                    serde_json::from_slice(&answer.expect("a body")).expect("JSON");
                let done = answer["Responses"].as_array().expect("responses").iter();
                let both = done.flat_map(|done| [done.clone(), throttled.clone()]);
                let responses: Vec<Value> = both.take(statements.len()).collect();
                answer["Responses"] = responses.into();
                answer.to_string().into_response()
            }
        }
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
