//! Runs a rush and measures it.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;
use deployment::Deployment;
use domain::{ProductId, Units};
use hyper::StatusCode;
use loadtest::{LocalShop, Profile, Shelves};

use crate::arrival::Arrival;
use crate::buyers::{self, Route, Rush};
use crate::counts::Counts;
use crate::decisions::Ledger;
use crate::latency::Latencies;
use crate::measurement::{Measurement, Mode, QueueFigures};
use crate::naive;
use crate::processor::{MicrosPerOrder, ProcessorTimes};
use crate::shopper::Shopper;

/// More units than any measurement sells.
pub(crate) const PLENTY: Units = 1_000_000_000;

/// The pause between two looks of the shopper that watches a rush, as the closed loop of the load test has it.
const WATCHING_POLL: Duration = Duration::from_millis(50);

/// A shop to measure, with access to its tables.
pub(crate) struct Bench {
    /// How it was opened, or where it is.
    pub(crate) name: String,
    pub(crate) shop: LocalShop,
    pub(crate) deployment: Deployment,
    pub(crate) shelves: Shelves,
    pub(crate) ledger: Ledger,
}

/// The way a shop is opened. By default its functions do no work that they would not do on AWS, too.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Opening {
    /// With AWS's latencies and contention.
    pub(crate) realism: bool,
    /// With functions that send their traces to the emulator.
    pub(crate) traces: bool,
}

/// The parameters of a measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    pub(crate) buyers: usize,
    pub(crate) arrival: Arrival,
    pub(crate) duration: Duration,
    pub(crate) units: Units,
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Opening { realism, traces } = *self;
        f.write_str(if realism {
            "realism aws"
        } else {
            "realism off"
        })?;
        f.write_str(if traces { ", traces" } else { "" })
    }
}

impl Bench {
    /// Opens a shop on free ports, in the release build.
    pub(crate) async fn open(opening: Opening) -> Result<Bench> {
        let mut arguments = Vec::new();
        if opening.realism {
            arguments.extend(["--realism", "aws"]);
        }
        if !opening.traces {
            arguments.push("--no-traces");
        }
        let shop = LocalShop::start(Profile::Release, &arguments).await?;
        Self::of(shop, opening.to_string()).await
    }

    /// Measures a shop that is open, under this name.
    pub(crate) async fn of(shop: LocalShop, name: String) -> Result<Bench> {
        let deployment = Deployment::at(&shop.aws_url).await?;
        Ok(Bench {
            shelves: Shelves::of(&deployment).await?,
            ledger: Ledger::of(&deployment).await?,
            shop,
            deployment,
            name,
        })
    }

    /// Measures a rush for a new product.
    pub(crate) async fn measure(&self, plan: Plan) -> Result<Measurement> {
        let product = self.shelves.add("Limited product", plan.units).await?;
        self.measure_product(plan, product).await
    }

    /// Measures a rush for this product.
    pub(crate) async fn measure_product(
        &self,
        plan: Plan,
        product: ProductId,
    ) -> Result<Measurement> {
        let before = ProcessorTimes::now(&self.shop).await?;
        let mut measurement = match plan.mode {
            Mode::Batch => self.through_the_shop(plan, product, Route::Queued).await?,
            Mode::Direct => self.through_the_shop(plan, product, Route::Direct).await?,
            Mode::Naive => self.naively(plan, product).await?,
        };
        let used = ProcessorTimes::now(&self.shop).await?.since(&before);
        measurement.processor_micros_per_order = MicrosPerOrder::of(used, measurement.decided);
        Ok(measurement)
    }

    async fn through_the_shop(
        &self,
        plan: Plan,
        product: ProductId,
        route: Route,
    ) -> Result<Measurement> {
        let rush = Rush {
            product,
            connections: plan.buyers,
            arrival: plan.arrival,
            duration: plan.duration,
            route,
        };
        let before = Counts::now(&self.shop).await?;
        let (answers, seen) = tokio::try_join!(buyers::rush(&self.shop, rush), self.watch(rush))?;
        let ended = Instant::now();
        let left = self.ledger.backlog().await?;
        self.ledger.wait_until_empty().await?;
        let until_empty = ended.elapsed();
        let counts = Counts::now(&self.shop).await?;
        let decisions = self.ledger.decisions(product).await?;
        let batches = counts.since(&before, decisions.count());
        let accepted = match route {
            Route::Queued => StatusCode::ACCEPTED,
            Route::Direct => StatusCode::CREATED,
        };
        Ok(Measurement {
            accepted: answers.of(accepted),
            accepted_per_second: answers.per_second(accepted),
            sold_out_at_once: answers.of(StatusCode::CONFLICT),
            failures: answers.failures(),
            stock_writes: batches.stock_writes,
            queue: (route == Route::Queued).then(|| QueueFigures {
                left,
                seconds_until_empty: until_empty.as_secs_f64(),
                seen_ms: seen.map(|seen| seen.percentiles()),
                batches,
            }),
            decided: decisions.count(),
            decided_per_second: decisions.per_second(),
            acceptance_ms: answers.latencies.percentiles(),
            decision_ms: decisions.latencies.percentiles(),
            ..self.blank(plan)
        })
    }

    /// Watches a rush as one more shopper, from its click to the decision that it sees. Where buyers return as soon as
    /// they are served, its requests would take time from theirs.
    async fn watch(&self, rush: Rush) -> Result<Option<Latencies>> {
        if rush.route == Route::Direct || rush.arrival == Arrival::Closed {
            return Ok(None);
        }
        let product = rush.product;
        let mut shopper = Shopper::sign_in(&self.shop, "watcher", product, WATCHING_POLL).await?;
        let until = Instant::now() + rush.duration;
        let mut seen = Latencies::new();
        while Instant::now() < until {
            let Some(wait) = shopper.buy().await? else {
                break;
            };
            seen.record(wait.seen);
        }
        Ok(Some(seen))
    }

    async fn naively(&self, plan: Plan, product: ProductId) -> Result<Measurement> {
        let Plan {
            buyers,
            arrival,
            duration,
            ..
        } = plan;
        let outcome = naive::rush(&self.deployment, product, buyers, arrival, duration).await?;
        let seconds = outcome.took.as_secs_f64();
        let per_second = outcome.decided as f64 / seconds;
        Ok(Measurement {
            accepted: outcome.decided,
            accepted_per_second: per_second,
            failures: outcome.undecided,
            decided: outcome.decided,
            decided_per_second: per_second,
            stock_writes: outcome.transactions + outcome.conflicts,
            acceptance_ms: outcome.latencies.percentiles(),
            decision_ms: outcome.latencies.percentiles(),
            ..self.blank(plan)
        })
    }

    fn blank(&self, plan: Plan) -> Measurement {
        Measurement {
            mode: plan.mode,
            shop: self.name.clone(),
            buyers: plan.buyers,
            offered_per_second: match plan.arrival {
                Arrival::Closed => None,
                Arrival::Open { rate } => Some(rate),
            },
            seconds: plan.duration.as_secs_f64(),
            accepted: 0,
            accepted_per_second: 0.0,
            sold_out_at_once: 0,
            failures: 0,
            decided: 0,
            decided_per_second: 0.0,
            stock_writes: 0,
            acceptance_ms: Default::default(),
            decision_ms: Default::default(),
            queue: None,
            processor_micros_per_order: MicrosPerOrder::default(),
        }
    }
}
