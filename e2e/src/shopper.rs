//! Somebody who uses the shop over HTTP.

use std::time::Duration;

use domain::ProductId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::shop::Shop;
use crate::side;
use crate::wait::eventually;

/// How long a decision may take in a test that does not measure it: a batch window and then some,
/// on a machine that runs many tests.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A line of a request.
pub fn line(product: ProductId, quantity: u32) -> Value {
    json!({ "product_id": product, "quantity": quantity })
}

/// A request's body of these lines.
pub fn lines(lines: &[(ProductId, u32)]) -> Value {
    let lines: Vec<Value> = lines
        .iter()
        .map(|(id, quantity)| line(*id, *quantity))
        .collect();
    json!({ "lines": lines })
}

/// A client of the shop.
#[derive(Debug, Clone)]
pub struct Shopper<'a> {
    shop: &'a Shop,
    token: Option<String>,
}

impl<'a> Shopper<'a> {
    pub(crate) fn new(shop: &'a Shop, token: Option<String>) -> Self {
        Shopper { shop, token }
    }

    /// A request with this shopper's token, to be completed.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self
            .shop
            .http
            .request(method, format!("{}{path}", self.shop.api_url()));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads the answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let request = request.build().expect("the request can be built");
        let name = format!("{} {}", request.method(), request.url().path());
        let response = self.shop.http.execute(request).await;
        let response = response.unwrap_or_else(|error| {
            panic!("{name} over {}: no answer: {error:?}", side::name());
        });
        Answer::read(name, response).await
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// POST without a body.
    pub async fn post_nothing(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path)).await
    }

    /// PUT with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(body))
            .await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Opens a cart and gives its id.
    pub async fn cart(&self, goods: &[(ProductId, u32)]) -> String {
        let cart = self.post("/carts", &lines(goods)).await.expect(201);
        cart.text_of("cart_id").to_owned()
    }

    /// Buys with one click; gives the order's id.
    pub async fn buy(&self, goods: &[(ProductId, u32)]) -> String {
        let accepted = self.post("/checkouts", &lines(goods)).await.expect(202);
        accepted.text_of("order_id").to_owned()
    }

    /// Buys with one click, or is told at once what is sold out.
    ///
    /// # Errors
    /// The refusal.
    ///
    /// # Panics
    /// When the answer is neither.
    pub async fn try_buy(&self, goods: &[(ProductId, u32)]) -> Result<String, Answer> {
        let answer = self.post("/checkouts", &lines(goods)).await;
        match answer.status {
            409 => Err(answer.expect_problem(409)),
            _ => Ok(answer.expect(202).text_of("order_id").to_owned()),
        }
    }

    /// Orders directly; gives the accepted order.
    pub async fn order(&self, goods: &[(ProductId, u32)]) -> Value {
        self.post("/orders", &lines(goods)).await.expect(201).body
    }

    /// Does something with an order: its `payment`, `cancellation`, `shipment` or `completion`.
    pub async fn step(&self, order: &Value, step: &str, body: &Value) -> Answer {
        let order_id = order["order_id"].as_str().expect("an order has an id");
        self.post(&format!("/orders/{order_id}/{step}"), body).await
    }

    /// The order once it has this status.
    ///
    /// # Panics
    /// When it has not in time.
    pub async fn becomes(&self, order: &Value, status: &str) -> Value {
        let order_id = order["order_id"].as_str().expect("an order has an id");
        let path = format!("/orders/{order_id}");
        eventually(&format!("{order_id} to be {status}"), PATIENCE, || async {
            let order = self.get(&path).await.expect(200).body;
            (order["status"] == status).then_some(order)
        })
        .await
    }

    /// The order once it is decided.
    ///
    /// # Panics
    /// When it is not decided in time.
    pub async fn decided(&self, order_id: &str) -> Value {
        let path = format!("/orders/{order_id}");
        eventually(&format!("a decision on {order_id}"), PATIENCE, || async {
            let order = self.get(&path).await.expect(200).body;
            (order["status"] != "PENDING").then_some(order)
        })
        .await
    }

    /// Buys with one click and waits for what comes of it: the decided order, or the refusal.
    pub async fn find_out(&self, goods: &[(ProductId, u32)]) -> Value {
        match self.try_buy(goods).await {
            Ok(order_id) => self.decided(&order_id).await,
            Err(refusal) => refusal.body,
        }
    }
}
