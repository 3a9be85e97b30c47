//! Adds up stock, orders and carts, product by product. Pure: no table, no clock.

use std::collections::BTreeMap;

use domain::{Money, ProductId};
use jiff::Timestamp;
use store::audit::{Found, OrderEntry, StockEntry, SubmittedCart};

use crate::fault::{Fault, Faults};

/// The units of one product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Every unit ever stocked.
    pub supply: i128,
    /// Units that can be bought.
    pub available: i128,
    /// Units in orders that hold stock.
    pub held: i128,
}

impl Balance {
    /// I2: the number of units sold twice; if negative, the number of units lost.
    pub fn surplus(self) -> i128 {
        self.available + self.held - self.supply
    }
}

/// The stock of every product, and the faults in the entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StockRead {
    levels: BTreeMap<ProductId, (i128, i128)>,
    faults: Faults,
}

impl StockRead {
    /// Adds one product's stock.
    pub fn add(&mut self, entry: Found<StockEntry>) {
        match entry.content {
            Ok(stock) => {
                let level = (stock.available, stock.supply);
                self.levels.insert(stock.product_id, level);
            }
            Err(error) => {
                let case = || format!("{}: {error}", entry.key);
                self.faults.record(Fault::DamagedStock, case);
            }
        }
    }

    pub fn merge(&mut self, other: StockRead) {
        self.levels.extend(other.levels);
        self.faults.merge(other.faults);
    }
}

/// The sums over orders and carts. Its size grows with the number of products only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrdersRead {
    /// Orders whose time to pay ended before this must have expired.
    unpaid_until: Timestamp,
    held: BTreeMap<ProductId, i128>,
    pub orders: u64,
    pub carts: u64,
    faults: Faults,
}

impl OrdersRead {
    pub fn new(unpaid_until: Timestamp) -> OrdersRead {
        OrdersRead {
            unpaid_until,
            held: BTreeMap::new(),
            orders: 0,
            carts: 0,
            faults: Faults::default(),
        }
    }

    /// Adds one order: its units, if it holds stock, and its faults.
    pub fn add(&mut self, entry: Found<OrderEntry>) {
        self.orders += 1;
        let order = match entry.content {
            Ok(order) => order,
            Err(error) => {
                let case = || format!("{}: {error}", entry.key);
                return self.faults.record(Fault::DamagedOrder, case);
            }
        };
        let sum: Money = order.lines.total();
        if order.total != sum {
            let case = || format!("{}: total {}, lines {sum}", entry.key, order.total);
            self.faults.record(Fault::WrongTotal, case);
        }
        if let Some(pay_by) = order.pay_by.filter(|pay_by| *pay_by < self.unpaid_until) {
            let case = || format!("{}: to be paid by {pay_by}", entry.key);
            self.faults.record(Fault::Overdue, case);
        }
        if order.status.holds_stock() {
            for line in &order.lines {
                *self.held.entry(line.product_id).or_default() += i128::from(line.quantity.get());
            }
        }
    }

    /// Adds a cart that was submitted and has no order, or that cannot be read.
    pub fn add_undecided(&mut self, entry: Found<SubmittedCart>) {
        match entry.content {
            Ok(cart) => self.faults.record(Fault::Undecided, || {
                let user = &cart.order.user_id;
                format!("{} of {user}, submitted {}", entry.key, cart.submitted_at)
            }),
            Err(error) => {
                let case = || format!("{}: {error}", entry.key);
                self.faults.record(Fault::DamagedCart, case);
            }
        }
    }

    pub fn merge(&mut self, other: OrdersRead) {
        for (product, units) in other.held {
            *self.held.entry(product).or_default() += units;
        }
        self.orders += other.orders;
        self.carts += other.carts;
        self.faults.merge(other.faults);
    }
}

/// The sums over all tables, and the faults that they show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BooksRead {
    /// Each product that has a stock entry or is in an order.
    pub products: BTreeMap<ProductId, Balance>,
    pub orders: u64,
    pub carts: u64,
    pub faults: Faults,
}

impl BooksRead {
    /// Compares stock and orders. A product that orders hold and that was never stocked has no supply, so all
    /// its units are oversold.
    pub fn judge(stock: StockRead, read: OrdersRead) -> BooksRead {
        let mut products: BTreeMap<ProductId, Balance> = BTreeMap::new();
        for (product, (available, supply)) in stock.levels {
            let units = products.entry(product).or_default();
            (units.available, units.supply) = (available, supply);
        }
        for (product, held) in read.held {
            products.entry(product).or_default().held = held;
        }
        let mut faults = stock.faults;
        faults.merge(read.faults);
        for (product, units) in &products {
            record_imbalance(&mut faults, product, *units);
        }
        BooksRead {
            products,
            orders: read.orders,
            carts: read.carts,
            faults,
        }
    }
}

fn record_imbalance(faults: &mut Faults, product: &ProductId, units: Balance) {
    let Balance {
        supply,
        available,
        held,
    } = units;
    if available < 0 || supply < 0 {
        let case = || format!("{product}: available {available}, supply {supply}");
        faults.record(Fault::NegativeStock, case);
    }
    let case = |by: i128, how: &str| {
        format!("{product}: {by} {how} (supply {supply}, available {available}, held {held})")
    };
    match units.surplus() {
        0 => {}
        surplus @ 1.. => faults.record(Fault::Oversold, || case(surplus, "too many")),
        deficit => faults.record(Fault::LostUnits, || case(-deficit, "lost")),
    }
}

#[cfg(test)]
mod tests {
    use domain::{OrderLine, OrderStatus, Quantity};
    use jiff::SignedDuration;
    use store::StoreError;
    use uuid::Uuid;

    use super::*;

    const PAY_BY: Timestamp = Timestamp::UNIX_EPOCH;

    fn product(number: u128) -> ProductId {
        Uuid::from_u128(number).try_into().unwrap()
    }

    fn stock(entries: &[(u128, i128, i128)]) -> StockRead {
        let mut read = StockRead::default();
        for &(number, available, supply) in entries {
            read.add(Found {
                key: number.to_string(),
                content: Ok(StockEntry {
                    product_id: product(number),
                    available,
                    supply,
                }),
            });
        }
        read
    }

    fn order(status: OrderStatus, lines: &[(u128, i64)], total: i64) -> Found<OrderEntry> {
        let line = |&(number, quantity): &(u128, i64)| OrderLine {
            product_id: product(number),
            name: "A good thing".to_owned().try_into().unwrap(),
            quantity: Quantity::try_from(quantity).unwrap(),
            unit_price: Money::price(2.into()).unwrap(),
        };
        let lines: Vec<OrderLine> = lines.iter().map(line).collect();
        Found {
            key: "ada / 1".to_owned(),
            content: Ok(OrderEntry {
                status,
                lines: lines.try_into().unwrap(),
                total: Money::try_from(rust_decimal::Decimal::from(total)).unwrap(),
                submitted_at: PAY_BY,
                decided_at: PAY_BY,
                pay_by: (status == OrderStatus::WaitingPayment).then_some(PAY_BY),
            }),
        }
    }

    fn orders(entries: impl IntoIterator<Item = Found<OrderEntry>>) -> OrdersRead {
        let mut read = OrdersRead::new(PAY_BY);
        entries.into_iter().for_each(|entry| read.add(entry));
        read
    }

    #[test]
    fn books_balance_when_every_unit_is_on_the_shelf_or_in_an_order_that_holds_it() {
        let read = orders([
            order(OrderStatus::WaitingPayment, &[(1, 3), (2, 1)], 8),
            order(OrderStatus::Rejected, &[(1, 9)], 18),
        ]);
        let books = BooksRead::judge(stock(&[(1, 7, 10), (2, 0, 1)]), read);
        assert!(books.faults.is_empty(), "{:?}", books.faults);
        let units = books.products[&product(1)];
        assert_eq!((units.held, units.surplus()), (3, 0));
    }

    #[test]
    fn each_broken_rule_is_a_fault_of_its_own() {
        let held = || order(OrderStatus::WaitingPayment, &[(1, 3)], 6);
        let broken = Found {
            key: "ada / 2".to_owned(),
            content: Err(StoreError::Corrupt {
                attribute: "lines",
                problem: "is missing".to_owned(),
            }),
        };
        for (fault, stocked, entries) in [
            (Fault::NegativeStock, (1, -1, 2), vec![held()]),
            (Fault::Oversold, (1, 1, 3), vec![held()]),
            (Fault::Oversold, (2, 1, 1), vec![held()]),
            (Fault::LostUnits, (1, 1, 5), vec![held()]),
            (
                Fault::WrongTotal,
                (1, 0, 3),
                vec![order(OrderStatus::WaitingPayment, &[(1, 3)], 7)],
            ),
            (Fault::DamagedOrder, (1, 0, 0), vec![broken]),
        ] {
            let books = BooksRead::judge(stock(&[stocked]), orders(entries));
            let found: Vec<_> = books.faults.iter().map(|(fault, ..)| fault).collect();
            assert_eq!(found, [fault]);
        }
    }

    #[test]
    fn an_unpaid_order_expires_only_after_its_time() {
        let unpaid = || order(OrderStatus::WaitingPayment, &[(1, 1)], 2);
        let mut read = OrdersRead::new(PAY_BY + SignedDuration::from_secs(1));
        read.add(unpaid());
        read.add(order(OrderStatus::Paid, &[(1, 1)], 2));
        assert_eq!(read.faults.count(Fault::Overdue), 1);
        assert_eq!(orders([unpaid()]).faults.count(Fault::Overdue), 0);
    }

    #[test]
    fn merged_segments_equal_the_whole() {
        let all = |count| (0..count).map(|_| order(OrderStatus::WaitingPayment, &[(1, 2)], 4));
        let mut halves = orders(all(3));
        halves.merge(orders(all(4)));
        assert_eq!(halves, orders(all(7)));
    }
}
