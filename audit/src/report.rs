//! The report of an audit.

use std::fmt;

use domain::ProductId;

use crate::books::{Balance, BooksRead};

/// The result of an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every rule holds.
    Balanced,
    /// A rule is broken.
    Off,
    /// The tables kept changing, so nothing was proved.
    Unsettled,
}

/// The verdict and the sums that it rests on.
#[derive(Debug, Clone)]
pub struct Report {
    pub verdict: Verdict,
    pub books: BooksRead,
    /// The approximate number of checkouts still in the queue.
    pub backlog: u64,
}

impl Report {
    /// The report as text, with at most this many products: those out of balance come first.
    pub fn show(&self, most_products: usize) -> impl fmt::Display {
        fmt::from_fn(move |f| {
            self.products(f, most_products)?;
            self.faults(f)?;
            self.verdict(f)
        })
    }

    fn products(&self, f: &mut fmt::Formatter<'_>, most: usize) -> fmt::Result {
        let mut products: Vec<(&ProductId, &Balance)> = self.books.products.iter().collect();
        products.sort_by_key(|(_, units)| units.surplus() == 0);
        writeln!(
            f,
            "{:<36} {:>12} {:>12} {:>12} {:>12}  balanced",
            "product", "supply", "available", "held", "unentered"
        )?;
        for (product, units) in products.iter().take(most) {
            let balanced = match units.surplus() {
                0 => "yes".to_owned(),
                surplus => format!("NO: {surplus:+}"),
            };
            let Balance {
                supply,
                available,
                held,
                unentered,
            } = units;
            writeln!(
                f,
                "{product:<36} {supply:>12} {available:>12} {held:>12} {unentered:>12}  {balanced}"
            )?;
        }
        if let Some(rest @ 1..) = products.len().checked_sub(most) {
            writeln!(f, "… and {rest} more")?;
        }
        writeln!(f)
    }

    fn faults(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (fault, count, examples) in self.books.faults.iter() {
            writeln!(f, "{}: {count}", fault.headline())?;
            for example in examples {
                writeln!(f, "  {example}")?;
            }
            if count > examples.len() as u64 {
                writeln!(f, "  …")?;
            }
        }
        Ok(())
    }

    fn verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BooksRead {
            products,
            orders,
            carts,
            decisions,
            open_decisions,
            ..
        } = &self.books;
        let read = format!(
            "{} products, {orders} orders, {carts} carts and {decisions} decisions \
             ({open_decisions} open) read",
            products.len()
        );
        match self.verdict {
            Verdict::Balanced => write!(f, "The books balance: {read}."),
            Verdict::Off => write!(f, "THE BOOKS ARE OFF: {read}."),
            Verdict::Unsettled => write!(
                f,
                "No verdict: the books kept moving while they were read ({} checkouts on their \
                 way; {read}). Wait until it is quiet, or give --wait more seconds.",
                self.backlog
            ),
        }
    }
}
