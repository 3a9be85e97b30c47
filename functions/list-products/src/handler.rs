//! The public routes: what is for sale, and how much of it is left.

use api::routes::ListProductsRoute;
use api::view::{ProductView, ProductsView};
use api::{ApiError, PageRequest, Reply};
use domain::{ProductId, Units};
use lambda_http::Request;
use shop::Resource;
use store::{Products, Stock, StockLevel};

pub(crate) struct Context {
    pub(crate) products: Products,
    pub(crate) stock: Stock,
}

pub(crate) async fn handle(
    context: &Context,
    route: ListProductsRoute,
    request: Request,
) -> Result<Reply, ApiError> {
    match route {
        ListProductsRoute::List => context.list(&request).await,
        ListProductsRoute::Show => context.show(&request).await,
    }
}

impl Context {
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
        let product = product.ok_or_else(|| ApiError::not_found(Resource::Product))?;
        let available = left(stock.get(&product_id));
        let reply = api::public(&ProductView::new(&product, available));
        Ok(api::with_etag(reply, product.version))
    }
}

/// A product that was never stocked has nothing left.
fn left(stock: Option<&StockLevel>) -> Units {
    stock.map_or(0, |stock| stock.available)
}
