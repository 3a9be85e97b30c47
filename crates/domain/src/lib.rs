//! What a shop is, with nothing of where it runs: products, carts, orders, money and the
//! allocation of limited stock. No AWS, no I/O, no clock, so every rule can be tested by itself.

#![warn(missing_docs)]

pub mod allocation;
pub mod basket;
pub mod cart;
pub mod checkout;
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

pub use allocation::{Shelf, Terms, allocate};
pub use basket::{Basket, BasketError};
pub use cart::{Cart, CartState, CartStatus};
pub use checkout::{Checkout, OrderLine, OrderLines, OrderLinesError};
pub use id::{CartId, InvalidId, MerchantId, OrderId, OrderKey, ProductId, UserId};
pub use lifecycle::{Forbidden, Transition};
pub use money::{Money, MoneyError};
pub use order::{Order, OrderState, OrderStatus, RejectionReason, Shortage};
pub use payment::{Payment, PaymentId, Refund};
pub use plan::{Plan, TransactionLimits};
pub use pricing::{NotForSale, NothingToBuy, Purchase, check_for_sale};
pub use product::{Description, Product, ProductName};
pub use quantity::{Quantity, QuantityError, Units};
pub use release::{Change, release};
pub use shipment::{Carrier, Shipment, TrackingNumber};
