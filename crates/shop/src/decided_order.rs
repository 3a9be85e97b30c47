//! A shopper's order, of which something is asked that only a decided order can do.

use domain::{Cart, Forbidden, Order, OrderId, OrderStatus, UserId};
use store::{Carts, Orders};

use crate::error::{Resource, ShopError};

/// A user's decided order, which is asked to become `wanted`.
///
/// # Errors
/// When it is yet to be decided, or the user has no such order.
pub(crate) async fn decided_order(
    orders: &Orders,
    carts: &Carts,
    user_id: &UserId,
    order_id: OrderId,
    wanted: OrderStatus,
) -> Result<Order, ShopError> {
    if let Some(order) = orders.get(user_id, order_id).await? {
        return Ok(order);
    }
    let cart = carts.get(user_id, order_id.into()).await?;
    match cart.as_ref().and_then(Cart::checkout) {
        Some(_) => Err(ShopError::OrderCannot(Forbidden {
            from: OrderStatus::Pending,
            to: wanted,
        })),
        None => Err(ShopError::NotFound(Resource::Order)),
    }
}
