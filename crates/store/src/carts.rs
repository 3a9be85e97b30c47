//! The Carts table: what shoppers gather, and what they submitted.

use std::collections::{HashMap, HashSet};
use std::future::Future;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::limits::{MAX_LINES, MAX_QUANTITY};
use domain::{
    Basket, Cart, CartId, CartState, CartStatus, Checkout, OrderKey, OrderLines, ProductId,
    Quantity, UserId,
};
use jiff::{SignedDuration, Timestamp};

use crate::batch_get::{Freshness, Wanted, batch_get};
use crate::env::{MissingVariable, from_env};
use crate::error::StoreError;
use crate::item::{
    Item, attribute, checked, corrupt, expiry, item, number, order_lines, read_order_lines,
    read_text, readable, text,
};

/// How long a cart is kept after its last change. Far longer than a checkout can wait in the queue
/// and the dead-letter queue together, since a submitted cart is what makes an order `PENDING`.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The Carts table.
#[derive(Debug, Clone)]
pub struct Carts {
    client: Client,
    table: String,
}

/// Why a cart was not changed.
#[derive(Debug, thiserror::Error)]
pub enum CartError {
    /// The user has no such cart.
    #[error("the user has no such cart")]
    NotFound,
    /// It was submitted: it never changes again.
    #[error("the cart was submitted")]
    Submitted,
    /// Its lines are no longer those it was loaded with: load it and look again.
    #[error("the cart changed meanwhile")]
    Changed,
    /// One product too many.
    #[error("the cart holds as many different products as it can")]
    TooManyLines,
    /// Together with what is there it would be too many units.
    #[error("the cart would hold too many units of the product")]
    TooManyUnits,
    /// The table could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Carts {
    /// The table with this name.
    pub fn new(client: &Client, table: impl Into<String>) -> Self {
        Carts {
            client: client.clone(),
            table: table.into(),
        }
    }

    /// The table that `CARTS_TABLE` names.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn from_env(client: &Client) -> Result<Self, MissingVariable> {
        Ok(Self::new(client, from_env("CARTS_TABLE")?))
    }

    /// Enters a new cart. `false` when there is a cart with this id already; it stays as it is.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn create(&self, cart: &Cart) -> Result<bool, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(cart_item(cart)))
            .condition_expression("attribute_not_exists(cart_id)")
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(service) if service.is_conditional_check_failed_exception() => Ok(false),
                _ => Err(error.into()),
            },
        }
    }

    /// One cart of a user; nobody else's.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn get(&self, user_id: &UserId, cart_id: CartId) -> Result<Option<Cart>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("cart_id", text(cart_id))
            .consistent_read(true)
            .send()
            .await?;
        let cart = answer.item.as_ref().map(read_cart).transpose()?;
        Ok(cart.filter(|cart| cart.user_id == *user_id))
    }

    /// The checkouts of those of these orders whose submitted carts are there and can be read. No
    /// order may be given twice.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn checkouts(&self, orders: &[OrderKey]) -> Result<Vec<Checkout>, StoreError> {
        let carts = orders.iter().map(|order| CartId::from(order.order_id));
        let wanted = Wanted {
            table: &self.table,
            keys: carts.map(key).collect(),
            freshness: Freshness::Consistent,
            attributes: None,
        };
        let [items] = batch_get(&self.client, [wanted]).await?;
        let asked: HashSet<&OrderKey> = orders.iter().collect();
        let checkouts = readable(&items, read_cart).into_iter();
        let checkouts = checkouts.filter_map(|cart| cart.checkout());
        Ok(checkouts
            .filter(|checkout| asked.contains(&checkout.key()))
            .collect())
    }

    /// Puts more of a product into an open cart, on top of what is there, in one atomic write. It is
    /// tried once only: were its answer lost, a second try would add as much again.
    ///
    /// # Errors
    /// As [`CartError`] says; the cart is then as it was.
    pub async fn add(
        &self,
        user_id: &UserId,
        cart_id: CartId,
        product_id: ProductId,
        quantity: Quantity,
        now: Timestamp,
    ) -> Result<Cart, CartError> {
        let update = self
            .update_open(user_id, cart_id, now)
            .update_expression(SET_LINE_TO.replace(
                ":line",
                "if_not_exists(#lines.#product, :nothing) + :quantity",
            ))
            .condition_expression(format!(
                "{IS_OPEN} AND (#lines.#product <= :room OR \
                 (attribute_not_exists(#lines.#product) AND size(#lines) < :most))"
            ))
            .expression_attribute_names("#product", product_id.to_string())
            .expression_attribute_values(":nothing", number(0))
            .expression_attribute_values(":quantity", number(quantity))
            .expression_attribute_values(":room", number(MAX_QUANTITY - quantity.get()))
            .expression_attribute_values(":most", number(MAX_LINES));
        let once = aws_sdk_dynamodb::Config::builder().retry_config(RetryConfig::disabled());
        let update = update.customize().config_override(once).send();
        self.change(update, user_id, |there| {
            if there.iter().any(|(product, _)| product == product_id) {
                CartError::TooManyUnits
            } else {
                CartError::TooManyLines
            }
        })
        .await
    }

    /// Makes an open cart hold exactly this many of a product.
    ///
    /// # Errors
    /// As [`CartError`] says; the cart is then as it was.
    pub async fn set(
        &self,
        user_id: &UserId,
        cart_id: CartId,
        product_id: ProductId,
        quantity: Quantity,
        now: Timestamp,
    ) -> Result<Cart, CartError> {
        let update = self
            .update_open(user_id, cart_id, now)
            .update_expression(SET_LINE_TO.replace(":line", ":quantity"))
            .condition_expression(format!(
                "{IS_OPEN} AND (attribute_exists(#lines.#product) OR size(#lines) < :most)"
            ))
            .expression_attribute_names("#product", product_id.to_string())
            .expression_attribute_values(":quantity", number(quantity))
            .expression_attribute_values(":most", number(MAX_LINES));
        self.change(update.send(), user_id, |_| CartError::TooManyLines)
            .await
    }

    /// Takes a product out of an open cart; one that is not in it is out already.
    ///
    /// # Errors
    /// As [`CartError`] says; the cart is then as it was.
    pub async fn remove(
        &self,
        user_id: &UserId,
        cart_id: CartId,
        product_id: ProductId,
        now: Timestamp,
    ) -> Result<Cart, CartError> {
        let update = self
            .update_open(user_id, cart_id, now)
            .update_expression(
                "REMOVE #lines.#product SET updated_at = :now, expires_at = :expires_at",
            )
            .condition_expression(IS_OPEN)
            .expression_attribute_names("#product", product_id.to_string());
        self.change(update.send(), user_id, |_| CartError::Changed)
            .await
    }

    /// Submits an open cart for good, with the lines as priced, on condition that it still holds
    /// what it held when it was loaded.
    ///
    /// # Errors
    /// [`CartError::Changed`] when it holds something else by now, [`CartError::Submitted`] when
    /// somebody was faster, and as [`CartError`] says.
    pub async fn submit(
        &self,
        cart: &Cart,
        lines: OrderLines,
        now: Timestamp,
    ) -> Result<Cart, CartError> {
        let CartState::Open(basket) = &cart.state else {
            return Err(CartError::Submitted);
        };
        let update = self
            .update_open(&cart.user_id, cart.cart_id, now)
            .update_expression(
                "SET #status = :submitted, order_lines = :order_lines, submitted_at = :now, \
                 updated_at = :now, expires_at = :expires_at",
            )
            .condition_expression(format!("{IS_OPEN} AND #lines = :loaded"))
            .expression_attribute_values(":submitted", text(CartStatus::Submitted))
            .expression_attribute_values(":order_lines", order_lines(&lines))
            .expression_attribute_values(":loaded", basket_map(basket.iter()));
        self.change(update.send(), &cart.user_id, |_| CartError::Changed)
            .await
    }

    /// The start of every change: the cart's key, and what all changes have in common.
    fn update_open(
        &self,
        user_id: &UserId,
        cart_id: CartId,
        now: Timestamp,
    ) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("cart_id", text(cart_id))
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#lines", "lines")
            .expression_attribute_values(":user_id", text(user_id))
            .expression_attribute_values(":open", text(CartStatus::Open))
            .expression_attribute_values(":now", text(now))
            .expression_attribute_values(":expires_at", expiry(now, KEPT))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// Makes a change. Where its condition fails, the cart as it is tells why; `open_but` names the
    /// reason when it is the user's and open.
    async fn change(
        &self,
        update: impl Future<Output = Result<UpdateItemOutput, SdkError<UpdateItemError>>>,
        user_id: &UserId,
        open_but: impl FnOnce(&Basket) -> CartError,
    ) -> Result<Cart, CartError> {
        let error = match update.await {
            Ok(answer) => return Ok(read_cart(&answer.attributes.unwrap_or_default())?),
            Err(error) => error,
        };
        let Some(UpdateItemError::ConditionalCheckFailedException(failure)) =
            error.as_service_error()
        else {
            return Err(StoreError::from(error).into());
        };
        let there = failure.item().map(read_cart).transpose()?;
        Err(match there {
            Some(cart) if cart.user_id == *user_id => match cart.state {
                CartState::Submitted { .. } => CartError::Submitted,
                CartState::Open(basket) => open_but(&basket),
            },
            _ => CartError::NotFound,
        })
    }
}

const IS_OPEN: &str = "user_id = :user_id AND #status = :open";

const SET_LINE_TO: &str =
    "SET #lines.#product = :line, updated_at = :now, expires_at = :expires_at";

fn basket_map(lines: impl Iterator<Item = (ProductId, Quantity)>) -> AttributeValue {
    let line = |(product, quantity): (ProductId, Quantity)| (product.to_string(), number(quantity));
    AttributeValue::M(lines.map(line).collect::<HashMap<_, _>>())
}

fn key(cart_id: CartId) -> Item {
    item([("cart_id", text(cart_id))])
}

fn cart_item(cart: &Cart) -> Item {
    let mut entry = item([
        ("cart_id", text(cart.cart_id)),
        ("user_id", text(&cart.user_id)),
        ("status", text(cart.state.status())),
        ("created_at", text(cart.created_at)),
        ("updated_at", text(cart.updated_at)),
        ("expires_at", expiry(cart.updated_at, KEPT)),
    ]);
    entry.extend(match &cart.state {
        CartState::Open(basket) => item([("lines", basket_map(basket.iter()))]).into_iter(),
        CartState::Submitted {
            lines,
            submitted_at,
        } => item([
            (
                "lines",
                basket_map(lines.iter().map(|line| (line.product_id, line.quantity))),
            ),
            ("order_lines", order_lines(lines)),
            ("submitted_at", text(submitted_at)),
        ])
        .into_iter(),
    });
    entry
}

fn read_cart(entry: &Item) -> Result<Cart, StoreError> {
    let state = match read_text(entry, "status")? {
        CartStatus::Submitted => CartState::Submitted {
            lines: read_order_lines(entry, "order_lines")?,
            submitted_at: read_text(entry, "submitted_at")?,
        },
        CartStatus::Open => CartState::Open(read_basket(entry)?),
    };
    Ok(Cart {
        cart_id: read_text(entry, "cart_id")?,
        user_id: read_text(entry, "user_id")?,
        state,
        created_at: read_text(entry, "created_at")?,
        updated_at: read_text(entry, "updated_at")?,
    })
}

fn read_basket(entry: &Item) -> Result<Basket, StoreError> {
    let lines = attribute(entry, "lines")?
        .as_m()
        .map_err(|_| corrupt("lines", "is no map"))?;
    let mut basket = Basket::default();
    for (product, quantity) in lines {
        let quantity = quantity
            .as_n()
            .ok()
            .and_then(|number| number.parse::<i64>().ok());
        let quantity: Quantity = checked("lines", quantity.unwrap_or_default())?;
        let product: ProductId = checked("lines", product.clone())?;
        let added = basket.add(product, quantity);
        added.map_err(|error| corrupt("lines", error))?;
    }
    Ok(basket)
}
