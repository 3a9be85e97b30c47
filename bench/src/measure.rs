//! Runs a rush and measures it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use deployment::Deployment;
use domain::{ProductId, Units};
use hyper::StatusCode;
use loadtest::{LocalShop, Profile, Shelves};

use crate::arrival::Arrival;
use crate::buyers::{self, Route, Rush};
use crate::decisions::Ledger;
use crate::measurement::{Measurement, Mode};
use crate::naive;
use crate::processor::ProcessorTimes;

/// More units than any measurement sells.
pub(crate) const PLENTY: Units = 1_000_000_000;

/// A shop to measure, with access to its tables.
pub(crate) struct Bench {
    pub(crate) shop: LocalShop,
    pub(crate) deployment: Deployment,
    pub(crate) shelves: Shelves,
    pub(crate) ledger: Ledger,
    pub(crate) opening: Opening,
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
        Self::of(
            LocalShop::start(Profile::Release, &arguments).await?,
            opening,
        )
        .await
    }

    /// Measures a shop that is open.
    pub(crate) async fn of(shop: LocalShop, opening: Opening) -> Result<Bench> {
        let deployment = Deployment::at(&shop.aws_url).await?;
        Ok(Bench {
            shelves: Shelves::of(&deployment).await?,
            ledger: Ledger::of(&deployment).await?,
            shop,
            deployment,
            opening,
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
        let orders = measurement.decided.max(1) as f64;
        measurement.processor_micros_per_order = used
            .into_iter()
            .map(|(process, time)| (process, time.as_secs_f64() * 1e6 / orders))
            .filter(|(_, micros)| *micros > 0.0)
            .collect();
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
        let before = self.shop.meter().await?;
        let answers = buyers::rush(&self.shop, rush).await?;
        self.ledger.wait_until_empty().await?;
        let metered = self.shop.meter().await?.since(&before);
        let decisions = self.ledger.decisions(product).await?;
        let accepted = match route {
            Route::Queued => StatusCode::ACCEPTED,
            Route::Direct => StatusCode::CREATED,
        };
        Ok(Measurement {
            accepted: answers.of(accepted),
            accepted_per_second: answers.per_second(accepted),
            sold_out_at_once: answers.of(StatusCode::CONFLICT),
            failures: answers.failures(),
            stock_writes: metered.transactions,
            decided: decisions.count,
            decided_per_second: decisions.per_second(),
            acceptance_ms: answers.latencies.percentiles(),
            decision_ms: decisions.latencies.percentiles(),
            ..self.blank(plan)
        })
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
            realism: self.opening.realism,
            traces: self.opening.traces,
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
            processor_micros_per_order: BTreeMap::new(),
        }
    }
}
