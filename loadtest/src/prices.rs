//! Reckons what AWS would charge for usage that was counted.

use std::fmt;

use serde::Deserialize;

const SHIPPED: &str = include_str!("../prices.json");
const MILLION: f64 = 1e6;

/// AWS's published prices.
#[derive(Debug, Clone, Deserialize)]
pub struct Prices {
    /// The month in which the prices were looked up.
    pub as_of: String,
    pub region: String,
    pub currency: String,
    /// The costs that are left out.
    pub note: String,
    http_api_million_requests: f64,
    lambda_million_requests: f64,
    lambda_gb_second_arm64: f64,
    sqs_million_requests: f64,
    dynamodb_million_read_units: f64,
    dynamodb_million_write_units: f64,
}

/// The billable usage of each service.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    pub http_requests: f64,
    pub invocations: f64,
    /// Billed time of functions, multiplied by their memory.
    pub gb_seconds: f64,
    pub sqs_requests: f64,
    /// DynamoDB's read request units.
    pub read_units: f64,
    /// DynamoDB's write request units.
    pub write_units: f64,
}

impl Usage {
    /// The usage since `before`.
    #[must_use]
    pub fn since(self, before: Usage) -> Usage {
        self.zip(before, |now, then| now - then)
    }

    /// Scales the usage of `times` orders to that of a million.
    #[must_use]
    pub fn per_million(self, times: u64) -> Usage {
        let factor = MILLION / times.max(1) as f64;
        self.zip(self, |amount, _| amount * factor)
    }

    fn zip(self, other: Usage, with: impl Fn(f64, f64) -> f64) -> Usage {
        Usage {
            http_requests: with(self.http_requests, other.http_requests),
            invocations: with(self.invocations, other.invocations),
            gb_seconds: with(self.gb_seconds, other.gb_seconds),
            sqs_requests: with(self.sqs_requests, other.sqs_requests),
            read_units: with(self.read_units, other.read_units),
            write_units: with(self.write_units, other.write_units),
        }
    }
}

impl Prices {
    /// The price list in prices.json.
    pub fn shipped() -> Prices {
        serde_json::from_str(SHIPPED).expect("prices.json is a price list")
    }

    pub fn bill(&self, usage: Usage) -> Bill<'_> {
        Bill {
            prices: self,
            usage,
        }
    }
}

/// Usage and its prices.
#[derive(Debug, Clone, Copy)]
pub struct Bill<'a> {
    prices: &'a Prices,
    usage: Usage,
}

impl Bill<'_> {
    fn entries(&self) -> [(&'static str, f64, f64); 6] {
        let Prices {
            http_api_million_requests,
            lambda_million_requests,
            lambda_gb_second_arm64,
            sqs_million_requests,
            dynamodb_million_read_units,
            dynamodb_million_write_units,
            ..
        } = *self.prices;
        let used = self.usage;
        let per_million = |amount: f64, price: f64| amount / MILLION * price;
        [
            (
                "HTTP API requests",
                used.http_requests,
                per_million(used.http_requests, http_api_million_requests),
            ),
            (
                "Lambda invocations",
                used.invocations,
                per_million(used.invocations, lambda_million_requests),
            ),
            (
                "Lambda GB-seconds",
                used.gb_seconds,
                used.gb_seconds * lambda_gb_second_arm64,
            ),
            (
                "SQS requests",
                used.sqs_requests,
                per_million(used.sqs_requests, sqs_million_requests),
            ),
            (
                "DynamoDB read units",
                used.read_units,
                per_million(used.read_units, dynamodb_million_read_units),
            ),
            (
                "DynamoDB write units",
                used.write_units,
                per_million(used.write_units, dynamodb_million_write_units),
            ),
        ]
    }

    /// The sum, in the price list's currency.
    pub fn total(&self) -> f64 {
        self.entries().iter().map(|(_, _, price)| price).sum()
    }
}

impl fmt::Display for Bill<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let currency = &self.prices.currency;
        for (name, amount, price) in self.entries() {
            writeln!(f, "  {name:<22} {amount:>14.0} {price:>10.2} {currency}")?;
        }
        let total = self.total();
        writeln!(
            f,
            "  {:<22} {:>14} {total:>10.2} {currency}",
            "together", ""
        )?;
        let Prices {
            as_of,
            region,
            note,
            ..
        } = self.prices;
        write!(f, "  (prices of {as_of}, {region}. {note})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_adds_up() {
        let usage = Usage {
            http_requests: 2e6,
            invocations: 1e6,
            gb_seconds: 1_000.0,
            sqs_requests: 1e6,
            read_units: 4e6,
            write_units: 2e6,
        };
        let prices = Prices::shipped();
        let total = prices.bill(usage).total();
        // 2.00 + 0.20 + 0.0133334 + 0.40 + 0.50 + 1.25
        assert!((total - 4.363_333_4).abs() < 1e-9, "{total}");
    }

    #[test]
    fn usage_is_scaled_to_a_million() {
        let before = Usage {
            write_units: 100.0,
            ..Usage::default()
        };
        let after = Usage {
            write_units: 600.0,
            ..Usage::default()
        };
        assert_eq!(after.since(before).per_million(250).write_units, 2e6);
    }
}
