//! Adds up stock, orders and decisions, product by product. Pure: no table, no clock.

use std::collections::{BTreeMap, HashSet};

use domain::{DecisionId, Money, OrderKey, OrderLines, ProductId};
use jiff::Timestamp;
use store::audit::{ClosedEntry, Found, OpenEntry, OrderEntry, StockEntry, SubmittedCart};

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
    /// Units that open decisions took for orders that do not exist or do not name them.
    pub unentered: i128,
}

impl Balance {
    /// I2: the number of units sold twice; if negative, the number of units lost.
    pub fn surplus(self) -> i128 {
        self.available + self.held + self.unentered - self.supply
    }
}

/// Units per product.
type Units = BTreeMap<ProductId, i128>;

fn add_lines(units: &mut Units, lines: &OrderLines) {
    for line in lines {
        *units.entry(line.product_id).or_default() += i128::from(line.quantity.get());
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

/// The open decisions, with the units and the orders that they have not entered, and their faults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenRead {
    decisions: HashSet<DecisionId>,
    units: Units,
    orders: HashSet<OrderKey>,
    faults: Faults,
}

impl OpenRead {
    /// Adds one open decision. One that was made before `open_until` must be closed.
    pub fn add(&mut self, entry: Found<OpenEntry>, open_until: Timestamp) {
        let Found { key, content } = entry;
        let decision = match content {
            Ok(decision) => decision,
            Err(error) => {
                let case = || format!("{key}, open: {error}");
                return self.faults.record(Fault::DamagedDecision, case);
            }
        };
        let OpenEntry {
            decision_id,
            decided_at,
            unentered,
            obstacles,
        } = decision;
        if decided_at < open_until {
            let orders = unentered.len();
            let case = || format!("{key}: decided {decided_at}, {orders} orders not entered");
            self.faults.record(Fault::StaysOpen, case);
        }
        if let [first, more @ ..] = obstacles.as_slice() {
            let case = || match more.len() {
                0 => format!("{key}: {first}"),
                more => format!("{key}: {first}, and {more} more"),
            };
            self.faults.record(Fault::UnfinishableDecision, case);
        }
        for checkout in unentered {
            add_lines(&mut self.units, &checkout.lines);
            self.orders.insert(checkout.key());
        }
        self.decisions.insert(decision_id);
    }

    pub fn decisions(&self) -> &HashSet<DecisionId> {
        &self.decisions
    }

    /// Whether an open decision accepts this order: then it is decided, though it does not exist yet.
    pub fn accepts(&self, order: &OrderKey) -> bool {
        self.orders.contains(order)
    }
}

/// The sums over orders, carts and closed decisions. Its size grows with the number of products only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrdersRead {
    /// Orders whose time to pay ended before this must have expired.
    unpaid_until: Timestamp,
    held: Units,
    /// Units that decisions returned when they were closed.
    returned: Units,
    pub orders: u64,
    pub carts: u64,
    /// Closed decisions.
    pub closed: u64,
    faults: Faults,
}

impl OrdersRead {
    pub fn new(unpaid_until: Timestamp) -> OrdersRead {
        OrdersRead {
            unpaid_until,
            held: Units::new(),
            returned: Units::new(),
            orders: 0,
            carts: 0,
            closed: 0,
            faults: Faults::default(),
        }
    }

    /// Records an order that names a decision without a record.
    pub fn add_unknown_decision(&mut self, order: &str, decision_id: DecisionId) {
        let case = || format!("{order}: decision {decision_id}");
        self.faults.record(Fault::UnknownDecision, case);
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
            add_lines(&mut self.held, &order.lines);
        }
    }

    /// Adds one closed decision: the units that it returned, and its faults.
    pub fn add_closed(&mut self, entry: Found<ClosedEntry>) {
        self.closed += 1;
        match entry.content {
            Ok(decision) => {
                for OrderKey { user_id, order_id } in &decision.missing {
                    let case = || format!("{user_id} / {order_id}: decision {}", entry.key);
                    self.faults.record(Fault::MissingOrder, case);
                }
                for lines in &decision.returned {
                    add_lines(&mut self.returned, lines);
                }
            }
            Err(error) => {
                let case = || format!("{}: {error}", entry.key);
                self.faults.record(Fault::DamagedDecision, case);
            }
        }
    }

    /// Adds a cart that was submitted and is not decided, or that cannot be read.
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
        for (all, others) in [
            (&mut self.held, other.held),
            (&mut self.returned, other.returned),
        ] {
            for (product, units) in others {
                *all.entry(product).or_default() += units;
            }
        }
        self.orders += other.orders;
        self.carts += other.carts;
        self.closed += other.closed;
        self.faults.merge(other.faults);
    }
}

/// The sums over all tables, and the faults that they show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BooksRead {
    /// Each product that has a stock entry, or is in an order or in an open decision.
    pub products: BTreeMap<ProductId, Balance>,
    pub orders: u64,
    pub carts: u64,
    pub decisions: u64,
    /// Those of the decisions that are open.
    pub open_decisions: u64,
    pub faults: Faults,
}

impl BooksRead {
    /// Compares stock, orders and open decisions. A product that orders hold and that was never stocked has no
    /// supply, so all its units are oversold.
    pub fn judge(stock: StockRead, read: OrdersRead, open: OpenRead) -> BooksRead {
        let mut products: BTreeMap<ProductId, Balance> = BTreeMap::new();
        for (product, (available, supply)) in stock.levels {
            let units = products.entry(product).or_default();
            (units.available, units.supply) = (available, supply);
        }
        for (product, held) in read.held {
            products.entry(product).or_default().held = held;
        }
        for (product, unentered) in open.units {
            products.entry(product).or_default().unentered = unentered;
        }
        let mut faults = stock.faults;
        faults.merge(open.faults);
        faults.merge(read.faults);
        for (product, units) in &products {
            let returned = read.returned.get(product).copied().unwrap_or(0);
            record_imbalance(&mut faults, product, *units, returned);
        }
        let open_decisions = open.decisions.len() as u64;
        BooksRead {
            products,
            orders: read.orders,
            carts: read.carts,
            decisions: read.closed + open_decisions,
            open_decisions,
            faults,
        }
    }
}

/// Records what is wrong with the units of a product, of which `returned` went back when decisions were closed.
fn record_imbalance(faults: &mut Faults, product: &ProductId, units: Balance, returned: i128) {
    let Balance {
        supply,
        available,
        held,
        unentered,
    } = units;
    if available < 0 || supply < 0 {
        let case = || format!("{product}: available {available}, supply {supply}");
        faults.record(Fault::NegativeStock, case);
    }
    // An imbalance of more units than decisions returned has another reason.
    let case = |by: i128, how: &str, times: &str| {
        let sums = format!(
            "{product}: {by} {how} (supply {supply}, available {available}, held {held}, \
             unentered {unentered})"
        );
        if by > returned {
            return sums;
        }
        format!("{sums}; closed decisions had to return {returned}, perhaps some {times}")
    };
    match units.surplus() {
        0 => {}
        surplus @ 1.. => {
            let case = || case(surplus, "too many", "were returned twice");
            faults.record(Fault::Oversold, case);
        }
        deficit => {
            let case = || case(-deficit, "lost", "were never returned");
            faults.record(Fault::LostUnits, case);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Checkout, OrderLine, OrderStatus, Quantity};
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

    fn order_lines(lines: &[(u128, i64)]) -> OrderLines {
        let line = |&(number, quantity): &(u128, i64)| OrderLine {
            product_id: product(number),
            name: "A good thing".to_owned().try_into().unwrap(),
            quantity: Quantity::try_from(quantity).unwrap(),
            unit_price: Money::price(2.into()).unwrap(),
        };
        let lines: Vec<OrderLine> = lines.iter().map(line).collect();
        lines.try_into().unwrap()
    }

    fn order(status: OrderStatus, lines: &[(u128, i64)], total: i64) -> Found<OrderEntry> {
        Found {
            key: "ada / 1".to_owned(),
            content: Ok(OrderEntry {
                status,
                decision_id: None,
                lines: order_lines(lines),
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

    /// An open decision, made at `PAY_BY`, that has not entered an order of these lines.
    fn open(lines: &[(u128, i64)]) -> OpenEntry {
        let id = Uuid::now_v7();
        OpenEntry {
            decision_id: id.try_into().unwrap(),
            decided_at: PAY_BY,
            unentered: vec![Checkout {
                order_id: id.try_into().unwrap(),
                user_id: "ada".parse().unwrap(),
                lines: order_lines(lines),
                submitted_at: PAY_BY,
            }],
            obstacles: Vec::new(),
        }
    }

    fn open_read(entries: impl IntoIterator<Item = OpenEntry>, open_until: Timestamp) -> OpenRead {
        let mut read = OpenRead::default();
        for entry in entries {
            let found = Found {
                key: entry.decision_id.to_string(),
                content: Ok(entry),
            };
            read.add(found, open_until);
        }
        read
    }

    #[test]
    fn units_of_orders_that_open_decisions_have_not_entered_are_accounted_for() {
        let read = orders([order(OrderStatus::WaitingPayment, &[(1, 3)], 6)]);
        // The same order, accepted by two decisions, has taken its units twice.
        let first = open(&[(1, 2), (2, 1)]);
        let second = OpenEntry {
            decision_id: Uuid::now_v7().try_into().unwrap(),
            ..first.clone()
        };
        let key = first.unentered[0].key();
        let open = open_read([first, second], PAY_BY);
        assert!(open.accepts(&key));
        let books = BooksRead::judge(stock(&[(1, 3, 10), (2, 0, 2)]), read, open);
        assert!(books.faults.is_empty(), "{:?}", books.faults);
        assert_eq!(books.products[&product(1)].unentered, 4);
        assert_eq!((books.decisions, books.open_decisions), (2, 2));
    }

    #[test]
    fn an_open_decision_is_a_fault_when_it_is_old_or_cannot_be_closed() {
        let later = PAY_BY + SignedDuration::from_secs(1);
        let old = open_read([open(&[(1, 1)])], later);
        assert_eq!(old.faults.count(Fault::StaysOpen), 1);
        let stuck = OpenEntry {
            obstacles: vec!["it has no record".to_owned()],
            ..open(&[(1, 1)])
        };
        let read = open_read([stuck], PAY_BY);
        let found: Vec<_> = read.faults.iter().map(|(fault, ..)| fault).collect();
        assert_eq!(found, [Fault::UnfinishableDecision]);
    }

    #[test]
    fn an_imbalance_that_closing_decisions_may_have_made_says_so() {
        let closed = || ClosedEntry {
            decision_id: Uuid::now_v7().try_into().unwrap(),
            missing: Vec::new(),
            returned: vec![order_lines(&[(1, 2)])],
        };
        for (available, words) in [
            (12, Some("perhaps some were returned twice")),
            (8, Some("perhaps some were never returned")),
            (13, None),
        ] {
            let mut read = orders([]);
            read.add_closed(Found {
                key: "a decision".to_owned(),
                content: Ok(closed()),
            });
            let stock = stock(&[(1, available, 10)]);
            let books = BooksRead::judge(stock, read, OpenRead::default());
            let (_, _, cases) = books.faults.iter().next().unwrap();
            match words {
                Some(words) => assert!(cases[0].contains(words), "{cases:?}"),
                None => assert!(!cases[0].contains("perhaps"), "{cases:?}"),
            }
        }
    }

    #[test]
    fn books_balance_when_every_unit_is_on_the_shelf_or_in_an_order_that_holds_it() {
        let read = orders([
            order(OrderStatus::WaitingPayment, &[(1, 3), (2, 1)], 8),
            order(OrderStatus::Rejected, &[(1, 9)], 18),
        ]);
        let stock = stock(&[(1, 7, 10), (2, 0, 1)]);
        let books = BooksRead::judge(stock, read, OpenRead::default());
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
            let stock = stock(&[stocked]);
            let books = BooksRead::judge(stock, orders(entries), OpenRead::default());
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
