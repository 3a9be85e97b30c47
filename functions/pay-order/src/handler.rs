//! The route by which a shopper pays.

use api::routes::PayOrderRoute;
use api::view::OrderView;
use api::{ApiError, Caller, Reply};
use lambda_http::Request;
use payments::{CardNumber, PaymentProvider};
use serde::Deserialize;
use shop::PaymentService;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    card_number: CardNumber,
}

pub(crate) async fn handle<P: PaymentProvider + Sync>(
    service: &PaymentService<P>,
    route: PayOrderRoute,
    request: Request,
) -> Result<Reply, ApiError> {
    match route {
        PayOrderRoute::Pay => {
            let user_id = Caller::of(&request)?.user_id;
            let order_id = api::order_id_in_path(&request)?;
            let Card { card_number } = api::json(&request)?;
            let order = service.pay(&user_id, order_id, &card_number).await?;
            Ok(api::personal(&OrderView::decided(&order)))
        }
    }
}
