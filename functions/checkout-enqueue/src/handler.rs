//! The routes by which a shopper checks out.

use api::routes::CheckoutRoute;
use api::{ApiError, Caller, Reply};
use lambda_http::Request;
use shop::CheckoutService;

pub(crate) async fn handle(
    service: &CheckoutService,
    route: CheckoutRoute,
    request: Request,
) -> Result<Reply, ApiError> {
    let user_id = Caller::of(&request)?.user_id;
    let order_id = match route {
        CheckoutRoute::CheckOutCart => {
            let cart_id = api::cart_id_in_path(&request)?;
            service.check_out_cart(&user_id, cart_id).await?
        }
        CheckoutRoute::CheckOutAtOnce => {
            let key = api::idempotency_key(&request)?;
            let purchase = api::purchase(&request)?;
            service.check_out_at_once(user_id, key, &purchase).await?
        }
    };
    Ok(api::accepted(order_id))
}
