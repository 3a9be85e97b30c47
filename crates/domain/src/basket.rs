//! What a shopper wants: products and how many of each, before anything is priced.

use std::collections::BTreeMap;

use crate::id::ProductId;
use crate::limits::MAX_LINES;
use crate::quantity::{Quantity, QuantityError};

/// At most [`MAX_LINES`] products, each once. May be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Basket(BTreeMap<ProductId, Quantity>);

/// Why something cannot go into a basket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BasketError {
    /// Another product would be one too many.
    #[error("must not hold more than {MAX_LINES} different products")]
    TooManyLines,
    /// Together with what is there it would be too many units.
    #[error("{0}, together with what is already in the cart")]
    TooManyUnits(QuantityError),
}

impl Basket {
    /// Puts `quantity` more of a product into the basket.
    ///
    /// # Errors
    /// When the basket is full or the product's units would be too many; it stays as it was.
    pub fn add(&mut self, product: ProductId, quantity: Quantity) -> Result<(), BasketError> {
        let together = match self.0.get(&product) {
            Some(there) => there.plus(quantity).map_err(BasketError::TooManyUnits)?,
            None if self.0.len() == MAX_LINES => return Err(BasketError::TooManyLines),
            None => quantity,
        };
        self.0.insert(product, together);
        Ok(())
    }

    /// The products, in the order of their ids.
    pub fn products(&self) -> impl Iterator<Item = ProductId> + '_ {
        self.0.keys().copied()
    }

    /// Products with their quantities, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (ProductId, Quantity)> + '_ {
        self.0
            .iter()
            .map(|(product, quantity)| (*product, *quantity))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn product(number: u128) -> ProductId {
        Uuid::from_u128(number).try_into().unwrap()
    }

    fn quantity(number: i64) -> Quantity {
        number.try_into().unwrap()
    }

    #[test]
    fn the_same_product_adds_up() {
        let mut basket = Basket::default();
        basket.add(product(1), quantity(2)).unwrap();
        basket.add(product(1), quantity(3)).unwrap();
        assert_eq!(
            basket.iter().collect::<Vec<_>>(),
            [(product(1), quantity(5))]
        );
        assert!(matches!(
            basket.add(product(1), quantity(9_996)),
            Err(BasketError::TooManyUnits(_))
        ));
        assert_eq!(basket.iter().next().unwrap().1, quantity(5));
    }

    #[test]
    fn a_full_basket_takes_more_of_what_it_holds_and_nothing_else() {
        let mut basket = Basket::default();
        for number in 0..MAX_LINES as u128 {
            basket.add(product(number), quantity(1)).unwrap();
        }
        assert_eq!(
            basket.add(product(1_000), quantity(1)),
            Err(BasketError::TooManyLines)
        );
        assert_eq!(basket.add(product(0), quantity(1)), Ok(()));
    }
}
