//! The load test: products are put on sale, k6 runs the scripts, the audit reads the books.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use audit::{Progress, Report, ResourceNames, WaitLimits, audit};
use deployment::Deployment;
use domain::{ProductId, Units};
use loadtest::{LocalShop, MeterReading, Prices, Profile, Shelves};

use crate::arguments::Arguments;
use crate::k6::{K6, Summary};
use crate::verdict::Verdict;

/// Products of the ordinary day.
const PRODUCTS: usize = 100;

/// Units of a product that must not be sold out.
const PLENTY: Units = 10_000_000;

/// Buyers for each unit of the flash sale.
const BUYERS_PER_UNIT: u32 = 5;

/// How long the audit waits for the last decisions.
const AUDIT_REST: Duration = Duration::from_secs(180);

/// How late a checkout may be decided. It is short because the scripts have waited for all decisions already.
const AUDIT_DECISION: Duration = Duration::from_secs(5);

/// How late an unpaid order may expire.
const AUDIT_EXPIRY: Duration = Duration::from_secs(60);

/// The payment window is longer than a part of the test by this. So the first units of the flash sale come back only
/// after its end, and those of the ordinary day before the audit gives up.
const PAYMENT_WINDOW_MARGIN_SECONDS: u32 = 30;

/// Products in the audit's table; those out of balance come first.
const PRODUCTS_SHOWN: usize = 5;

/// The amount of load: what the arguments say, or else the defaults.
struct Load {
    shoppers: u32,
    unpaid: bool,
    rate: u32,
    closed_loop: Option<u32>,
    seconds: u32,
}

impl Load {
    fn of(arguments: &Arguments) -> Load {
        let (shoppers, rate, seconds) = if arguments.quick {
            (40, 100, 6)
        } else {
            (200, 300, 30)
        };
        Load {
            shoppers: arguments.shoppers.unwrap_or(shoppers),
            unpaid: arguments.unpaid,
            rate: arguments.rate.unwrap_or(rate),
            closed_loop: arguments.closed_loop,
            seconds: arguments.seconds.unwrap_or(seconds),
        }
    }
}

/// A shop with the tools to put load on it.
struct LoadTest<'a> {
    k6: &'a K6,
    load: Load,
    shop: LocalShop,
    deployment: Deployment,
    shelves: Shelves,
}

/// Runs the whole test.
pub(crate) async fn run(arguments: &Arguments, k6: &K6) -> Result<Verdict> {
    let test = LoadTest::prepare(arguments, k6).await?;
    let before = test.shop.meter().await?;
    let (first, later) = match test.load.closed_loop {
        Some(shoppers) => (test.closed_loop(shoppers).await?, None),
        None => (test.ordinary_day().await?, Some(test.load.rate)),
    };
    let metered = test.shop.meter().await?.since(&before);
    let decided = first.decided();
    let mut parts = vec![first];
    if let Some(rate) = later {
        parts.push(test.flash_sale(rate).await?);
    }
    let report = test.audit().await?;
    print_costs(&metered, decided);
    Ok(Verdict::of(&parts, report.verdict))
}

fn print_costs(metered: &MeterReading, decided: u64) {
    println!("Calls of AWS for each order of the first part:");
    println!("{}", metered.calls_per_order(decided));
    println!("A million such orders would use of AWS:");
    let usage = metered.usage.per_million(decided);
    println!("{}\n", Prices::shipped().bill(usage));
}

impl<'a> LoadTest<'a> {
    async fn prepare(arguments: &Arguments, k6: &'a K6) -> Result<LoadTest<'a>> {
        let load = Load::of(arguments);
        let shop = open_shop(arguments, &load).await?;
        let deployment = Deployment::at(&shop.aws_url).await?;
        let shelves = Shelves::of(&deployment).await?;
        Ok(LoadTest {
            k6,
            load,
            shop,
            deployment,
            shelves,
        })
    }

    async fn ordinary_day(&self) -> Result<Summary> {
        let Load {
            shoppers, seconds, ..
        } = self.load;
        println!("\n{shoppers} shoppers at once for {seconds} s");
        let mut products = Vec::new();
        for number in 1..=PRODUCTS {
            let name = format!("Everyday product {number}");
            products.push(self.shelves.add(&name, PLENTY).await?);
        }
        let ids: Vec<String> = products.iter().map(ProductId::to_string).collect();
        let mut variables = self.variables();
        variables.insert("PRODUCTS", ids.join(","));
        variables.insert("SHOPPERS", shoppers.to_string());
        if self.load.unpaid {
            variables.insert("STOP_AT", "decision".to_owned());
        }
        self.k6.run("checkout", variables).await
    }

    async fn flash_sale(&self, rate: u32) -> Result<Summary> {
        let seconds = self.load.seconds;
        println!("\n{rate} buyers a second for {seconds} s");
        let units = (rate * seconds / BUYERS_PER_UNIT).max(1);
        let product = self.shelves.add("Limited product", units.into()).await?;
        let mut variables = self.variables();
        variables.insert("PRODUCT", product.to_string());
        variables.insert("RATE", rate.to_string());
        self.k6.run("flash-sale", variables).await
    }

    async fn closed_loop(&self, shoppers: u32) -> Result<Summary> {
        let seconds = self.load.seconds;
        println!("\n{shoppers} shoppers, each waiting for its decision, for {seconds} s");
        let product = self.shelves.add("Everyday product", PLENTY).await?;
        let mut variables = self.variables();
        variables.insert("PRODUCT", product.to_string());
        variables.insert("SHOPPERS", shoppers.to_string());
        self.k6.run("closed-loop", variables).await
    }

    /// The variables that all scripts have.
    fn variables(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("BASE_URL", self.shop.api_url.clone()),
            ("TOKEN_URL", format!("{}/_local/token", self.shop.aws_url)),
            ("SECONDS", self.load.seconds.to_string()),
        ])
    }

    async fn audit(&self) -> Result<Report> {
        println!("Auditing the books …\n");
        let shop = audit::Shop::find(&self.deployment, &ResourceNames::default()).await?;
        let limits = WaitLimits {
            rest: AUDIT_REST,
            decision: AUDIT_DECISION,
            expiry: AUDIT_EXPIRY,
        };
        let report = audit(&shop, limits, &Progress::default()).await;
        let report = report.context("the books cannot be read")?;
        println!("{}\n", report.show(PRODUCTS_SHOWN));
        Ok(report)
    }
}

async fn open_shop(arguments: &Arguments, load: &Load) -> Result<LocalShop> {
    if let Some(shop) = LocalShop::find(&arguments.aws_url).await? {
        println!("Using the shop that is open at {}", shop.api_url);
        return Ok(shop);
    }
    println!("No shop is open at {}: starting one", arguments.aws_url);
    let profile = if arguments.quick {
        Profile::Dev
    } else {
        Profile::Release
    };
    let window = load.seconds.saturating_add(PAYMENT_WINDOW_MARGIN_SECONDS);
    let window = format!("PaymentWindowSeconds={window}");
    LocalShop::start(profile, &["--no-traces", "--param", &window]).await
}
