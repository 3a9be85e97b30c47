//! The routes by which shoppers see their orders. One that is not decided yet is known by its
//! submitted cart alone.

use api::routes::OrderStatusRoute;
use api::view::{OrderView, OrdersView};
use api::{ApiError, Caller, PageRequest, Reply};
use domain::Cart;
use lambda_http::Request;
use shop::Resource;
use store::{Carts, Orders};

pub(crate) struct Context {
    pub(crate) orders: Orders,
    pub(crate) carts: Carts,
}

pub(crate) async fn handle(
    context: &Context,
    route: OrderStatusRoute,
    request: Request,
) -> Result<Reply, ApiError> {
    match route {
        OrderStatusRoute::List => context.list(&request).await,
        OrderStatusRoute::Show => context.show(&request).await,
    }
}

impl Context {
    async fn list(&self, request: &Request) -> Result<Reply, ApiError> {
        let Caller { user_id, .. } = Caller::of(request)?;
        let PageRequest { limit, after } = PageRequest::of(request)?;
        let page = self.orders.page(&user_id, limit, after).await?;
        Ok(api::personal(&OrdersView::of_page(&page)))
    }

    async fn show(&self, request: &Request) -> Result<Reply, ApiError> {
        let Caller { user_id, .. } = Caller::of(request)?;
        let order_id = api::order_id_in_path(request)?;
        if let Some(order) = self.orders.get(&user_id, order_id).await? {
            return Ok(api::personal(&OrderView::decided(&order)));
        }
        let cart = self.carts.get(&user_id, order_id.into()).await?;
        let checkout = cart.as_ref().and_then(Cart::checkout);
        let checkout = checkout.ok_or_else(|| ApiError::not_found(Resource::Order))?;
        Ok(api::personal(&OrderView::pending(&checkout)))
    }
}
