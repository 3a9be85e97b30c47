//! The route by which a shopper cancels an order.

use api::routes::CancelOrderRoute;
use api::view::OrderView;
use api::{ApiError, Caller, Reply};
use lambda_http::Request;
use payments::PaymentProvider;
use shop::CancellationService;

pub(crate) async fn handle<P: PaymentProvider + Sync>(
    service: &CancellationService<P>,
    route: CancelOrderRoute,
    request: Request,
) -> Result<Reply, ApiError> {
    match route {
        CancelOrderRoute::Cancel => {
            let deadline = api::deadline(&request);
            let user_id = Caller::of(&request)?.user_id;
            let order_id = api::order_id_in_path(&request)?;
            let order = service.cancel(&user_id, order_id, deadline).await?;
            Ok(api::personal(&OrderView::decided(&order)))
        }
    }
}
