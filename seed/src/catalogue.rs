//! A file of products, each with its first stock.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use domain::{Description, MerchantId, Money, Product, ProductId, ProductName, Units};
use jiff::Timestamp;
use serde::Deserialize;

const SHIPPED: &str = include_str!("../products.json");

/// The products of one file. Ids are unique, and so are the names of one merchant's products.
#[derive(Debug, Clone)]
pub struct Catalogue(Vec<Offer>);

/// A product with its first stock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// A UUIDv7. Its time is the product's `created_at`.
    pub product_id: ProductId,
    /// The `sub` of its merchant's token.
    pub merchant_id: MerchantId,
    pub name: ProductName,
    pub description: Description,
    pub price: Money,
    /// Units of the first stock.
    pub supply: Units,
    /// Whether far more shoppers want it than there are units. Flash sales and load tests use such a product.
    #[serde(default)]
    pub hot: bool,
}

impl Catalogue {
    /// The products that come with the shop.
    pub fn shipped() -> Result<Catalogue> {
        Catalogue::parse(SHIPPED).context("products.json")
    }

    /// The products of another file.
    ///
    /// # Errors
    /// When the file cannot be read or breaks a rule; the error names the product and the rule.
    pub fn read(file: &Path) -> Result<Catalogue> {
        let shown = file.display();
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
        Catalogue::parse(&text).with_context(|| format!("cannot use {shown}"))
    }

    fn parse(text: &str) -> Result<Catalogue> {
        let offers: Vec<Offer> = serde_json::from_str(text)?;
        let mut ids = HashSet::new();
        let mut names = HashSet::new();
        for offer in &offers {
            offer
                .check()
                .with_context(|| format!("product {}", offer.product_id))?;
            if !ids.insert(offer.product_id) {
                bail!("product {} is there twice", offer.product_id);
            }
            if !names.insert((&offer.merchant_id, &offer.name)) {
                bail!("{} has two products {:?}", offer.merchant_id, offer.name);
            }
        }
        Ok(Catalogue(offers))
    }

    /// The offers in the file's order.
    pub fn offers(&self) -> &[Offer] {
        &self.0
    }
}

impl Offer {
    /// The product as it is written to the table. It is the same at every load, so loading again changes nothing.
    pub fn product(&self) -> Result<Product> {
        let offered_at = self.offered_at()?;
        Ok(Product {
            product_id: self.product_id,
            merchant_id: self.merchant_id.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            price: self.price,
            version: 1,
            created_at: offered_at,
            updated_at: offered_at,
        })
    }

    fn offered_at(&self) -> Result<Timestamp> {
        let uuid = self.product_id.as_uuid();
        ensure!(uuid.get_version_num() == 7, "its id is not a UUIDv7");
        let (seconds, nanoseconds) = uuid
            .get_timestamp()
            .context("its id has no time")?
            .to_unix();
        Ok(Timestamp::new(
            i64::try_from(seconds)?,
            i32::try_from(nanoseconds)?,
        )?)
    }

    fn check(&self) -> Result<()> {
        self.offered_at()?;
        Money::price(self.price.amount()).context("its price")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_products_make_a_small_shop_with_one_hot_product() {
        let shipped = Catalogue::shipped().unwrap();
        let (hot, others): (Vec<_>, Vec<_>) = shipped.offers().iter().partition(|offer| offer.hot);
        assert_eq!((hot.len(), hot[0].supply), (1, 50));
        assert!(others.len() >= 30);
        assert!(others.iter().all(|offer| offer.supply == 1_000));
        assert!(
            shipped
                .offers()
                .iter()
                .all(|offer| offer.price > Money::ZERO)
        );
        let names: HashSet<_> = shipped.offers().iter().map(|offer| &offer.name).collect();
        assert_eq!(names.len(), shipped.offers().len(), "names are unique");
    }

    #[test]
    fn a_product_was_created_at_the_time_of_its_id() {
        let lamp = Catalogue::shipped().unwrap().offers()[0].product().unwrap();
        assert_eq!(lamp.created_at.to_string(), "2025-11-03T09:00:00Z");
        assert_eq!(lamp.updated_at, lamp.created_at);
    }

    #[test]
    fn a_bad_file_is_refused_with_the_place_and_the_reason() {
        const ID: &str = "019a48f1-d680-73a0-aef2-daca67fc8886";
        const OTHER_ID: &str = "019a48f8-3f20-7aed-a1c5-c96ba44c9d88";
        const NOT_V7: &str = "8f14e45f-ceea-4672-8d4f-0f2b6f3d6a11";
        let described = |description: &str, id: &str, name: &str, price: &str| {
            format!(
                r#"{{"product_id": "{id}", "merchant_id": "m", "name": "{name}",
                    "description": "{description}", "price": "{price}", "supply": 1}}"#
            )
        };
        let offer = |id, name, price| described("Useful.", id, name, price);
        let good = offer(ID, "A", "1");
        assert!(Catalogue::parse(&format!("[{good}]")).is_ok());
        for (offers, complaint) in [
            ("{".to_owned(), "line 1"),
            (good.replace("supply", "stock"), "unknown field `stock`"),
            (good.replace(": 1}", ": -1}"), "invalid value: integer `-1`"),
            (offer(ID, "A", "1.001"), "digits behind the point"),
            (offer(ID, "A", "-1"), "must not be negative"),
            (offer(ID, "A", "1000000.01"), "must not be more than"),
            (offer(ID, "", "1"), "printable characters"),
            (offer(NOT_V7, "A", "1"), "not a UUIDv7"),
            (
                described(&"x".repeat(2_001), ID, "A", "1"),
                "2000 printable",
            ),
            (format!("{good},{}", offer(ID, "B", "1")), "is there twice"),
            (
                format!("{good},{}", offer(OTHER_ID, "A", "1")),
                "two products",
            ),
        ] {
            let error = Catalogue::parse(&format!("[{offers}]")).expect_err(complaint);
            let error = format!("{error:#}");
            assert!(
                error.contains(complaint),
                "{complaint:?} is not in {error:?}"
            );
        }
    }
}
