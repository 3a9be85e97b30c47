//! Requests as an HTTP API hands them to a function (payload format 2.0).

use lambda_http::Request;
use serde_json::{Value, json};

/// An event of the route `POST /carts/{cart_id}/items` with these parts laid over it.
pub(crate) fn request(parts: Value) -> Request {
    let mut event = json!({
        "version": "2.0",
        "routeKey": "POST /carts/{cart_id}/items",
        "rawPath": "/carts/c/items",
        "rawQueryString": "",
        "headers": { "content-type": "application/json", "host": "shop.example" },
        "requestContext": {
            "routeKey": "POST /carts/{cart_id}/items",
            "stage": "$default",
            "http": { "method": "POST", "path": "/carts/c/items", "protocol": "HTTP/1.1",
                      "sourceIp": "127.0.0.1", "userAgent": "test" },
            "timeEpoch": 0
        },
        "isBase64Encoded": false
    });
    merge(&mut event, parts);
    lambda_http::request::from_str(&event.to_string()).expect("the event is an HTTP API's")
}

fn merge(event: &mut Value, parts: Value) {
    match (event, parts) {
        (Value::Object(event), Value::Object(parts)) => {
            for (name, part) in parts {
                merge(event.entry(name).or_insert(Value::Null), part);
            }
        }
        (event, part) => *event = part,
    }
}
