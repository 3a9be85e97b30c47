//! Orders of tea, for the tests of every crate.

use jiff::Timestamp;
use rust_decimal::Decimal;
use uuid::{Builder, Uuid};

use crate::checkout::{Checkout, OrderLine, OrderLines};
use crate::id::{OrderId, ProductId};
use crate::money::Money;
use crate::order::{Order, OrderState};
use crate::payment::{Payment, PaymentId};
use crate::product::Product;
use crate::shipment::Shipment;

/// The time at which everything here was submitted, decided and paid.
pub const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// The product with this number.
pub fn product_id(number: u128) -> ProductId {
    Uuid::from_u128(number)
        .try_into()
        .expect("any UUID will do")
}

/// The order with this number. Later numbers sort behind earlier ones.
pub fn order_id(number: u64) -> OrderId {
    let id = Builder::from_unix_timestamp_millis(number, &[0; 10]).into_uuid();
    id.try_into().expect("a UUID of version 7")
}

/// Tea for sale, under this id.
pub fn product(product_id: ProductId) -> Product {
    Product {
        product_id,
        merchant_id: "merchant".parse().expect("a merchant's id"),
        name: "Tea".parse().expect("a name"),
        description: "Black".parse().expect("a description"),
        price: price(),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

/// Order lines of tea: products and how many units of each.
pub fn lines(wanted: &[(ProductId, i64)]) -> OrderLines {
    let line = |&(product_id, quantity): &(ProductId, i64)| OrderLine {
        product_id,
        name: "Tea".parse().expect("a name"),
        quantity: quantity.try_into().expect("a quantity"),
        unit_price: price(),
    };
    let lines: Vec<OrderLine> = wanted.iter().map(line).collect();
    lines.try_into().expect("order lines")
}

/// A new checkout of Ada's.
pub fn checkout(wanted: &[(ProductId, i64)]) -> Checkout {
    Checkout {
        order_id: Uuid::now_v7().try_into().expect("a UUID of version 7"),
        user_id: "ada".parse().expect("a user's id"),
        lines: lines(wanted),
        submitted_at: NOW,
    }
}

/// A new order of Ada's, of one tea, in this state.
pub fn order(state: OrderState) -> Order {
    Order {
        checkout: checkout(&[(product_id(1), 1)]),
        decision_id: None,
        decided_at: NOW,
        state,
    }
}

/// The payment with this id.
pub fn payment(payment_id: &str) -> Payment {
    let payment_id: PaymentId = payment_id.parse().expect("a payment's id");
    Payment {
        payment_id,
        paid_at: NOW,
    }
}

/// A parcel.
pub fn shipment() -> Shipment {
    Shipment {
        carrier: "Pigeon Post".parse().expect("a carrier"),
        tracking_number: "PP-1".parse().expect("a tracking number"),
        shipped_at: NOW,
    }
}

fn price() -> Money {
    Money::price(Decimal::new(350, 2)).expect("a price")
}
