//! Measures how long a lone shopper waits: one checkout after the other, with pauses, and nobody else in the shop.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use crate::json_file::JsonFile;
use crate::latency::{Latencies, Percentiles};
use crate::measure::{Bench, PLENTY};
use crate::shopper::Shopper;
use crate::shops::Shops;

/// The pause between two looks at the order. It is short because it is part of what is measured.
const POLL: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    shops: Shops,
    /// Checkouts, one after the other
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    checkouts: usize,
    /// The seconds between a decision and the next checkout
    #[arg(long, value_name = "NUMBER", default_value_t = 1.0)]
    pause: f64,
    #[command(flatten)]
    json: JsonFile,
}

#[derive(Debug, Serialize)]
struct Waits {
    shop: String,
    checkouts: usize,
    /// From the click until the shopper saw the decision, in milliseconds.
    seen_ms: Percentiles,
    /// From submission to decision, in milliseconds.
    decision_ms: Percentiles,
}

pub(crate) async fn measure(arguments: &Arguments) -> Result<()> {
    let shops = &arguments.shops;
    let measured = shops
        .measure(async |bench| wait_often(bench, arguments).await)
        .await?;
    println!("{}", table(&measured));
    arguments.json.write(&measured)
}

async fn wait_often(bench: &Bench, arguments: &Arguments) -> Result<Waits> {
    let product = bench.shelves.add("Everyday product", PLENTY).await?;
    let mut shopper = Shopper::sign_in(&bench.shop, "lone-shopper", product, POLL).await?;
    // The first checkout is not counted: it starts the functions.
    shopper.buy().await?;
    let before = bench.shop.meter().await?;
    let (mut seen, mut decided) = (Latencies::new(), Latencies::new());
    for _ in 0..arguments.checkouts {
        tokio::time::sleep(Duration::from_secs_f64(arguments.pause)).await;
        let wait = shopper.buy().await?.context("plenty was sold out")?;
        seen.record(wait.seen);
        decided.record(wait.decided);
    }
    let metered = bench.shop.meter().await?.since(&before);
    println!(
        "{}: calls of AWS for each checkout, with its polls",
        bench.name
    );
    println!("{}", metered.calls_per_order(arguments.checkouts as u64));
    Ok(Waits {
        shop: bench.name.clone(),
        checkouts: arguments.checkouts,
        seen_ms: seen.percentiles(),
        decision_ms: decided.percentiles(),
    })
}

fn table(measured: &[Waits]) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        writeln!(
            f,
            "{:<24} {:>9} | {:>26} | {:>28}",
            "shop", "checkouts", "seen p50/p95/max ms", "to decision p50/p95/max ms"
        )?;
        for one in measured {
            let seen = one.seen_ms.with_max();
            let decision = one.decision_ms.with_max();
            writeln!(
                f,
                "{:<24} {:>9} | {seen:>26} | {decision:>28}",
                one.shop, one.checkouts
            )?;
        }
        writeln!(
            f,
            "(seen: from the click until a poll, every {POLL:?}, showed the decision)"
        )
    })
}
