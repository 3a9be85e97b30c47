//! What became of an order. One that is not decided yet is known by its submitted cart alone.

use api::view::{OrderView, OrdersView};
use api::{ApiError, Caller, PageRequest, Reply, Thing};
use domain::Cart;
use lambda_http::Request;
use store::{Carts, Orders};

/// Where shoppers ask.
pub(crate) struct Counter {
    pub(crate) orders: Orders,
    pub(crate) carts: Carts,
}

pub(crate) async fn handle(counter: &Counter, request: Request) -> Result<Reply, ApiError> {
    match api::route(&request) {
        "GET /orders" => counter.list(&request).await,
        "GET /orders/{order_id}" => counter.show(&request).await,
        _ => Err(ApiError::NoSuchRoute),
    }
}

impl Counter {
    async fn list(&self, request: &Request) -> Result<Reply, ApiError> {
        let Caller { user_id, .. } = Caller::of(request)?;
        let PageRequest { limit, after } = PageRequest::of(request)?;
        let page = self.orders.page(&user_id, limit, after).await?;
        Ok(api::personal(&OrdersView {
            orders: page.items.iter().map(OrderView::decided).collect(),
            next_cursor: api::next_cursor(page.next.as_ref()),
        }))
    }

    async fn show(&self, request: &Request) -> Result<Reply, ApiError> {
        let Caller { user_id, .. } = Caller::of(request)?;
        let order_id = api::order_id_in_path(request)?;
        if let Some(order) = self.orders.get(&user_id, order_id).await? {
            return Ok(api::personal(&OrderView::decided(&order)));
        }
        let cart = self.carts.get(&user_id, order_id.into()).await?;
        let checkout = cart.as_ref().and_then(Cart::checkout);
        let checkout = checkout.ok_or(ApiError::NotFound(Thing::Order))?;
        Ok(api::personal(&OrderView::pending(&checkout)))
    }
}
