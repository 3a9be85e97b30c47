//! openapi.yaml is correct: each documented status occurs, and each answer has the documented headers and schema.

use std::collections::BTreeSet;
use std::fs;

use e2e::{Answer, Shop, Shopper, Template, line, lines};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

const OPENAPI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.yaml");
const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");

/// Documented answers that no test can cause, and the reason.
const UNREACHABLE: [(&str, &str, &str); 5] = [
    (
        "POST /carts/{cart_id}/checkout",
        "503",
        "needs a queue or table that is overloaded",
    ),
    (
        "POST /checkouts",
        "503",
        "needs a queue or table that is overloaded",
    ),
    ("POST /orders", "503", "needs a table that is overloaded"),
    (
        "POST /orders/{order_id}/cancellation",
        "504",
        "needs a provider that is silent, and the simulator always gives back",
    ),
    (
        "POST /orders/{order_id}/shipment",
        "504",
        "needs a provider that is silent, and the simulator always captures",
    ),
];

/// The documented API, and the statuses that occurred.
pub(crate) struct Contract {
    document: Value,
    seen: BTreeSet<(String, String)>,
}

impl Contract {
    pub(crate) fn read() -> Contract {
        let text = fs::read_to_string(OPENAPI).expect("openapi.yaml is readable");
        let document = serde_yaml_ng::from_str(&text).expect("openapi.yaml is YAML");
        Contract {
            document,
            seen: BTreeSet::new(),
        }
    }

    /// The value itself, or the target of its `$ref`.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                let pointer = reference.trim_start_matches('#');
                let target = self.document.pointer(pointer);
                self.resolve(target.unwrap_or_else(|| panic!("{reference} leads nowhere")))
            }
            None => value,
        }
    }

    /// Each operation, such as `GET /orders`, with its documentation.
    pub(crate) fn operations(&self) -> Vec<(String, &Value)> {
        let paths = self.document["paths"].as_object().expect("there are paths");
        let methods = ["get", "post", "put", "patch", "delete"];
        paths
            .iter()
            .flat_map(|(path, item)| methods.map(|method| (method, path, &item[method])))
            .filter(|(_, _, operation)| operation.is_object())
            .map(|(method, path, operation)| {
                (format!("{} {path}", method.to_uppercase()), operation)
            })
            .collect()
    }

    /// Asserts the status, and that the answer is as documented.
    #[track_caller]
    fn check(&mut self, operation: &str, status: u16, answer: Answer) -> Answer {
        let answer = answer.expect(status);
        let operations = self.operations();
        let found = operations.iter().find(|(name, _)| name == operation);
        let (_, documented) = found.unwrap_or_else(|| panic!("{operation} is not documented"));
        let response = self.resolve(&documented["responses"][status.to_string()]);
        assert!(
            response.is_object(),
            "{operation} documents no {status}: {answer}"
        );

        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let header = self.resolve(header);
            match answer.header(name) {
                Some(text) => self.validate(
                    &header["schema"],
                    &json_value(text),
                    &format!("{name} of {answer}"),
                ),
                None => assert!(header["required"] != true, "no {name}: {answer}"),
            }
        }
        let content_type = answer.header("content-type").unwrap_or_default();
        let schema = &response["content"][content_type]["schema"];
        assert!(
            schema.is_object(),
            "{content_type} is not documented: {answer}"
        );
        self.validate(schema, &answer.body, &answer.to_string());
        self.seen.insert((operation.to_owned(), status.to_string()));
        answer
    }

    #[track_caller]
    fn validate(&self, schema: &Value, value: &Value, what: &str) {
        let schema = json!({ "components": self.document["components"], "allOf": [schema] });
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .expect("the schema is one");
        let wrong: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{} {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?} in {what}");
    }

    /// Asserts that every documented status occurred, except for the unreachable ones.
    fn assert_all_seen(&self) {
        let unreachable: BTreeSet<(String, String)> = UNREACHABLE
            .iter()
            .map(|(operation, status, _)| ((*operation).to_owned(), (*status).to_owned()))
            .collect();
        let documented: BTreeSet<(String, String)> = self
            .operations()
            .into_iter()
            .flat_map(|(name, operation)| {
                let statuses = operation["responses"]
                    .as_object()
                    .expect("it has responses");
                let statuses = statuses.keys().filter(|status| *status != "default");
                statuses
                    .map(|status| (name.clone(), status.clone()))
                    .collect::<Vec<_>>()
            })
            .collect();
        let expected: BTreeSet<_> = documented.difference(&unreachable).cloned().collect();
        let never: Vec<_> = expected.difference(&self.seen).collect();
        assert!(never.is_empty(), "documented and never seen: {never:#?}");
        let stale: Vec<_> = unreachable.difference(&documented).collect();
        assert!(stale.is_empty(), "not documented any more: {stale:#?}");
    }
}

/// A header's value as JSON: a number if it is one.
fn json_value(text: &str) -> Value {
    text.parse::<u64>()
        .map_or_else(|_| json!(text), |number| json!(number))
}

#[test]
fn every_route_of_the_template_is_documented_and_no_other() {
    let text = fs::read_to_string(TEMPLATE).expect("template.yaml is readable");
    let template: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).expect("is YAML");
    let mut routes = BTreeSet::new();
    collect_routes(&template, &mut routes);
    let contract = Contract::read();
    let documented = contract
        .operations()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(routes, documented);
}

/// Collects the routes of all HTTP API events: of every mapping with a method and a path.
fn collect_routes(value: &serde_yaml_ng::Value, routes: &mut BTreeSet<String>) {
    if let (Some(method), Some(path)) = (
        value.get("Method").and_then(serde_yaml_ng::Value::as_str),
        value.get("Path").and_then(serde_yaml_ng::Value::as_str),
    ) {
        routes.insert(format!("{method} {path}"));
    }
    match value {
        serde_yaml_ng::Value::Mapping(entries) => {
            entries
                .values()
                .for_each(|entry| collect_routes(entry, routes));
        }
        serde_yaml_ng::Value::Sequence(entries) => {
            entries
                .iter()
                .for_each(|entry| collect_routes(entry, routes));
        }
        _ => {}
    }
}

#[test]
fn every_example_is_what_its_schema_says() {
    let contract = Contract::read();
    let mut examples = 0;
    let responses = contract.document["components"]["responses"].as_object();
    let mut contents: Vec<&Value> = responses
        .into_iter()
        .flat_map(|responses| responses.values().map(|response| &response["content"]))
        .collect();
    for (_, operation) in contract.operations() {
        contents.push(&operation["requestBody"]["content"]);
        let responses = operation["responses"]
            .as_object()
            .expect("it has responses");
        contents.extend(responses.values().map(|response| &response["content"]));
    }
    for media in contents
        .into_iter()
        .flat_map(Value::as_object)
        .flat_map(|content| content.values())
    {
        let named = media["examples"].as_object().into_iter().flatten();
        let values = named.map(|(_, example)| &example["value"]);
        for example in values.chain(media.get("example")) {
            contract.validate(&media["schema"], example, &example.to_string());
            examples += 1;
        }
    }
    assert!(examples > 0, "there are examples");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_running_shop_answers_as_documented() {
    // The batch window leaves time to see a pending order.
    let shop =
        Shop::open_with(&Template::default().parameter("CheckoutBatchWindowSeconds", 2)).await;
    let mut api = Contract::read();
    products(&shop, &mut api).await;
    carts(&shop, &mut api).await;
    checkouts(&shop, &mut api).await;
    orders(&shop, &mut api).await;
    direct_orders(&shop, &mut api).await;
    steps(&shop, &mut api).await;
    merchants(&shop, &mut api).await;
    expiry(&mut api).await;
    api.assert_all_seen();
}

const NEVER: &str = "01934f2b-1d5e-7c40-8a4e-3f2b9d6c7e10";

async fn products(shop: &Shop, api: &mut Contract) {
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    shop.stocked("Clock", "24.50", 0).await;
    let anonymous = shop.anonymous();
    api.check(
        "GET /products",
        200,
        anonymous.get("/products?limit=1").await,
    );
    api.check("GET /products", 200, anonymous.get("/products").await);
    api.check(
        "GET /products",
        400,
        anonymous.get("/products?limit=0").await,
    );
    api.check(
        "GET /products",
        400,
        anonymous.get("/products?cursor=x").await,
    );
    let one = "GET /products/{product_id}";
    api.check(one, 200, anonymous.get(&format!("/products/{lamp}")).await);
    api.check(one, 404, anonymous.get(&format!("/products/{NEVER}")).await);
}

/// Checks the errors that all routes with a body have.
async fn check_body_errors(
    shop: &Shop,
    api: &mut Contract,
    user: &Shopper<'_>,
    operation: &str,
    path: &str,
) {
    let (method, _) = operation.split_once(' ').expect("it has a method");
    let method: Method = method.parse().expect("is a method");
    let send = |content_type: &'static str, body: String| {
        let request = user
            .request(method.clone(), path)
            .header(CONTENT_TYPE, content_type);
        user.send(request.body(body))
    };
    let padded = format!("{{}}{}", " ".repeat(70_000));
    api.check(
        operation,
        400,
        send("application/json", "{".to_owned()).await,
    );
    api.check(operation, 413, send("application/json", padded).await);
    api.check(operation, 415, send("text/plain", "{}".to_owned()).await);
    api.check(
        operation,
        422,
        send("application/json", r#"{"x": 1}"#.to_owned()).await,
    );
    let anonymous = shop.anonymous();
    let request = anonymous.request(method, path).json(&json!({}));
    api.check(operation, 401, anonymous.send(request).await);
}

async fn carts(shop: &Shop, api: &mut Contract) {
    let tea = shop.stocked("Tea", "4.20", 100).await;
    let gone = shop.stocked("Gone", "1.00", 100).await;
    let ada = shop.shopper("ada").await;
    let open = "POST /carts";
    api.check(open, 201, ada.post("/carts", &json!({})).await);
    let cart = api.check(
        open,
        201,
        ada.post("/carts", &lines(&[(tea, 1), (gone, 1)])).await,
    );
    check_body_errors(shop, api, &ada, open, "/carts").await;
    let cart = format!("/carts/{}", cart.text_of("cart_id"));
    shop.withdraw(gone).await;

    let show = "GET /carts/{cart_id}";
    api.check(show, 200, ada.get(&cart).await);
    api.check(show, 404, ada.get(&format!("/carts/{NEVER}")).await);
    api.check(show, 401, shop.anonymous().get(&cart).await);

    let add = "POST /carts/{cart_id}/items";
    let items = format!("{cart}/items");
    api.check(add, 200, ada.post(&items, &line(tea, 2)).await);
    api.check(
        add,
        404,
        ada.post(&format!("/carts/{NEVER}/items"), &line(tea, 1))
            .await,
    );
    check_body_errors(shop, api, &ada, add, &items).await;

    let set = "PUT /carts/{cart_id}/items/{product_id}";
    let item = format!("{items}/{tea}");
    let two = json!({ "quantity": 2 });
    api.check(set, 200, ada.put(&item, &two).await);
    api.check(set, 404, ada.put(&format!("{items}/{NEVER}"), &two).await);
    check_body_errors(shop, api, &ada, set, &item).await;

    let remove = "DELETE /carts/{cart_id}/items/{product_id}";
    api.check(remove, 200, ada.delete(&format!("{items}/{gone}")).await);
    api.check(
        remove,
        404,
        ada.delete(&format!("/carts/{NEVER}/items/{tea}")).await,
    );
    api.check(remove, 401, shop.anonymous().delete(&item).await);

    let check_out = "POST /carts/{cart_id}/checkout";
    let checkout = format!("{cart}/checkout");
    api.check(check_out, 202, ada.post_nothing(&checkout).await);
    api.check(check_out, 202, ada.post_nothing(&checkout).await);
    api.check(
        check_out,
        401,
        shop.anonymous().post_nothing(&checkout).await,
    );
    api.check(
        check_out,
        404,
        ada.post_nothing(&format!("/carts/{NEVER}/checkout")).await,
    );
    let sold_out = shop.stocked("Sold out", "1.00", 0).await;
    let hopeless = ada.cart(&[(sold_out, 1)]).await;
    let answer = ada
        .post_nothing(&format!("/carts/{hopeless}/checkout"))
        .await;
    api.check(check_out, 409, answer);
    let empty = ada.cart(&[]).await;
    api.check(
        check_out,
        422,
        ada.post_nothing(&format!("/carts/{empty}/checkout")).await,
    );

    api.check(show, 200, ada.get(&cart).await);
    api.check(add, 409, ada.post(&items, &line(tea, 1)).await);
    api.check(set, 409, ada.put(&item, &two).await);
    api.check(remove, 409, ada.delete(&item).await);
}

async fn checkouts(shop: &Shop, api: &mut Contract) {
    let tea = shop.stocked("More tea", "4.20", 100).await;
    let ada = shop.shopper("ada").await;
    let buy = "POST /checkouts";
    api.check(buy, 202, ada.post("/checkouts", &lines(&[(tea, 1)])).await);
    check_body_errors(shop, api, &ada, buy, "/checkouts").await;
    let sold_out = shop.stocked("Sold out too", "1.00", 0).await;
    api.check(
        buy,
        409,
        ada.post("/checkouts", &lines(&[(sold_out, 1)])).await,
    );
    for (quantity, status) in [(1, 202), (1, 202), (2, 422)] {
        let request = ada
            .request(Method::POST, "/checkouts")
            .header("Idempotency-Key", "once");
        let answer = ada.send(request.json(&lines(&[(tea, quantity)]))).await;
        api.check(buy, status, answer);
    }
}

async fn orders(shop: &Shop, api: &mut Contract) {
    let tea = shop.stocked("Even more tea", "4.20", 1).await;
    let ada = shop.shopper("ada").await;
    let show = "GET /orders/{order_id}";
    let lost = ada.buy(&[(tea, 2)]).await;
    let won = ada.buy(&[(tea, 1)]).await;
    let pending = api.check(show, 200, ada.get(&format!("/orders/{won}")).await);
    assert_eq!(pending.body["status"], "PENDING");
    ada.wait_for_decision(&won).await;
    let accepted = api.check(show, 200, ada.get(&format!("/orders/{won}")).await);
    assert_eq!(accepted.body["status"], "WAITING_PAYMENT");
    ada.wait_for_decision(&lost).await;
    let rejected = api.check(show, 200, ada.get(&format!("/orders/{lost}")).await);
    assert_eq!(rejected.body["status"], "REJECTED");
    api.check(show, 404, ada.get(&format!("/orders/{NEVER}")).await);
    api.check(
        show,
        401,
        shop.anonymous().get(&format!("/orders/{won}")).await,
    );

    let list = "GET /orders";
    api.check(list, 200, ada.get("/orders?limit=2").await);
    api.check(list, 200, ada.get("/orders").await);
    api.check(
        list,
        200,
        shop.shopper("somebody new").await.get("/orders").await,
    );
    api.check(list, 400, ada.get("/orders?cursor=x").await);
    api.check(list, 401, shop.anonymous().get("/orders").await);
}

async fn direct_orders(shop: &Shop, api: &mut Contract) {
    let tea = shop.stocked("Tea at once", "4.20", 1).await;
    let ada = shop.shopper("ada").await;
    let create = "POST /orders";
    let one = lines(&[(tea, 1)]);
    api.check(create, 201, ada.post("/orders", &one).await);
    api.check(create, 409, ada.post("/orders", &one).await);
    check_body_errors(shop, api, &ada, create, "/orders").await;
}

const SHOW: &str = "GET /orders/{order_id}";

async fn steps(shop: &Shop, api: &mut Contract) {
    let tea = shop.stocked("Tea to pay", "4.20", 100).await;
    let ada = shop.shopper("ada").await;
    let merchant = shop.merchant("merchant").await;
    let never = json!({ "order_id": NEVER });
    let nothing = json!({});
    let card = |number: &str| json!({ "card_number": number });
    let parcel = json!({ "carrier": "Pigeon Post", "tracking_number": "PP-1" });
    let path = |order: &Value, step: &str| {
        let order_id = order["order_id"].as_str().expect("an order has an id");
        format!("/orders/{order_id}{step}")
    };
    let order = ada.order(&[(tea, 1)]).await;
    let cancelled = ada.order(&[(tea, 1)]).await;
    let refunded = ada.order(&[(tea, 1)]).await;

    let pay = "POST /orders/{order_id}/payment";
    for (number, status) in [
        ("4000 0000 0000 0002", 402),
        ("4000 0000 0000 9995", 402),
        ("4000 0000 0000 0119", 504),
        ("4242 4242 4242 4242", 200),
    ] {
        let answer = ada.step(&order, "payment", &card(number)).await;
        api.check(pay, status, answer);
    }
    let good = card("4242 4242 4242 4242");
    api.check(pay, 404, ada.step(&never, "payment", &good).await);
    check_body_errors(shop, api, &ada, pay, &path(&order, "/payment")).await;
    ada.step(&refunded, "payment", &good).await.expect(200);

    let list = "GET /fulfilment";
    api.check(list, 200, merchant.get("/fulfilment?limit=1").await);
    api.check(list, 400, merchant.get("/fulfilment?limit=0").await);
    api.check(list, 401, shop.anonymous().get("/fulfilment").await);
    api.check(list, 403, ada.get("/fulfilment").await);

    let cancel = "POST /orders/{order_id}/cancellation";
    for order in [&cancelled, &refunded] {
        let answer = ada.step(order, "cancellation", &nothing).await;
        api.check(cancel, 200, answer);
        api.check(SHOW, 200, ada.get(&path(order, "")).await);
    }
    api.check(pay, 409, ada.step(&cancelled, "payment", &good).await);
    api.check(
        cancel,
        404,
        ada.step(&never, "cancellation", &nothing).await,
    );
    let refused = shop
        .anonymous()
        .step(&order, "cancellation", &nothing)
        .await;
    api.check(cancel, 401, refused);

    let ship = "POST /orders/{order_id}/shipment";
    let complete = "POST /orders/{order_id}/completion";
    for (operation, step, body) in [
        (ship, "shipment", &parcel),
        (complete, "completion", &nothing),
    ] {
        let early = merchant.step(&refunded, step, body).await;
        api.check(operation, 409, early);
        api.check(operation, 403, ada.step(&order, step, body).await);
        api.check(operation, 404, merchant.step(&never, step, body).await);
        let refused = shop.anonymous().step(&order, step, body).await;
        api.check(operation, 401, refused);
        api.check(operation, 200, merchant.step(&order, step, body).await);
        api.check(SHOW, 200, ada.get(&path(&order, "")).await);
    }
    check_body_errors(shop, api, &merchant, ship, &path(&order, "/shipment")).await;
    api.check(
        cancel,
        409,
        ada.step(&order, "cancellation", &nothing).await,
    );
}

async fn merchants(shop: &Shop, api: &mut Contract) {
    let ada = shop.shopper("ada").await;
    let mia = shop.merchant("mia").await;
    let max = shop.merchant("max").await;
    let create = "POST /products";
    let new = json!({ "name": "Cup", "description": "For tea.", "price": "7.50" });
    let cup = api.check(create, 201, mia.post("/products", &new).await);
    api.check(create, 409, mia.post("/products", &new).await);
    api.check(create, 403, ada.post("/products", &new).await);
    check_body_errors(shop, api, &mia, create, "/products").await;

    let change = "PATCH /products/{product_id}";
    let path = format!("/products/{}", cup.text_of("product_id"));
    let never = format!("/products/{NEVER}");
    let saucer = json!({ "name": "Saucer", "description": "For cups.", "price": "3.50" });
    mia.post("/products", &saucer).await.expect(201);
    let price = json!({ "price": "8.00" });
    api.check(change, 200, mia.patch(&path, &price).await);
    api.check(change, 403, max.patch(&path, &price).await);
    api.check(change, 404, mia.patch(&never, &price).await);
    let taken = json!({ "name": "Saucer" });
    api.check(change, 409, mia.patch(&path, &taken).await);
    let stale = mia
        .request(Method::PATCH, &path)
        .header("If-Match", "\"1\"");
    api.check(change, 412, mia.send(stale.json(&price)).await);
    check_body_errors(shop, api, &mia, change, &path).await;

    let stock = "POST /products/{product_id}/stock";
    let delivery = json!({ "quantity": 10 });
    let shelf = format!("{path}/stock");
    api.check(stock, 200, mia.post(&shelf, &delivery).await);
    api.check(stock, 403, max.post(&shelf, &delivery).await);
    let answer = mia.post(&format!("{never}/stock"), &delivery).await;
    api.check(stock, 404, answer);
    check_body_errors(shop, api, &mia, stock, &shelf).await;
}

async fn expiry(api: &mut Contract) {
    let impatient = Template::default().parameter("PaymentWindowSeconds", 1);
    let shop = Shop::open_with(&impatient).await;
    let tea = shop.stocked("Tea", "4.20", 1).await;
    let ada = shop.shopper("ada").await;
    let order = ada.order(&[(tea, 1)]).await;
    let expired = ada.wait_for_status(&order, "EXPIRED").await;
    let order_id = expired["order_id"].as_str().expect("an order has an id");
    api.check(SHOW, 200, ada.get(&format!("/orders/{order_id}")).await);
}
