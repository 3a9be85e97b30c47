//! A client of the shop's HTTP API.

use std::time::Duration;

use domain::ProductId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::backend;
use crate::wait::eventually;

/// How long a test waits for a decision that it does not measure. It is long because the machine runs many tests at
/// once.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// The JSON of one line.
pub fn line(product: ProductId, quantity: u32) -> Value {
    json!({ "product_id": product, "quantity": quantity })
}

/// The JSON body with these lines.
pub fn lines(lines: &[(ProductId, u32)]) -> Value {
    let lines: Vec<Value> = lines
        .iter()
        .map(|(id, quantity)| line(*id, *quantity))
        .collect();
    json!({ "lines": lines })
}

/// A user of the shop: a shopper, a merchant, or someone who is not signed in.
#[derive(Debug, Clone)]
pub struct Shopper<'a> {
    http: &'a reqwest::Client,
    api_url: &'a str,
    token: Option<String>,
}

impl<'a> Shopper<'a> {
    pub(crate) fn new(http: &'a reqwest::Client, api_url: &'a str, token: Option<String>) -> Self {
        Shopper {
            http,
            api_url,
            token,
        }
    }

    /// A request with this user's token.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.api_url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let request = request.build().expect("the request can be built");
        let name = format!("{} {}", request.method(), request.url().path());
        let response = self.http.execute(request).await;
        let response = response.unwrap_or_else(|error| {
            panic!("{name} over {}: no answer: {error:?}", backend::name());
        });
        Answer::read(name, response).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn post_nothing(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(body))
            .await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Opens a cart. Returns its id.
    pub async fn cart(&self, goods: &[(ProductId, u32)]) -> String {
        let cart = self.post("/carts", &lines(goods)).await.expect(201);
        cart.text_of("cart_id").to_owned()
    }

    /// Buys with one click. Returns the order's id.
    pub async fn buy(&self, goods: &[(ProductId, u32)]) -> String {
        let accepted = self.post("/checkouts", &lines(goods)).await.expect(202);
        accepted.text_of("order_id").to_owned()
    }

    /// Buys with one click.
    ///
    /// # Errors
    /// The answer that says at once that a product is sold out.
    pub async fn try_buy(&self, goods: &[(ProductId, u32)]) -> Result<String, Answer> {
        let answer = self.post("/checkouts", &lines(goods)).await;
        match answer.status {
            409 => Err(answer.expect_problem(409)),
            _ => Ok(answer.expect(202).text_of("order_id").to_owned()),
        }
    }

    /// Orders without the queue. Returns the accepted order.
    pub async fn order(&self, goods: &[(ProductId, u32)]) -> Value {
        self.post("/orders", &lines(goods)).await.expect(201).body
    }

    /// Takes a step of an order: `payment`, `cancellation`, `shipment` or `completion`.
    pub async fn step(&self, order: &Value, step: &str, body: &Value) -> Answer {
        let order_id = order["order_id"].as_str().expect("an order has an id");
        self.post(&format!("/orders/{order_id}/{step}"), body).await
    }

    /// Waits until the order has this status. Returns the order.
    pub async fn wait_for_status(&self, order: &Value, status: &str) -> Value {
        let order_id = order["order_id"].as_str().expect("an order has an id");
        let path = format!("/orders/{order_id}");
        eventually(
            &format!("{order_id} to be {status}"),
            WAIT_TIMEOUT,
            || async {
                let order = self.get(&path).await.expect(200).body;
                (order["status"] == status).then_some(order)
            },
        )
        .await
    }

    /// Waits until the order is decided. Returns the order.
    pub async fn wait_for_decision(&self, order_id: &str) -> Value {
        let path = format!("/orders/{order_id}");
        eventually(
            &format!("a decision on {order_id}"),
            WAIT_TIMEOUT,
            || async {
                let order = self.get(&path).await.expect(200).body;
                (order["status"] != "PENDING").then_some(order)
            },
        )
        .await
    }

    /// Buys with one click. Returns the decided order, or the answer that says at once that a product is sold out.
    pub async fn buy_and_wait(&self, goods: &[(ProductId, u32)]) -> Value {
        match self.try_buy(goods).await {
            Ok(order_id) => self.wait_for_decision(&order_id).await,
            Err(refusal) => refusal.body,
        }
    }
}
