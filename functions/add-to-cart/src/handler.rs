//! The routes of a cart until it is checked out.

use api::routes::CartRoute;
use api::view::CartView;
use api::{ApiError, Caller, JsonObject, Reply, RequestLine, quantity};
use domain::Quantity;
use lambda_http::Request;
use serde::Deserialize;
use shop::CartService;
use shop::carts::PricedCart;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCart {
    #[serde(default)]
    lines: Vec<JsonObject<RequestLine>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemQuantity {
    #[serde(deserialize_with = "quantity")]
    quantity: Quantity,
}

pub(crate) async fn handle(
    service: &CartService,
    route: CartRoute,
    request: Request,
) -> Result<Reply, ApiError> {
    let user_id = Caller::of(&request)?.user_id;
    let cart_id = || api::cart_id_in_path(&request);
    let product_id = || api::product_id_in_path(&request);
    let cart = match route {
        CartRoute::Open => {
            let NewCart { lines } = api::json_if_any(&request)?;
            let (basket, products) = (api::basket(&lines)?, api::products(&lines));
            let opened = service.open(user_id, basket, products).await?;
            let location = format!("/carts/{}", opened.cart.cart_id);
            return Ok(api::created(&location, &view(&opened)));
        }
        CartRoute::Show => service.show(&user_id, cart_id()?).await?,
        CartRoute::Add => {
            let cart_id = cart_id()?;
            let line: RequestLine = api::json(&request)?;
            let (product_id, quantity) = (line.product_id, line.quantity);
            service.add(&user_id, cart_id, product_id, quantity).await?
        }
        CartRoute::Set => {
            let (cart_id, product_id) = (cart_id()?, product_id()?);
            let ItemQuantity { quantity } = api::json(&request)?;
            service.set(&user_id, cart_id, product_id, quantity).await?
        }
        CartRoute::Remove => {
            let (cart_id, product_id) = (cart_id()?, product_id()?);
            service.remove(&user_id, cart_id, product_id).await?
        }
    };
    Ok(api::personal(&view(&cart)))
}

fn view(PricedCart { cart, products }: &PricedCart) -> CartView<'_> {
    CartView::new(cart, products)
}
