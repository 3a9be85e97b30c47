//! An order as it stands in the Orders table: its attributes, and how many bytes they take.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Checkout, DecisionId, Order, OrderId, OrderKey, OrderLine, OrderState, OrderStatus, Payment,
    Refund, Rejection, RejectionReason, Shipment, Shortage, UserId,
};
use jiff::Timestamp;

use crate::error::StoreError;
use crate::item::{
    Item, checked, corrupt, item, number, order_lines, read_list, read_number, read_order_lines,
    read_text, text,
};

/// Parts of the unpaid index. Every accepted order enters it and leaves it again, so one part alone
/// would bound the whole shop to the 1,000 writes a second of one partition.
pub(super) const UNPAID_SHARDS: u32 = 16;

/// The statuses of orders that were paid: what merchants may see.
pub(super) const EVER_PAID: [OrderStatus; 4] = [
    OrderStatus::Paid,
    OrderStatus::Shipping,
    OrderStatus::Completed,
    OrderStatus::Cancelled,
];

/// Bytes of an order in the books, at most: the fixed attributes with a little to spare, and each
/// line's names, id, numbers and overhead around its product's name, and what belongs to the state.
/// Source of the rules: "DynamoDB item sizes and formats", Amazon DynamoDB Developer Guide.
pub(crate) fn order_bytes(order: &Order) -> usize {
    const FIXED: usize = 470;
    const LINE: usize = 128;
    const SHORTAGE: usize = 96;
    const PAYMENT_AND_SHIPMENT: usize = 1_600;
    let line = |line: &OrderLine| LINE + line.name.as_str().len();
    let lines: usize = order.lines().iter().map(line).sum();
    let state = match &order.state {
        OrderState::Rejected(Rejection::OutOfStock { short }) => short.len() * SHORTAGE,
        OrderState::WaitingPayment { .. } | OrderState::Expired { .. } => 0,
        OrderState::Paid { .. }
        | OrderState::Shipping { .. }
        | OrderState::Completed { .. }
        | OrderState::Cancelled { .. } => PAYMENT_AND_SHIPMENT,
    };
    FIXED + order.user_id().as_str().len() + lines + state
}

/// The attribute that names the decision an order came by.
pub(super) const DECISION: &str = "decision_id";

pub(super) fn key(user_id: &UserId, order_id: OrderId) -> Item {
    item([("user_id", text(user_id)), ("order_id", text(order_id))])
}

pub(super) fn read_key(entry: &Item) -> Result<OrderKey, StoreError> {
    Ok(OrderKey {
        user_id: read_text(entry, "user_id")?,
        order_id: read_text(entry, "order_id")?,
    })
}

/// A time in which all fractions have the same number of digits, so that texts sort as times do.
pub(super) fn sortable(time: Timestamp) -> String {
    format!("{time:.9}")
}

/// The part of the unpaid index an order belongs to: spread evenly by the random end of its id.
fn unpaid_shard(order_id: OrderId) -> u128 {
    order_id.as_uuid().as_u128() % u128::from(UNPAID_SHARDS)
}

pub(super) fn order_item(order: &Order) -> Item {
    let mut entry = item([
        ("user_id", text(order.user_id())),
        ("order_id", text(order.order_id())),
        ("status", text(order.status())),
        ("lines", order_lines(order.lines())),
        ("total", number(order.total())),
        ("submitted_at", text(order.checkout.submitted_at)),
        ("decided_at", text(order.decided_at)),
    ]);
    if let Some(decision_id) = order.decision_id {
        entry.insert(DECISION.to_owned(), text(decision_id));
    }
    entry.extend(state_attributes(order));
    let ever_paid = match &order.state {
        OrderState::Cancelled { refund, .. } => refund.is_some(),
        _ => EVER_PAID.contains(&order.status()),
    };
    if ever_paid {
        entry.insert("fulfilment".to_owned(), text(order.status()));
    }
    entry
}

fn state_attributes(order: &Order) -> Item {
    match &order.state {
        OrderState::WaitingPayment { pay_by } => item([
            ("pay_by", text(sortable(*pay_by))),
            ("unpaid_shard", text(unpaid_shard(order.order_id()))),
        ]),
        OrderState::Rejected(rejection) => rejection_attributes(rejection),
        OrderState::Paid { payment } => payment_attributes(payment),
        OrderState::Shipping { payment, shipment } => {
            let mut entry = payment_attributes(payment);
            entry.extend(shipment_attributes(shipment));
            entry
        }
        OrderState::Completed {
            payment,
            shipment,
            completed_at,
        } => {
            let mut entry = payment_attributes(payment);
            entry.extend(shipment_attributes(shipment));
            entry.insert("completed_at".to_owned(), text(completed_at));
            entry
        }
        OrderState::Cancelled {
            cancelled_at,
            refund,
        } => {
            let mut entry = item([("cancelled_at", text(cancelled_at))]);
            if let Some(refund) = refund {
                entry.extend(payment_attributes(&refund.payment));
                entry.insert("refunded_at".to_owned(), text(refund.refunded_at));
            }
            entry
        }
        OrderState::Expired { expired_at } => item([("expired_at", text(expired_at))]),
    }
}

fn rejection_attributes(rejection: &Rejection) -> Item {
    let reason = ("reason", text(rejection.reason()));
    match rejection {
        Rejection::OutOfStock { short } => {
            let short = short.iter().map(shortage).collect();
            item([reason, ("short", AttributeValue::L(short))])
        }
    }
}

fn shortage(short: &Shortage) -> AttributeValue {
    AttributeValue::M(item([
        ("product_id", text(short.product_id)),
        ("requested", number(short.requested)),
        ("available", number(short.available)),
    ]))
}

fn payment_attributes(payment: &Payment) -> Item {
    item([
        ("payment_id", text(&payment.payment_id)),
        ("paid_at", text(payment.paid_at)),
    ])
}

fn shipment_attributes(shipment: &Shipment) -> Item {
    item([
        ("carrier", text(&shipment.carrier)),
        ("tracking_number", text(&shipment.tracking_number)),
        ("shipped_at", text(shipment.shipped_at)),
    ])
}

pub(super) fn read_order(entry: &Item) -> Result<Order, StoreError> {
    Ok(Order {
        checkout: Checkout {
            order_id: read_text(entry, "order_id")?,
            user_id: read_text(entry, "user_id")?,
            lines: read_order_lines(entry, "lines")?,
            submitted_at: read_text(entry, "submitted_at")?,
        },
        decision_id: read_decision(entry)?,
        decided_at: read_text(entry, "decided_at")?,
        state: read_state(entry)?,
    })
}

/// The decision that an order names, if it came by one.
pub(super) fn read_decision(entry: &Item) -> Result<Option<DecisionId>, StoreError> {
    match entry.contains_key(DECISION) {
        true => read_text(entry, DECISION).map(Some),
        false => Ok(None),
    }
}

fn read_rejection(entry: &Item) -> Result<Rejection, StoreError> {
    Ok(match read_text(entry, "reason")? {
        RejectionReason::OutOfStock => Rejection::OutOfStock {
            short: read_list(entry, "short", read_shortage)?,
        },
    })
}

fn read_state(entry: &Item) -> Result<OrderState, StoreError> {
    Ok(match read_text(entry, "status")? {
        OrderStatus::WaitingPayment => OrderState::WaitingPayment {
            pay_by: read_text(entry, "pay_by")?,
        },
        OrderStatus::Rejected => OrderState::Rejected(read_rejection(entry)?),
        OrderStatus::Paid => OrderState::Paid {
            payment: read_payment(entry)?,
        },
        OrderStatus::Shipping => OrderState::Shipping {
            payment: read_payment(entry)?,
            shipment: read_shipment(entry)?,
        },
        OrderStatus::Completed => OrderState::Completed {
            payment: read_payment(entry)?,
            shipment: read_shipment(entry)?,
            completed_at: read_text(entry, "completed_at")?,
        },
        OrderStatus::Cancelled => OrderState::Cancelled {
            cancelled_at: read_text(entry, "cancelled_at")?,
            refund: read_refund(entry)?,
        },
        OrderStatus::Expired => OrderState::Expired {
            expired_at: read_text(entry, "expired_at")?,
        },
        OrderStatus::Pending => {
            return Err(corrupt("status", "is PENDING, which is never stored"));
        }
    })
}

fn read_payment(entry: &Item) -> Result<Payment, StoreError> {
    Ok(Payment {
        payment_id: read_text(entry, "payment_id")?,
        paid_at: read_text(entry, "paid_at")?,
    })
}

fn read_refund(entry: &Item) -> Result<Option<Refund>, StoreError> {
    if !entry.contains_key("refunded_at") {
        return Ok(None);
    }
    Ok(Some(Refund {
        payment: read_payment(entry)?,
        refunded_at: read_text(entry, "refunded_at")?,
    }))
}

fn read_shipment(entry: &Item) -> Result<Shipment, StoreError> {
    Ok(Shipment {
        carrier: read_text(entry, "carrier")?,
        tracking_number: read_text(entry, "tracking_number")?,
        shipped_at: read_text(entry, "shipped_at")?,
    })
}

fn read_shortage(short: &Item) -> Result<Shortage, StoreError> {
    Ok(Shortage {
        product_id: read_text(short, "product_id")?,
        requested: checked("requested", read_number::<i64>(short, "requested")?)?,
        available: read_number(short, "available")?,
    })
}

#[cfg(test)]
mod tests {
    use domain::limits::{
        MAX_CARRIER_CHARS, MAX_LINES, MAX_NAME_CHARS, MAX_TRACKING_NUMBER_CHARS, MAX_USER_ID_CHARS,
    };
    use domain::{Money, Quantity};
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    /// As the Developer Guide counts: names and texts in UTF-8, a number half a byte a digit, lists
    /// and maps three bytes and one for each entry.
    fn bytes(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(number) => number.len() / 2 + 2,
            AttributeValue::L(list) => 3 + list.iter().map(|entry| 1 + bytes(entry)).sum::<usize>(),
            AttributeValue::M(map) => 3 + map.len() + item_bytes(map),
            other => panic!("no order holds {other:?}"),
        }
    }

    fn item_bytes(item: &Item) -> usize {
        item.iter()
            .map(|(name, value)| name.len() + bytes(value))
            .sum()
    }

    /// Were it less, a plan could hold more than a transaction takes.
    #[test]
    fn an_order_is_never_larger_than_reckoned() {
        for (lines, name) in [
            (1, "T".to_owned()),
            (MAX_LINES, "🦀".repeat(MAX_NAME_CHARS)),
        ] {
            let most = Quantity::try_from(10_000).unwrap();
            let lines: Vec<OrderLine> = (0..lines)
                .map(|number| OrderLine {
                    product_id: Uuid::from_u128(number as u128).try_into().unwrap(),
                    name: name.clone().try_into().unwrap(),
                    quantity: most,
                    unit_price: Money::price(1_000_000.into()).unwrap(),
                })
                .collect();
            let short = lines.iter().map(|line| Shortage {
                product_id: line.product_id,
                requested: most,
                available: 9_999,
            });
            let rejected = OrderState::Rejected(Rejection::OutOfStock {
                short: short.collect(),
            });
            let checkout = Checkout {
                order_id: Uuid::now_v7().try_into().unwrap(),
                user_id: "\u{10FFFF}".repeat(MAX_USER_ID_CHARS).try_into().unwrap(),
                lines: lines.try_into().unwrap(),
                submitted_at: Timestamp::now(),
            };
            for state in [rejected, longest_life()] {
                let order = Order {
                    checkout: checkout.clone(),
                    decision_id: Some(Uuid::now_v7().try_into().unwrap()),
                    decided_at: Timestamp::now(),
                    state,
                };
                let size = item_bytes(&order_item(&order));
                let reckoned = order_bytes(&order);
                assert!(size <= reckoned, "{size} bytes, reckoned {reckoned}");
                assert!(reckoned < size * 2, "{size} bytes, reckoned {reckoned}");
            }
        }
    }

    /// All that can belong to an order, in the longest texts.
    fn longest_life() -> OrderState {
        let crabs = |count| "🦀".repeat(count);
        OrderState::Completed {
            payment: Payment {
                payment_id: crabs(100).parse().unwrap(),
                paid_at: Timestamp::now(),
            },
            shipment: Shipment {
                carrier: crabs(MAX_CARRIER_CHARS).parse().unwrap(),
                tracking_number: crabs(MAX_TRACKING_NUMBER_CHARS).parse().unwrap(),
                shipped_at: Timestamp::now(),
            },
            completed_at: Timestamp::now(),
        }
    }
}
