//! The routes of every function, once: method and path as template.yaml writes them, and the name by
//! which the function's handler knows them. A test compares this table with the template.

use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

use crate::error::ApiError;

/// The routes of one function.
pub trait Route: Sized {
    /// The route with this key, such as `GET /orders/{order_id}`.
    fn of_key(key: &str) -> Option<Self>;

    /// The route that the gateway matched.
    ///
    /// # Errors
    /// 404 when it is none of this function.
    fn of(request: &Request) -> Result<Self, ApiError> {
        Self::of_key(route_key(request)).ok_or(ApiError::NoSuchRoute)
    }
}

/// The route that the gateway matched, as template.yaml writes it.
pub(crate) fn route_key(request: &Request) -> &str {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.route_key.as_deref().unwrap_or_default()
        }
        _ => "",
    }
}

macro_rules! routes {
    ($($function:literal answers $routes:ident { $($route:ident = $key:literal,)+ })+) => {
        $(
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub enum $routes {
                $($route,)+
            }

            impl Route for $routes {
                fn of_key(key: &str) -> Option<Self> {
                    match key {
                        $($key => Some($routes::$route),)+
                        _ => None,
                    }
                }
            }
        )+

        /// The functions by the names of their binaries, and the keys of the routes that each answers.
        pub const ROUTES: &[(&str, &[&str])] = &[$(($function, &[$($key),+])),+];
    };
}

routes! {
    "list-products" answers ListProductsRoute {
        List = "GET /products",
        Show = "GET /products/{product_id}",
    }
    "manage-products" answers ManageProductsRoute {
        Offer = "POST /products",
        Change = "PATCH /products/{product_id}",
        Restock = "POST /products/{product_id}/stock",
    }
    "add-to-cart" answers CartRoute {
        Open = "POST /carts",
        Show = "GET /carts/{cart_id}",
        Add = "POST /carts/{cart_id}/items",
        Set = "PUT /carts/{cart_id}/items/{product_id}",
        Remove = "DELETE /carts/{cart_id}/items/{product_id}",
    }
    "checkout-enqueue" answers CheckoutRoute {
        CheckOutCart = "POST /carts/{cart_id}/checkout",
        CheckOutAtOnce = "POST /checkouts",
    }
    "create-order" answers CreateOrderRoute {
        Create = "POST /orders",
    }
    "order-status" answers OrderStatusRoute {
        List = "GET /orders",
        Show = "GET /orders/{order_id}",
    }
    "pay-order" answers PayOrderRoute {
        Pay = "POST /orders/{order_id}/payment",
    }
    "cancel-order" answers CancelOrderRoute {
        Cancel = "POST /orders/{order_id}/cancellation",
    }
    "fulfil-orders" answers FulfilOrdersRoute {
        List = "GET /fulfilment",
        Ship = "POST /orders/{order_id}/shipment",
        Complete = "POST /orders/{order_id}/completion",
    }
}
