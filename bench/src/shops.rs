//! The shops that a measurement is made of.

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use loadtest::LocalShop;

use crate::measure::{Bench, Opening};

/// The arguments that choose the shops.
#[derive(Debug, Clone, Args)]
pub(crate) struct Shops {
    /// Whether the emulator has AWS's latencies and contention [default: one after the other]
    #[arg(long, value_enum)]
    realism: Option<Realism>,
    /// Let the functions send their traces to the emulator, to measure the cost
    #[arg(long)]
    traces: bool,
    /// Measure the shop that is open at this AWS endpoint, such as http://127.0.0.1:4566. Given several times, all of
    /// them are measured in turn: so two builds are compared in one run [default: a shop that is opened for the
    /// measurement]
    #[arg(
        long = "aws-url",
        visible_alias = "edge-url",
        value_name = "URL",
        conflicts_with_all = ["realism", "traces"]
    )]
    aws_urls: Vec<String>,
    /// How often each shop is measured, in turn with the others
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    rounds: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Realism {
    Off,
    Aws,
}

/// A shop that was chosen.
#[derive(Debug, Clone)]
enum Choice {
    ToOpen(Opening),
    /// Its AWS endpoint.
    IsOpen(String),
}

impl Shops {
    /// Measures each shop, round after round.
    pub(crate) async fn measure<T>(
        &self,
        measure: impl AsyncFn(&Bench) -> Result<T>,
    ) -> Result<Vec<T>> {
        let choices = self.choices();
        let mut measured = Vec::new();
        for choice in std::iter::repeat_n(choices, self.rounds).flatten() {
            let bench = choice.open().await?;
            measured.push(measure(&bench).await?);
        }
        Ok(measured)
    }

    fn choices(&self) -> Vec<Choice> {
        if !self.aws_urls.is_empty() {
            return self.aws_urls.iter().cloned().map(Choice::IsOpen).collect();
        }
        let realism = match self.realism {
            Some(chosen) => vec![chosen == Realism::Aws],
            None => vec![false, true],
        };
        let traces = self.traces;
        let to_open = |realism| Choice::ToOpen(Opening { realism, traces });
        realism.into_iter().map(to_open).collect()
    }
}

impl Choice {
    async fn open(self) -> Result<Bench> {
        match self {
            Choice::ToOpen(opening) => Bench::open(opening).await,
            Choice::IsOpen(url) => {
                let shop = LocalShop::find(&url).await?;
                let shop = shop.with_context(|| format!("nothing answers at {url}"))?;
                Bench::of(shop, url).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        shops: Shops,
    }

    fn choices(arguments: &[&str]) -> Vec<String> {
        let line = Line::parse_from(["bench"].iter().chain(arguments));
        let name = |choice: Choice| match choice {
            Choice::ToOpen(opening) => opening.to_string(),
            Choice::IsOpen(url) => url,
        };
        line.shops.choices().into_iter().map(name).collect()
    }

    #[test]
    fn a_shop_is_opened_unless_open_ones_are_named() {
        assert_eq!(choices(&[]), ["realism off", "realism aws"]);
        let traced = choices(&["--realism", "aws", "--traces"]);
        assert_eq!(traced, ["realism aws, traces"]);
        let open = ["--aws-url", "http://a", "--aws-url", "http://b"];
        assert_eq!(choices(&open), ["http://a", "http://b"]);
    }
}
