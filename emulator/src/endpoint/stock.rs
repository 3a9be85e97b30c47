//! The products that sell fastest, and their stock.
//!
//! The emulator knows no table of the shop. The stock is the table whose items have a number `available`; the products'
//! names are in the table with the same key whose items have a text `name`.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use serde::Serialize;

use crate::template::Table;

/// Products that are read; of a larger table a part is read.
const MAX_PRODUCTS: i32 = 1_000;
/// Products in a snapshot.
const SHOWN: usize = 8;
/// Names that are kept.
const MAX_NAMES: usize = 1_000;
/// The half-life of a sale, in seconds, in the order of the products and in their rate.
const HEAT_HALF_LIFE: f64 = 60.0;
const RATE_HALF_LIFE: f64 = 3.0;
/// After a longer pause, what was read before says nothing of how fast products sell.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const AVAILABLE: &str = "available";
const SUPPLY: &str = "supply";
const NAME: &str = "name";

type Item = HashMap<String, AttributeValue>;

#[derive(Debug)]
pub(super) struct Stock {
    dynamodb: Client,
    /// The tables with a key of one attribute, which is its first part.
    tables: Vec<Keyed>,
    /// The table that was found to hold the stock.
    stock: Option<Keyed>,
    names: HashMap<String, String>,
    shelves: BTreeMap<String, Shelf>,
    last_read: Option<Instant>,
}

#[derive(Debug, Clone)]
struct Keyed {
    table: String,
    key: String,
}

/// One product's stock as it was last seen.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shelf {
    available: f64,
    supply: Option<f64>,
    /// Units sold, of which older ones count less.
    heat: f64,
    /// Units sold per second.
    rate: f64,
}

/// Stock in the snapshot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct StockReport {
    table: String,
    products: usize,
    sold_out: usize,
    /// The fastest-selling come first; of the others, the scarcest.
    hot: Vec<ProductReport>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ProductReport {
    id: String,
    name: Option<String>,
    available: f64,
    supply: Option<f64>,
    sold_per_second: f64,
}

impl Stock {
    pub(super) fn new(dynamodb: Client, tables: &[Table]) -> Self {
        let keyed = |table: &Table| match table.key.as_slice() {
            [key] => Some(Keyed {
                table: table.name.clone(),
                key: key.attribute.clone(),
            }),
            _ => None,
        };
        Stock {
            dynamodb,
            tables: tables.iter().filter_map(keyed).collect(),
            stock: None,
            names: HashMap::new(),
            shelves: BTreeMap::new(),
            last_read: None,
        }
    }

    /// Reads the stock. None while no table holds any, or none answers.
    pub(super) async fn read(&mut self) -> Option<StockReport> {
        if self.stock.is_none() {
            self.stock = self.find().await;
        }
        let stock = self.stock.clone()?;
        let items = self.scan(&stock.table, MAX_PRODUCTS).await?;
        let now = Instant::now();
        let since = self.last_read.replace(now).map(|before| now - before);
        self.shelves = next_shelves(&self.shelves, &items, &stock.key, since);
        let hot = hottest(&self.shelves).into_iter();
        let hot = hot.map(|(id, _)| id.to_owned()).collect();
        self.learn_names(&stock, hot).await;
        Some(self.report(stock.table))
    }

    async fn find(&self) -> Option<Keyed> {
        for candidate in &self.tables {
            let first = self.scan(&candidate.table, 1).await.unwrap_or_default();
            if first.iter().any(|item| number(item, AVAILABLE).is_some()) {
                return Some(candidate.clone());
            }
        }
        None
    }

    async fn scan(&self, table: &str, limit: i32) -> Option<Vec<Item>> {
        let answer = self
            .dynamodb
            .scan()
            .table_name(table)
            .limit(limit)
            .send()
            .await;
        answer.ok()?.items
    }

    /// Reads the names that aren't known yet, from every table with the stock's key.
    async fn learn_names(&mut self, stock: &Keyed, ids: Vec<String>) {
        let unknown: Vec<String> = ids
            .into_iter()
            .filter(|id| !self.names.contains_key(id))
            .collect();
        if unknown.is_empty() {
            return;
        }
        let others = self.tables.iter();
        let others = others.filter(|other| other.key == stock.key && other.table != stock.table);
        for table in others.cloned().collect::<Vec<_>>() {
            for item in self.get(&table, &unknown).await.unwrap_or_default() {
                if let (Some(id), Some(name)) = (text(&item, &stock.key), text(&item, NAME)) {
                    if self.names.len() >= MAX_NAMES {
                        self.names.clear();
                    }
                    self.names.insert(id, name);
                }
            }
        }
    }

    async fn get(&self, table: &Keyed, ids: &[String]) -> Option<Vec<Item>> {
        let key = |id: &String| Item::from([(table.key.clone(), AttributeValue::S(id.clone()))]);
        let keys = KeysAndAttributes::builder()
            .set_keys(Some(ids.iter().map(key).collect()))
            .projection_expression("#key, #name")
            .expression_attribute_names("#key", &table.key)
            .expression_attribute_names("#name", NAME)
            .build();
        let request = self.dynamodb.batch_get_item();
        let answer = request.request_items(&table.table, keys.ok()?).send().await;
        answer.ok()?.responses?.remove(&table.table)
    }

    fn report(&self, table: String) -> StockReport {
        let product = |(id, shelf): (&str, &Shelf)| ProductReport {
            id: id.to_owned(),
            name: self.names.get(id).cloned(),
            available: shelf.available,
            supply: shelf.supply,
            sold_per_second: (shelf.rate * 10.0).round() / 10.0,
        };
        StockReport {
            table,
            products: self.shelves.len(),
            sold_out: self
                .shelves
                .values()
                .filter(|shelf| shelf.available <= 0.0)
                .count(),
            hot: hottest(&self.shelves).into_iter().map(product).collect(),
        }
    }
}

/// The shelves now, with how fast they sell.
fn next_shelves(
    before: &BTreeMap<String, Shelf>,
    items: &[Item],
    key: &str,
    since: Option<Duration>,
) -> BTreeMap<String, Shelf> {
    let since = since.filter(|since| *since <= LONGEST_PAUSE);
    let shelf = |item: &Item| {
        let id = text(item, key)?;
        let available = number(item, AVAILABLE)?;
        let supply = number(item, SUPPLY);
        let (heat, rate) = match (before.get(&id), since) {
            (Some(before), Some(since)) => before.cooled(available, since.as_secs_f64()),
            _ => (0.0, 0.0),
        };
        let shelf = Shelf {
            available,
            supply,
            heat,
            rate,
        };
        Some((id, shelf))
    };
    items.iter().filter_map(shelf).collect()
}

impl Shelf {
    /// Heat and rate after so many seconds, when so much is still available.
    fn cooled(&self, available: f64, seconds: f64) -> (f64, f64) {
        let sold = (self.available - available).max(0.0);
        let seconds = seconds.max(0.001);
        let kept = |half_life: f64| 0.5_f64.powf(seconds / half_life);
        let heat = self.heat * kept(HEAT_HALF_LIFE) + sold;
        let kept = kept(RATE_HALF_LIFE);
        (heat, self.rate * kept + sold / seconds * (1.0 - kept))
    }

    /// The share of the supply that is left.
    fn left(&self) -> f64 {
        match self.supply {
            Some(supply) if supply > 0.0 => self.available / supply,
            _ => 1.0,
        }
    }
}

fn hottest(shelves: &BTreeMap<String, Shelf>) -> Vec<(&str, &Shelf)> {
    let mut shelves: Vec<(&str, &Shelf)> = shelves
        .iter()
        .map(|(id, shelf)| (id.as_str(), shelf))
        .collect();
    // Heat in whole units: otherwise products that hardly sell would change places all the time.
    let rank = |shelf: &Shelf| (-shelf.heat.round(), shelf.left());
    shelves.sort_by(|(_, one), (_, other)| {
        let (one, other) = (rank(one), rank(other));
        one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1))
    });
    shelves.truncate(SHOWN);
    shelves
}

fn number(item: &Item, name: &str) -> Option<f64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn text(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, available: u32) -> Item {
        Item::from([
            ("id".to_owned(), AttributeValue::S(id.to_owned())),
            (
                AVAILABLE.to_owned(),
                AttributeValue::N(available.to_string()),
            ),
            (SUPPLY.to_owned(), AttributeValue::N("100".to_owned())),
        ])
    }

    const SECOND: Option<Duration> = Some(Duration::from_secs(1));

    #[test]
    fn what_sells_fastest_comes_first_and_then_what_is_scarce() {
        let nothing = BTreeMap::new();
        let items = [
            item("calm", 100),
            item("hot", 100),
            item("rare", 2),
            item("warm", 90),
        ];
        let before = next_shelves(&nothing, &items, "id", None);
        let items = [
            item("calm", 100),
            item("hot", 50),
            item("rare", 2),
            item("warm", 80),
        ];
        let shelves = next_shelves(&before, &items, "id", SECOND);
        let ids: Vec<&str> = hottest(&shelves).iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, ["hot", "warm", "rare", "calm"]);
        assert!(shelves["hot"].rate > shelves["warm"].rate);
        assert_eq!(shelves["calm"].rate, 0.0);
    }

    #[test]
    fn rates_settle_on_what_is_sold_and_restocking_is_no_sale() {
        let mut shelves = next_shelves(&BTreeMap::new(), &[item("a", 1_000)], "id", None);
        for second in 1..=60 {
            shelves = next_shelves(&shelves, &[item("a", 1_000 - second * 10)], "id", SECOND);
        }
        assert!((shelves["a"].rate - 10.0).abs() < 0.1, "{shelves:?}");
        let restocked = next_shelves(&shelves, &[item("a", 5_000)], "id", SECOND);
        assert!(restocked["a"].rate < shelves["a"].rate);
        assert!(restocked["a"].heat < shelves["a"].heat);
        // After a long pause, the speed of the sales in it is not known.
        let later = next_shelves(&shelves, &[item("a", 0)], "id", Some(LONGEST_PAUSE * 2));
        assert_eq!((later["a"].heat, later["a"].rate), (0.0, 0.0));
    }

    #[test]
    fn odd_items_are_passed_over() {
        let odd = [
            Item::new(),
            Item::from([(AVAILABLE.to_owned(), AttributeValue::N("1".to_owned()))]),
            Item::from([
                ("id".to_owned(), AttributeValue::S("text".to_owned())),
                (AVAILABLE.to_owned(), AttributeValue::S("many".to_owned())),
            ]),
        ];
        assert!(next_shelves(&BTreeMap::new(), &odd, "id", None).is_empty());
    }
}
