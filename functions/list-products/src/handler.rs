//! What is for sale, and how much of it is left.

use api::view::{ProductView, ProductsView};
use api::{ApiError, PageRequest, Reply, Thing};
use domain::{ProductId, Units};
use lambda_http::Request;
use store::{Products, Stock, StockLevel};

/// Where shoppers look around.
pub(crate) struct Showroom {
    pub(crate) products: Products,
    pub(crate) stock: Stock,
}

pub(crate) async fn handle(showroom: &Showroom, request: Request) -> Result<Reply, ApiError> {
    match api::route(&request) {
        "GET /products" => showroom.list(&request).await,
        "GET /products/{product_id}" => showroom.show(&request).await,
        _ => Err(ApiError::NoSuchRoute),
    }
}

impl Showroom {
    async fn list(&self, request: &Request) -> Result<Reply, ApiError> {
        let PageRequest { limit, after } = PageRequest::of(request)?;
        let page = self.products.page(limit, after.as_ref()).await?;
        let ids: Vec<ProductId> = page.items.iter().map(|it| it.product_id).collect();
        let stock = self.stock.levels(ids).await?;
        Ok(api::public(&ProductsView {
            products: page
                .items
                .iter()
                .map(|product| ProductView::new(product, left(stock.get(&product.product_id))))
                .collect(),
            next_cursor: api::next_cursor(page.next.as_ref()),
        }))
    }

    async fn show(&self, request: &Request) -> Result<Reply, ApiError> {
        let product_id = api::product_id_in_path(request)?;
        let (product, stock) = tokio::try_join!(
            self.products.get(product_id),
            self.stock.levels([product_id])
        )?;
        let product = product.ok_or(ApiError::NotFound(Thing::Product))?;
        let available = left(stock.get(&product_id));
        let reply = api::public(&ProductView::new(&product, available));
        Ok(api::with_etag(reply, product.version))
    }
}

/// A product that was never stocked has nothing left.
fn left(stock: Option<&StockLevel>) -> Units {
    stock.map_or(0, |stock| stock.available)
}
