//! What a shop is, with nothing of where it runs: products, carts, orders, money and the
//! allocation of limited stock. No AWS, no I/O, no clock, so every rule can be tested by itself.

#![warn(missing_docs)]

pub mod allocation;
pub mod basket;
pub mod cart;
pub mod checkout;
pub mod decision;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
pub mod id;
pub mod lifecycle;
pub mod limits;
pub mod money;
pub mod order;
pub mod payment;
pub mod plan;
pub mod pricing;
pub mod product;
pub mod quantity;
pub mod release;
pub mod shipment;
mod text;

pub use allocation::{Allocation, DecisionLimits, Shelf, allocate, plan_order};
pub use basket::{Basket, BasketError};
pub use cart::{Cart, CartState, CartStatus};
pub use checkout::{Checkout, OrderLine, OrderLines, OrderLinesError};
pub use decision::{Decision, Entry, units_to_return};
pub use id::{CartId, DecisionId, InvalidId, MerchantId, OrderId, OrderKey, ProductId, UserId};
pub use lifecycle::{Forbidden, Transition};
pub use money::{Money, MoneyError};
pub use order::{
    Order, OrderState, OrderStatus, Rejection, RejectionReason, Shortage, Terms, Verdict,
};
pub use payment::{Payment, PaymentId, Refund};
pub use plan::{Plan, TransactionLimits};
pub use pricing::{NotForSale, NothingToBuy, Purchase, check_for_sale};
pub use product::{Description, Product, ProductName};
pub use quantity::{Quantity, QuantityError, Units};
pub use release::{Change, release};
pub use shipment::{Carrier, Shipment, TrackingNumber};
