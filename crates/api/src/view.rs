//! The JSON of the API: products, carts and orders as clients see them.

use std::collections::HashMap;

use domain::{
    Carrier, Cart, CartId, CartState, CartStatus, Checkout, Description, Money, Order, OrderId,
    OrderLine, OrderState, OrderStatus, Payment, Product, ProductId, ProductName, Quantity,
    Rejection, RejectionReason, Shipment, Shortage, TrackingNumber, Units,
};
use jiff::Timestamp;
use serde::Serialize;
use store::{Page, StockLevel};

use crate::page::next_cursor;

/// A product with what is left of it.
#[derive(Debug, Serialize)]
pub struct ProductView<'a> {
    product_id: ProductId,
    name: &'a ProductName,
    description: &'a Description,
    price: Money,
    available: Units,
}

impl<'a> ProductView<'a> {
    /// The view of a product of which `available` units can be bought.
    pub fn new(product: &'a Product, available: Units) -> Self {
        ProductView {
            product_id: product.product_id,
            name: &product.name,
            description: &product.description,
            price: product.price,
            available,
        }
    }
}

/// The units of a product, for its merchant.
#[derive(Debug, Serialize)]
pub struct StockView {
    product_id: ProductId,
    available: Units,
    supply: Units,
}

impl StockView {
    pub fn new(product_id: ProductId, StockLevel { available, supply }: StockLevel) -> Self {
        StockView {
            product_id,
            available,
            supply,
        }
    }
}

/// A page of products.
#[derive(Debug, Serialize)]
pub struct ProductsView<'a> {
    /// In the order of their names.
    pub products: Vec<ProductView<'a>>,
    /// The cursor of the next page, `null` on the last.
    pub next_cursor: Option<String>,
}

/// A cart with today's prices or, once submitted, those of its submission.
#[derive(Debug, Serialize)]
pub struct CartView<'a> {
    cart_id: CartId,
    status: CartStatus,
    lines: Vec<CartLineView<'a>>,
    total: Money,
}

/// A product in a cart. One that left the shop since has no name and no price, and no share in the
/// total: the cart cannot be checked out before it is taken out.
#[derive(Debug, Serialize)]
struct CartLineView<'a> {
    product_id: ProductId,
    name: Option<&'a ProductName>,
    quantity: Quantity,
    unit_price: Option<Money>,
    line_total: Option<Money>,
}

impl<'a> CartView<'a> {
    /// The view of a cart; `products` are those in it that the shop still has. A submitted one needs none.
    pub fn new(cart: &'a Cart, products: &'a HashMap<ProductId, Product>) -> Self {
        let lines: Vec<CartLineView<'a>> = match &cart.state {
            CartState::Open(basket) => {
                let line = |(id, quantity)| CartLineView::open(id, quantity, products.get(&id));
                basket.iter().map(line).collect()
            }
            CartState::Submitted { lines, .. } => {
                lines.iter().map(CartLineView::submitted).collect()
            }
        };
        CartView {
            cart_id: cart.cart_id,
            status: cart.state.status(),
            total: lines.iter().filter_map(|line| line.line_total).sum(),
            lines,
        }
    }
}

impl<'a> CartLineView<'a> {
    fn open(product_id: ProductId, quantity: Quantity, product: Option<&'a Product>) -> Self {
        CartLineView {
            product_id,
            name: product.map(|product| &product.name),
            quantity,
            unit_price: product.map(|product| product.price),
            line_total: product.map(|product| product.price.times(quantity)),
        }
    }

    fn submitted(line: &'a OrderLine) -> Self {
        CartLineView {
            product_id: line.product_id,
            name: Some(&line.name),
            quantity: line.quantity,
            unit_price: Some(line.unit_price),
            line_total: Some(line.total()),
        }
    }
}

/// A checkout that is in the queue.
#[derive(Debug, Serialize)]
pub struct AcceptedView {
    pub order_id: OrderId,
    /// Always pending.
    pub status: OrderStatus,
}

/// An order, decided or about to be.
#[derive(Debug, Serialize)]
pub struct OrderView<'a> {
    order_id: OrderId,
    status: OrderStatus,
    lines: Vec<OrderLineView<'a>>,
    total: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<RejectionReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    short: Option<&'a [Shortage]>,
    submitted_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pay_by: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<PaymentView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipment: Option<ShipmentView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expired_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct PaymentView<'a> {
    payment_id: &'a str,
    paid_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    refunded_at: Option<Timestamp>,
}

impl<'a> From<&'a Payment> for PaymentView<'a> {
    fn from(payment: &'a Payment) -> Self {
        PaymentView {
            payment_id: payment.payment_id.as_str(),
            paid_at: payment.paid_at,
            refunded_at: None,
        }
    }
}

#[derive(Debug, Serialize)]
struct ShipmentView<'a> {
    carrier: &'a Carrier,
    tracking_number: &'a TrackingNumber,
    shipped_at: Timestamp,
}

impl<'a> From<&'a Shipment> for ShipmentView<'a> {
    fn from(shipment: &'a Shipment) -> Self {
        ShipmentView {
            carrier: &shipment.carrier,
            tracking_number: &shipment.tracking_number,
            shipped_at: shipment.shipped_at,
        }
    }
}

#[derive(Debug, Serialize)]
struct OrderLineView<'a> {
    product_id: ProductId,
    name: &'a ProductName,
    quantity: Quantity,
    unit_price: Money,
    line_total: Money,
}

impl<'a> OrderView<'a> {
    /// An order that was decided.
    pub fn decided(order: &'a Order) -> Self {
        let decided = OrderView {
            status: order.status(),
            decided_at: Some(order.decided_at),
            ..OrderView::pending(&order.checkout)
        };
        match &order.state {
            OrderState::WaitingPayment { pay_by } => OrderView {
                pay_by: Some(*pay_by),
                ..decided
            },
            OrderState::Rejected(rejection) => OrderView {
                reason: Some(rejection.reason()),
                short: match rejection {
                    Rejection::OutOfStock { short } => Some(short),
                },
                ..decided
            },
            OrderState::Paid { payment } => OrderView {
                payment: Some(payment.into()),
                ..decided
            },
            OrderState::Shipping { payment, shipment } => OrderView {
                payment: Some(payment.into()),
                shipment: Some(shipment.into()),
                ..decided
            },
            OrderState::Completed {
                payment,
                shipment,
                completed_at,
            } => OrderView {
                payment: Some(payment.into()),
                shipment: Some(shipment.into()),
                completed_at: Some(*completed_at),
                ..decided
            },
            OrderState::Cancelled {
                cancelled_at,
                refund,
            } => OrderView {
                payment: refund.as_ref().map(|refund| PaymentView {
                    refunded_at: Some(refund.refunded_at),
                    ..PaymentView::from(&refund.payment)
                }),
                cancelled_at: Some(*cancelled_at),
                ..decided
            },
            OrderState::Expired { expired_at } => OrderView {
                expired_at: Some(*expired_at),
                ..decided
            },
        }
    }

    /// An order that will be decided.
    pub fn pending(checkout: &'a Checkout) -> Self {
        OrderView {
            order_id: checkout.order_id,
            status: OrderStatus::Pending,
            lines: checkout.lines.iter().map(OrderLineView::from).collect(),
            total: checkout.lines.total(),
            reason: None,
            short: None,
            submitted_at: checkout.submitted_at,
            decided_at: None,
            pay_by: None,
            payment: None,
            shipment: None,
            completed_at: None,
            cancelled_at: None,
            expired_at: None,
        }
    }
}

impl<'a> From<&'a OrderLine> for OrderLineView<'a> {
    fn from(line: &'a OrderLine) -> Self {
        OrderLineView {
            product_id: line.product_id,
            name: &line.name,
            quantity: line.quantity,
            unit_price: line.unit_price,
            line_total: line.total(),
        }
    }
}

/// A page of orders.
#[derive(Debug, Serialize)]
pub struct OrdersView<'a> {
    /// A user's newest first; those to be shipped oldest first.
    orders: Vec<OrderView<'a>>,
    /// The cursor of the next page, `null` on the last.
    next_cursor: Option<String>,
}

impl<'a> OrdersView<'a> {
    pub fn of_page(page: &'a Page<Order, impl Serialize>) -> Self {
        OrdersView {
            orders: page.items.iter().map(OrderView::decided).collect(),
            next_cursor: next_cursor(page.next.as_ref()),
        }
    }
}
