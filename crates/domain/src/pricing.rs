//! What a purchase costs: the shop's own prices at the moment of buying, never a client's.

use std::collections::HashMap;

use crate::basket::Basket;
use crate::checkout::{OrderLine, OrderLines};
use crate::id::ProductId;
use crate::product::Product;

/// What a shopper wants to buy: a basket with at least one product in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    basket: Basket,
    /// The product of each line that the shopper sent, so that an error names the right line.
    lines: Vec<ProductId>,
}

/// A basket with nothing in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must hold at least one product")]
pub struct NothingToBuy;

/// Products that the shop does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the lines {lines:?} name products that the shop does not have")]
pub struct NotForSale {
    /// The positions of the lines that name them.
    pub lines: Vec<usize>,
}

impl Purchase {
    /// The purchase of what is in a basket. `lines` are the products as the shopper named them, line
    /// by line: two lines may name one product.
    ///
    /// # Errors
    /// When the basket is empty.
    pub fn new(basket: Basket, lines: Vec<ProductId>) -> Result<Purchase, NothingToBuy> {
        if basket.is_empty() {
            return Err(NothingToBuy);
        }
        Ok(Purchase { basket, lines })
    }

    /// The purchase of what is in a cart, whose lines are in the order of the products' ids.
    ///
    /// # Errors
    /// When the cart is empty.
    pub fn of_cart(basket: &Basket) -> Result<Purchase, NothingToBuy> {
        Purchase::new(basket.clone(), basket.products().collect())
    }

    /// What is bought, and how many of each.
    pub fn basket(&self) -> &Basket {
        &self.basket
    }

    /// The order's lines, with the names and prices that the products have now.
    ///
    /// # Errors
    /// When the shop does not have one of the products.
    pub fn price(&self, products: &HashMap<ProductId, Product>) -> Result<OrderLines, NotForSale> {
        check_for_sale(self.lines.iter().copied(), products)?;
        let line = |(product_id, quantity)| {
            let product = &products[&product_id];
            OrderLine {
                product_id,
                name: product.name.clone(),
                quantity,
                unit_price: product.price,
            }
        };
        let lines: Vec<OrderLine> = self.basket.iter().map(line).collect();
        Ok(lines
            .try_into()
            .expect("a purchase holds 1 to MAX_LINES products, each once"))
    }
}

/// Makes sure that the shop has the product of every line.
///
/// # Errors
/// When it does not have one of them.
pub fn check_for_sale(
    lines: impl IntoIterator<Item = ProductId>,
    products: &HashMap<ProductId, Product>,
) -> Result<(), NotForSale> {
    let lines: Vec<usize> = lines
        .into_iter()
        .enumerate()
        .filter(|(_, product)| !products.contains_key(product))
        .map(|(position, _)| position)
        .collect();
    if lines.is_empty() {
        Ok(())
    } else {
        Err(NotForSale { lines })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{product, product_id};

    /// A purchase with a line of one unit for each of these products.
    fn purchase(numbers: &[u128]) -> Purchase {
        let lines: Vec<ProductId> = numbers.iter().copied().map(product_id).collect();
        let mut basket = Basket::default();
        for product in &lines {
            basket.add(*product, 1.try_into().unwrap()).unwrap();
        }
        Purchase::new(basket, lines).unwrap()
    }

    fn shop(numbers: &[u128]) -> HashMap<ProductId, Product> {
        let product = |&number: &u128| (product_id(number), product(product_id(number)));
        numbers.iter().map(product).collect()
    }

    #[test]
    fn a_purchase_costs_what_the_products_cost_now() {
        let lines = purchase(&[2, 1, 2]).price(&shop(&[1, 2])).unwrap();
        let quantities: Vec<u32> = lines.iter().map(|line| line.quantity.get()).collect();
        assert_eq!(quantities, [1, 2], "two lines of one product are one");
        assert_eq!(lines.total().to_string(), "10.50");
    }

    #[test]
    fn every_line_of_a_product_that_the_shop_does_not_have_is_named() {
        let unknown = purchase(&[9, 1, 9]).price(&shop(&[1])).unwrap_err();
        assert_eq!(unknown.lines, [0, 2]);
    }

    #[test]
    fn an_empty_cart_cannot_be_bought() {
        let nothing = Purchase::of_cart(&Basket::default());
        assert_eq!(nothing, Err(NothingToBuy));
    }
}
