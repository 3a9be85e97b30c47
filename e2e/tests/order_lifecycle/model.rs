//! Runs random operations, many at once, on a shop, and compares it with a model (a test of linearizability).
//!
//! Operations come in rounds. Those of a round run at once. Afterwards there must be a sequence of them in which the
//! model gives exactly the answers that the shop gave: concurrent operations must look as if they had run one after
//! the other. In the end, stock and orders in the tables must equal the model's.
//!
//! `HEDONIFY_OPERATIONS` sets the number of operations. `HEDONIFY_SEED` repeats the operations of a failed run. They
//! may overlap in another way then, so that a rare failure may need several attempts.

use std::collections::{BTreeMap, HashSet};
use std::env;
use std::time::{Duration, Instant};

use domain::{OrderStatus, ProductId};
use e2e::{Answer, Shop, Shopper, Template, WAIT_TIMEOUT, eventually, lines};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{DECLINED_CARD, GOOD_CARD, SILENT_CARD, card, parcel};

use OrderStatus::{Cancelled, Completed, Expired, Paid, Rejected, Shipping, WaitingPayment};

const OPERATIONS: usize = 2_000;
const MAX_AT_ONCE: usize = 8;
const PRODUCTS: usize = 3;
const SHOPPERS: usize = 4;
const FIRST_SUPPLY: u64 = 20;

/// Operations choose from so many of the newest orders, since most transitions are still possible for these.
const RECENT: usize = 12;

/// How often a cart is submitted at once.
const AT_ONCE: usize = 3;

/// How old the stock may be by which a checkout is refused as sold out.
const STOCK_CACHE_AGE: Duration = Duration::from_secs(1);

/// The number of sequences to try before a round counts as inexplicable.
const MAX_TRIES: usize = 100_000;

// --- The model -------------------------------------------------------------------------------------

/// A request of a user, or an expiry. Orders and products are named by their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Operation {
    /// Orders without the queue, with an idempotency key of its own; repeats the request if it was sent before.
    Buy(usize),
    /// Checks out through the queue, and waits for the decision.
    CheckOut(usize),
    /// The same by a cart that is submitted several times at once, and again while the order is pending and after it was
    /// decided.
    CheckOutAgain(usize),
    Pay(usize, &'static str),
    Ship(usize),
    Complete(usize),
    /// With the version that the merchant expects.
    Reprice(usize, u64),
    Cancel(usize),
    Restock(usize, u64),
    /// The time to pay ends. No user requests it.
    Expire(usize),
}

use Operation::{
    Buy, Cancel, CheckOut, CheckOutAgain, Complete, Expire, Pay, Reprice, Restock, Ship,
};

#[derive(Debug, Clone, PartialEq, Eq)]
struct Order {
    /// Whether it was ordered without the queue, so that the request can be repeated.
    direct: bool,
    lines: Vec<(usize, u64)>,
    status: Option<OrderStatus>,
    was_paid: bool,
}

/// A simple model of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Model {
    available: Vec<u64>,
    supply: Vec<u64>,
    versions: Vec<u64>,
    orders: Vec<Order>,
    /// The units that may be held twice for a moment in this round: for orders that were submitted again.
    held_twice: Vec<u64>,
}

/// The HTTP status of an answer, and the status of the order in it.
type Outcome = (u16, Option<OrderStatus>);

impl Model {
    /// Applies an operation, and returns the answer that the shop must give.
    fn apply(&mut self, operation: &Operation) -> Outcome {
        match *operation {
            Buy(order) => match self.decide(order) {
                Rejected => (409, None),
                status => (201, Some(status)),
            },
            CheckOut(order) | CheckOutAgain(order) => (202, Some(self.decide(order))),
            Pay(order, number) => match (self.orders[order].status, number) {
                (Some(WaitingPayment), GOOD_CARD) => self.set_status(order, Paid),
                (Some(WaitingPayment), SILENT_CARD) => (504, None),
                (Some(WaitingPayment), _) => (402, None),
                (Some(Paid | Shipping | Completed), _) => (200, self.orders[order].status),
                _ => (409, None),
            },
            Cancel(order) => match self.orders[order].status {
                Some(WaitingPayment | Paid) => self.release(order, Cancelled),
                Some(Cancelled) => (200, Some(Cancelled)),
                _ => (409, None),
            },
            Ship(order) | Complete(order) if !self.orders[order].was_paid => (404, None),
            Ship(order) => match self.orders[order].status {
                Some(Paid) => self.set_status(order, Shipping),
                Some(Shipping | Completed) => (200, self.orders[order].status),
                _ => (409, None),
            },
            Complete(order) => match self.orders[order].status {
                Some(Shipping | Completed) => self.set_status(order, Completed),
                _ => (409, None),
            },
            Expire(order) => match self.orders[order].status {
                Some(WaitingPayment) => self.release(order, Expired),
                _ => (409, None),
            },
            Restock(product, units) => {
                self.available[product] += units;
                self.supply[product] += units;
                (200, None)
            }
            Reprice(product, version) if version != self.versions[product] => (412, None),
            Reprice(product, _) => {
                self.versions[product] += 1;
                (200, None)
            }
        }
    }

    /// The model after an operation that got this answer, if it may get it.
    ///
    /// Two batches may accept an order that was submitted twice, and one of them returns its units a moment later. Another
    /// order may be rejected for these meanwhile (docs/architecture.md).
    fn after(&self, operation: &Operation, outcome: &Outcome) -> Option<Model> {
        let mut next = self.clone();
        if next.apply(operation) == *outcome {
            return Some(next);
        }
        let order = match (operation, outcome) {
            (Buy(order), (409, None)) => *order,
            (CheckOut(order) | CheckOutAgain(order), (202, Some(Rejected))) => *order,
            _ => return None,
        };
        let Order { lines, status, .. } = &self.orders[order];
        let is_short = |(product, units): &(usize, u64)| {
            self.available[*product] < units + self.held_twice[*product]
        };
        if status.is_some() || !lines.iter().any(is_short) {
            return None;
        }
        let mut next = self.clone();
        next.orders[order].status = Some(Rejected);
        Some(next)
    }

    fn decide(&mut self, order: usize) -> OrderStatus {
        let Order { lines, status, .. } = &mut self.orders[order];
        let fits = lines
            .iter()
            .all(|(product, units)| self.available[*product] >= *units);
        if status.is_none() && fits {
            lines
                .iter()
                .for_each(|(product, units)| self.available[*product] -= units);
        }
        *status.get_or_insert(if fits { WaitingPayment } else { Rejected })
    }

    fn set_status(&mut self, order: usize, status: OrderStatus) -> Outcome {
        self.orders[order].status = Some(status);
        self.orders[order].was_paid |= status == Paid;
        (200, Some(status))
    }

    fn release(&mut self, order: usize, status: OrderStatus) -> Outcome {
        for (product, units) in self.orders[order].lines.clone() {
            self.available[product] += units;
        }
        self.set_status(order, status)
    }
}

// --- Finding a sequence that explains the answers ---------------------------------------------------

/// The model after a sequence of these operations in which it gives these answers, if there is one.
///
/// The state of the model depends only on the set of operations and their answers, not on their sequence. So no set is
/// searched twice. An operation that fits and changes nothing can be taken first without loss.
fn explain(
    model: &Model,
    open: &[(Operation, Outcome)],
    searched: &mut HashSet<Vec<Operation>>,
) -> Option<Model> {
    let set = open.iter().map(|(operation, _)| operation.clone());
    if open.is_empty() {
        return Some(model.clone());
    }
    if searched.len() >= MAX_TRIES || !searched.insert(set.collect()) {
        return None;
    }
    let fitting = open
        .iter()
        .enumerate()
        .filter_map(|(place, (operation, outcome))| {
            let next = model.after(operation, outcome)?;
            Some((place, next))
        });
    let fitting: Vec<(usize, Model)> = fitting.collect();
    let idle = fitting.iter().find(|(_, next)| next == model);
    let ways = idle.map_or(fitting.as_slice(), std::slice::from_ref);
    ways.iter().find_map(|(place, next)| {
        let mut rest = open.to_vec();
        rest.remove(*place);
        explain(next, &rest, searched)
    })
}

/// The order in which operations are tried: first those that take units, last those that return units. It explains most
/// rounds at the first attempt.
fn rank(operation: &Operation) -> u8 {
    match operation {
        Buy(_) | CheckOut(_) | CheckOutAgain(_) => 0,
        Pay(..) | Ship(_) | Complete(_) | Reprice(..) => 1,
        Cancel(_) | Restock(..) | Expire(_) => 2,
    }
}

// --- The shop --------------------------------------------------------------------------------------

/// The running shop with its users, products and orders.
struct TestShop<'a> {
    shop: &'a Shop,
    shoppers: Vec<Shopper<'a>>,
    merchant: Shopper<'a>,
    products: Vec<ProductId>,
    /// The ids of orders by their numbers. A checkout that was refused as sold out has none.
    ids: Vec<Option<String>>,
}

impl<'a> TestShop<'a> {
    async fn new(shop: &'a Shop) -> TestShop<'a> {
        let mut products = Vec::new();
        for number in 0..PRODUCTS {
            products.push(
                shop.stocked(&format!("Product {number}"), "1.00", FIRST_SUPPLY)
                    .await,
            );
        }
        let names = (0..SHOPPERS).map(user);
        let names: Vec<String> = names.collect();
        TestShop {
            shop,
            shoppers: join_all(names.iter().map(|name| shop.shopper(name))).await,
            merchant: shop.merchant("merchant").await,
            products,
            ids: Vec::new(),
        }
    }

    fn shopper(&self, order: usize) -> &Shopper<'a> {
        &self.shoppers[order % SHOPPERS]
    }

    /// Performs an operation. Returns the outcome and, for a new order, its id.
    async fn perform(&self, operation: &Operation, model: &Model) -> (Outcome, Option<String>) {
        match *operation {
            Buy(order) => {
                let request = self.shopper(order).request(Method::POST, "/orders");
                let request = request.header("Idempotency-Key", format!("order {order}"));
                let request = request.json(&self.goods(&model.orders[order]));
                let answer = self.shopper(order).send(request).await;
                let instance = answer.body["instance"].as_str();
                let path = answer.header("location").or(instance);
                let id = path.and_then(|path| path.strip_prefix("/orders/"));
                (outcome(&answer), id.map(str::to_owned))
            }
            CheckOut(order) => {
                let goods = self.goods(&model.orders[order]);
                let answer = self.shopper(order).post("/checkouts", &goods).await;
                if answer.status == 409 {
                    return ((409, None), None);
                }
                let id = answer.expect(202).text_of("order_id").to_owned();
                let status = decision(&self.shopper(order).wait_for_decision(&id).await);
                ((202, Some(status)), Some(id))
            }
            CheckOutAgain(order) => self.submit_again_and_again(order, model).await,
            Pay(order, number) => {
                self.step(self.shopper(order), order, "payment", card(number))
                    .await
            }
            Cancel(order) => {
                self.step(self.shopper(order), order, "cancellation", json!({}))
                    .await
            }
            Ship(order) => {
                let parcel = parcel(&order.to_string());
                self.step(&self.merchant, order, "shipment", parcel).await
            }
            Complete(order) => {
                self.step(&self.merchant, order, "completion", json!({}))
                    .await
            }
            Restock(product, units) => {
                let path = format!("/products/{}/stock", self.products[product]);
                let answer = self
                    .merchant
                    .post(&path, &json!({ "quantity": units }))
                    .await;
                ((answer.status, None), None)
            }
            Reprice(product, version) => {
                let path = format!("/products/{}", self.products[product]);
                let request = self.merchant.request(Method::PATCH, &path);
                let request = request.header("If-Match", format!("\"{version}\""));
                let price = json!({ "price": format!("{}.00", version + 1) });
                let answer = self.merchant.send(request.json(&price)).await;
                ((answer.status, None), None)
            }
            Expire(_) => unreachable!("it is no request"),
        }
    }

    /// Submits a cart several times at once, and again after each reading of its order until that is decided.
    async fn submit_again_and_again(
        &self,
        order: usize,
        model: &Model,
    ) -> (Outcome, Option<String>) {
        let shopper = self.shopper(order);
        let goods = self.goods(&model.orders[order]);
        let cart = shopper.post("/carts", &goods).await.expect(201);
        let id = cart.text_of("cart_id").to_owned();
        let checkout = format!("/carts/{id}/checkout");
        let at_once = join_all((0..AT_ONCE).map(|_| shopper.post_nothing(&checkout))).await;
        // Refused by cached stock, which may be older in one process than in another.
        if at_once.iter().all(|answer| answer.status == 409) {
            return ((409, None), None);
        }
        let path = format!("/orders/{id}");
        let decided = eventually(&format!("a decision on {id}"), WAIT_TIMEOUT, || async {
            let order = shopper.get(&path).await.expect(200).body;
            let again = shopper.post_nothing(&checkout).await.expect(202);
            assert_eq!(again.text_of("order_id"), id);
            (order["status"] != "PENDING").then_some(order)
        })
        .await;
        let later = shopper.get(&path).await.expect(200).body;
        assert_eq!(later["decided_at"], decided["decided_at"], "{later}");
        assert_eq!(decision(&later), decision(&decided), "{later}");
        ((202, Some(decision(&decided))), Some(id))
    }

    async fn step(
        &self,
        user: &Shopper<'_>,
        order: usize,
        step: &str,
        body: Value,
    ) -> (Outcome, Option<String>) {
        let id = self.id(order);
        let answer = user.post(&format!("/orders/{id}/{step}"), &body).await;
        (outcome(&answer), None)
    }

    fn goods(&self, order: &Order) -> Value {
        let line = |(product, units): &(usize, u64)| {
            (
                self.products[*product],
                u32::try_from(*units).expect("a few units"),
            )
        };
        lines(&order.lines.iter().map(line).collect::<Vec<_>>())
    }

    /// The orders among these that have expired.
    async fn expired(&self, orders: impl Iterator<Item = usize>) -> Vec<usize> {
        let waiting: Vec<usize> = orders.filter(|order| self.ids[*order].is_some()).collect();
        let keys = waiting
            .iter()
            .map(|order| (user(*order), self.id(*order).to_owned()));
        let statuses = self.shop.statuses(keys.collect()).await;
        let has_expired = |order: &usize| statuses.get(self.id(*order)) == Some(&Expired);
        waiting.into_iter().filter(has_expired).collect()
    }

    fn id(&self, order: usize) -> &str {
        self.ids[order].as_deref().expect("the order has an id")
    }
}

fn user(order: usize) -> String {
    format!("shopper-{}", order % SHOPPERS)
}

fn outcome(answer: &Answer) -> Outcome {
    match answer.status {
        200..300 => (answer.status, status(&answer.body)),
        status => (status, None),
    }
}

fn status(order: &Value) -> Option<OrderStatus> {
    order["status"].as_str()?.parse().ok()
}

/// What was decided on an order that nobody has paid or cancelled. It may have expired meanwhile.
fn decision(order: &Value) -> OrderStatus {
    match status(order) {
        Some(Rejected) => Rejected,
        _ => WaitingPayment,
    }
}

// --- The run ---------------------------------------------------------------------------------------

struct Run<'a> {
    dice: fastrand::Rng,
    model: Model,
    test_shop: TestShop<'a>,
    /// The last time at which each product may have been sold out.
    sold_out: [Option<Instant>; PRODUCTS],
}

impl Run<'_> {
    /// Chooses operations to run at once: in some rounds mostly checkouts through the queue, which take longer than the
    /// others.
    fn round(&mut self) -> Vec<Operation> {
        let queued = self.dice.u8(..) < 40;
        let count = self.dice.usize(1..=MAX_AT_ONCE);
        let mut round = Vec::new();
        while round.len() < count {
            let operation = match queued {
                true => match self.dice.u8(..4) {
                    0 => self.operation(),
                    1 => Some(CheckOutAgain(self.new_order(false))),
                    _ => Some(CheckOut(self.new_order(false))),
                },
                false => self.operation(),
            };
            round.extend(operation);
        }
        round
    }

    fn operation(&mut self) -> Option<Operation> {
        let product = self.dice.usize(..PRODUCTS);
        let order = self.recent_order();
        let known = order.filter(|order| self.test_shop.ids[*order].is_some());
        Some(match self.dice.u8(..100) {
            0..30 => Buy(self.new_order(true)),
            30..34 => Buy(order.filter(|order| self.model.orders[*order].direct)?),
            34..54 => Pay(known?, GOOD_CARD),
            54..57 => Pay(known?, DECLINED_CARD),
            57..60 => Pay(known?, SILENT_CARD),
            60..73 => Cancel(known?),
            73..85 => Ship(known?),
            85..92 => Complete(known?),
            92..96 => Restock(product, self.dice.u64(1..=8)),
            _ => Reprice(
                product,
                self.model.versions[product].saturating_sub(self.dice.u64(..2)),
            ),
        })
    }

    fn new_order(&mut self, direct: bool) -> usize {
        let first = self.dice.usize(..PRODUCTS);
        let mut lines = vec![(first, self.dice.u64(1..=3))];
        if self.dice.bool() {
            lines.push(((first + 1) % PRODUCTS, self.dice.u64(1..=3)));
        }
        self.model.orders.push(Order {
            direct,
            lines,
            status: None,
            was_paid: false,
        });
        self.test_shop.ids.push(None);
        self.model.orders.len() - 1
    }

    fn recent_order(&mut self) -> Option<usize> {
        let count = self.model.orders.len();
        let back = self.dice.usize(..RECENT.min(count).max(1));
        count.checked_sub(1 + back)
    }

    async fn perform(&mut self, round: Vec<Operation>) {
        let (test_shop, model) = (&self.test_shop, &self.model);
        let begun = Instant::now();
        let done = join_all(
            round
                .iter()
                .map(|operation| test_shop.perform(operation, model)),
        )
        .await;
        let mut observed: Vec<(Operation, Outcome)> = Vec::new();
        let mut refused = Vec::new();
        for (operation, (outcome, id)) in round.into_iter().zip(done) {
            if let Buy(order) | CheckOut(order) | CheckOutAgain(order) = operation {
                self.test_shop.ids[order] = id;
            }
            match operation {
                // It was refused by cached stock, so nothing has changed.
                CheckOut(order) | CheckOutAgain(order) if outcome.0 == 409 => refused.push(order),
                _ => observed.push((operation, outcome)),
            }
        }
        self.model.held_twice = self.submitted_again(&observed);
        self.record_sold_out(&observed);
        for order in refused {
            self.assert_may_be_sold_out(order, begun);
        }
        let may_expire = |order: &Order| matches!(order.status, None | Some(WaitingPayment));
        let orders = self.model.orders.iter().enumerate();
        let waiting = orders
            .filter(|(_, order)| may_expire(order))
            .map(|(number, _)| number);
        for order in self.test_shop.expired(waiting).await {
            observed.push((Expire(order), (200, Some(Expired))));
        }
        observed.sort_by_key(|(operation, _)| rank(operation));
        let explained = explain(&self.model, &observed, &mut HashSet::new());
        self.model = explained.unwrap_or_else(|| {
            let about = |(operation, _): &(Operation, Outcome)| match operation {
                Restock(..) | Reprice(..) => None,
                Buy(order)
                | CheckOut(order)
                | CheckOutAgain(order)
                | Pay(order, _)
                | Ship(order)
                | Complete(order)
                | Cancel(order)
                | Expire(order) => Some((
                    *order,
                    self.test_shop.ids[*order].clone(),
                    self.model.orders[*order].clone(),
                )),
            };
            let orders: Vec<_> = observed.iter().filter_map(about).collect();
            panic!(
                "no sequence of these explains the answers:\n{observed:#?}\nwith {:?} available, and \
                 before that the orders were {orders:#?}",
                self.model.available
            )
        });
    }

    /// The units of the orders that were submitted again in this round.
    fn submitted_again(&self, observed: &[(Operation, Outcome)]) -> Vec<u64> {
        let mut units = vec![0; PRODUCTS];
        for (operation, _) in observed {
            if let CheckOutAgain(order) = operation {
                for (product, more) in &self.model.orders[*order].lines {
                    units[*product] += more;
                }
            }
        }
        units
    }

    /// Records the products that may have been sold out in this round: those of which it took all units.
    fn record_sold_out(&mut self, observed: &[(Operation, Outcome)]) {
        let available = self.model.available.iter().zip(&self.model.held_twice);
        let mut left: Vec<u64> = available
            .map(|(all, held)| all.saturating_sub(*held))
            .collect();
        for (operation, outcome) in observed {
            let decided = (operation, outcome.1);
            if let (Buy(order) | CheckOut(order) | CheckOutAgain(order), Some(WaitingPayment)) =
                decided
            {
                for (product, units) in &self.model.orders[*order].lines {
                    left[*product] = left[*product].saturating_sub(*units);
                }
            }
        }
        for (left, sold_out) in left.iter().zip(&mut self.sold_out) {
            if *left == 0 {
                *sold_out = Some(Instant::now());
            }
        }
    }

    /// Asserts that a product of a refused order may have been sold out. The round began at `begun`.
    fn assert_may_be_sold_out(&self, order: usize, begun: Instant) {
        let lines = &self.model.orders[order].lines;
        let was_sold_out = |(product, _): &(usize, u64)| {
            self.sold_out[*product].is_some_and(|at| at + STOCK_CACHE_AGE >= begun)
        };
        assert!(
            lines.iter().any(was_sold_out),
            "order {order} of {lines:?} was refused as sold out, with {:?} available before",
            self.model.available
        );
    }

    /// Waits until all unpaid orders have expired, and compares the tables with the model.
    ///
    /// The sweep runs as it does once a minute: on a busy machine a message about an expiry may not be sent in time.
    async fn compare(&mut self) {
        eventually("all unpaid orders to expire", WAIT_TIMEOUT, || async {
            let shop = self.test_shop.shop;
            shop.invoke("expire-orders", &json!({})).await;
            let books = shop.books().await;
            (books.count(WaitingPayment) == 0).then_some(())
        })
        .await;
        self.perform(Vec::new()).await;
        let books = self.test_shop.shop.closed_books().await;
        books.assert_balanced();
        for (number, product) in self.test_shop.products.iter().enumerate() {
            let stock = books.stock[&product.to_string()];
            let found = (stock.available, stock.supply);
            let expected = (self.model.available[number], self.model.supply[number]);
            assert_eq!(
                found,
                (expected.0 as i64, expected.1 as i64),
                "product {number}"
            );
        }
        let mut orders: BTreeMap<_, _> = books
            .orders
            .iter()
            .map(|order| (order.order_id.as_str(), order))
            .collect();
        for (number, expected) in self.model.orders.iter().enumerate() {
            let Some(id) = &self.test_shop.ids[number] else {
                assert_eq!(expected.status, None, "order {number}");
                continue;
            };
            let there = orders
                .remove(id.as_str())
                .expect("the order is in the books");
            assert_eq!(Some(there.status), expected.status, "order {number}, {id}");
            let line = |(product, units): &(usize, u64)| {
                (self.test_shop.products[*product].to_string(), *units as i64)
            };
            let mut lines: Vec<_> = expected.lines.iter().map(line).collect();
            lines.sort();
            let mut there = there.lines.clone();
            there.sort();
            assert_eq!(there, lines, "order {number} holds all of its lines");
        }
        assert!(orders.is_empty(), "unknown orders: {orders:?}");
    }
}

fn variable<T: std::str::FromStr>(name: &str) -> Option<T> {
    let value = env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {value}")),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_operations_look_as_if_they_had_run_one_after_the_other() {
    let operations = variable("HEDONIFY_OPERATIONS").unwrap_or(OPERATIONS);
    run_operations(Template::default(), operations).await;
}

/// The same with transactions that cancel each other as on AWS. It has fewer operations because each takes longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_they_do_when_transactions_conflict() {
    let operations = variable("HEDONIFY_OPERATIONS").unwrap_or(OPERATIONS) / 4;
    run_operations(Template::default().realistic(), operations).await;
}

async fn run_operations(template: Template, operations: usize) {
    let seed = variable("HEDONIFY_SEED").unwrap_or_else(|| fastrand::u64(..));
    // Shown when the test fails.
    println!("HEDONIFY_SEED={seed} repeats these {operations} operations");
    let shop = Shop::open_with(&template.parameter("PaymentWindowSeconds", 2)).await;
    let mut run = Run {
        dice: fastrand::Rng::with_seed(seed),
        model: Model {
            available: vec![FIRST_SUPPLY; PRODUCTS],
            supply: vec![FIRST_SUPPLY; PRODUCTS],
            versions: vec![1; PRODUCTS],
            orders: Vec::new(),
            held_twice: vec![0; PRODUCTS],
        },
        test_shop: TestShop::new(&shop).await,
        sold_out: [None; PRODUCTS],
    };
    let first = run.new_order(false);
    run.perform(vec![CheckOut(first)]).await;
    assert!(
        run.test_shop.ids[first].is_some(),
        "a checkout on full shelves was refused"
    );
    let mut done = 1;
    while done < operations {
        let round = run.round();
        done += round.len();
        run.perform(round).await;
    }
    run.compare().await;
}
