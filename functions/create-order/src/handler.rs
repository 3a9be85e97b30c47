//! The route by which a shopper orders at once.

use api::routes::CreateOrderRoute;
use api::view::OrderView;
use api::{ApiError, Caller, Reply};
use lambda_http::Request;
use shop::DirectOrderService;

pub(crate) async fn handle(
    service: &DirectOrderService,
    route: CreateOrderRoute,
    request: Request,
) -> Result<Reply, ApiError> {
    match route {
        CreateOrderRoute::Create => {
            let deadline = api::deadline(&request);
            let user_id = Caller::of(&request)?.user_id;
            let key = api::idempotency_key(&request)?;
            let purchase = api::purchase(&request)?;
            let order = service.order(user_id, key, &purchase, deadline).await?;
            let location = format!("/orders/{}", order.order_id());
            Ok(api::created(&location, &OrderView::decided(&order)))
        }
    }
}
