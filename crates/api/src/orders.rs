//! An order that its shopper wants something done with.

use domain::{Cart, Forbidden, Order, OrderId, OrderStatus, UserId};
use store::{Carts, Orders};

use crate::error::{ApiError, Thing};

/// A user's order, decided, of which it is asked that it become `wanted`.
///
/// # Errors
/// 409 when it is yet to be decided, 404 when the user has no such order.
pub async fn decided_order(
    orders: &Orders,
    carts: &Carts,
    user_id: &UserId,
    order_id: OrderId,
    wanted: OrderStatus,
) -> Result<Order, ApiError> {
    if let Some(order) = orders.get(user_id, order_id).await? {
        return Ok(order);
    }
    let cart = carts.get(user_id, order_id.into()).await?;
    match cart.as_ref().and_then(Cart::checkout) {
        Some(_) => Err(ApiError::OrderCannot(Forbidden {
            from: OrderStatus::Pending,
            to: wanted,
        })),
        None => Err(ApiError::NotFound(Thing::Order)),
    }
}
