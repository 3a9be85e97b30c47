//! Filling a cart until it is checked out. Its prices are those of the moment it is looked at, or of a
//! second before.

use std::collections::HashMap;

use domain::{
    Basket, Cart, CartId, CartState, Product, ProductId, Quantity, UserId, check_for_sale,
};
use jiff::Timestamp;
use store::{Carts, ProductCache, Products, StoreError};

use crate::error::{Resource, ShopError};
use crate::idempotency::new_cart_id;

/// Opens, shows and changes carts.
#[derive(Debug)]
pub struct CartService {
    /// Where carts are kept.
    pub carts: Carts,
    /// What is for sale.
    pub products: Products,
    /// The products read within the last second.
    pub seen: ProductCache<Product>,
}

/// A cart, and those of its products that the shop still has. A submitted cart needs none: it holds
/// the names and prices of its submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedCart {
    /// The cart.
    pub cart: Cart,
    /// Its products, for their names and prices.
    pub products: HashMap<ProductId, Product>,
}

impl CartService {
    /// Opens a cart with these goods; `lines` are their products as the shopper named them.
    ///
    /// # Errors
    /// When the shop does not have one of the products.
    pub async fn open(
        &self,
        user_id: UserId,
        basket: Basket,
        lines: impl IntoIterator<Item = ProductId>,
    ) -> Result<PricedCart, ShopError> {
        let products = self.products(basket.products()).await?;
        check_for_sale(lines, &products)?;
        let cart = Cart::open(new_cart_id(), user_id, basket, Timestamp::now());
        if !self.carts.create(&cart).await? {
            let twice = format!("the new id {} is taken", cart.cart_id);
            return Err(StoreError::Unavailable(twice).into());
        }
        tracing::Span::current().record("cart_id", tracing::field::display(cart.cart_id));
        Ok(PricedCart { cart, products })
    }

    /// A user's cart.
    ///
    /// # Errors
    /// When the user has no such cart.
    pub async fn show(&self, user_id: &UserId, cart_id: CartId) -> Result<PricedCart, ShopError> {
        let cart = self.carts.get(user_id, cart_id).await?;
        let cart = cart.ok_or(ShopError::NotFound(Resource::Cart))?;
        self.priced(cart).await
    }

    /// Puts more of a product into a cart, on top of what is there.
    ///
    /// # Errors
    /// When the shop does not have the product, or the cart cannot take it.
    pub async fn add(
        &self,
        user_id: &UserId,
        cart_id: CartId,
        product_id: ProductId,
        quantity: Quantity,
    ) -> Result<PricedCart, ShopError> {
        if !self.has(product_id).await? {
            return Err(ShopError::ProductNotForSale);
        }
        let (carts, now) = (&self.carts, Timestamp::now());
        let cart = carts.add(user_id, cart_id, product_id, quantity, now);
        self.priced(cart.await?).await
    }

    /// Makes a cart hold exactly this many of a product.
    ///
    /// # Errors
    /// When the shop does not have the product, or the cart cannot take it.
    pub async fn set(
        &self,
        user_id: &UserId,
        cart_id: CartId,
        product_id: ProductId,
        quantity: Quantity,
    ) -> Result<PricedCart, ShopError> {
        if !self.has(product_id).await? {
            return Err(ShopError::NotFound(Resource::Product));
        }
        let (carts, now) = (&self.carts, Timestamp::now());
        let cart = carts.set(user_id, cart_id, product_id, quantity, now);
        self.priced(cart.await?).await
    }

    /// Takes a product out of a cart; one that is not in it is out already.
    ///
    /// # Errors
    /// When the cart cannot be changed.
    pub async fn remove(
        &self,
        user_id: &UserId,
        cart_id: CartId,
        product_id: ProductId,
    ) -> Result<PricedCart, ShopError> {
        let now = Timestamp::now();
        let cart = self.carts.remove(user_id, cart_id, product_id, now);
        self.priced(cart.await?).await
    }

    async fn has(&self, product_id: ProductId) -> Result<bool, StoreError> {
        let products = self.products([product_id]).await?;
        Ok(products.contains_key(&product_id))
    }

    /// The products that exist among these.
    async fn products(
        &self,
        products: impl IntoIterator<Item = ProductId>,
    ) -> Result<HashMap<ProductId, Product>, StoreError> {
        let read = async |unseen: Vec<ProductId>| self.products.get_many(unseen).await;
        self.seen.look_up(products, read).await
    }

    async fn priced(&self, cart: Cart) -> Result<PricedCart, ShopError> {
        let products = match &cart.state {
            CartState::Open(basket) => self.products(basket.products()).await?,
            CartState::Submitted { .. } => HashMap::new(),
        };
        Ok(PricedCart { cart, products })
    }
}
