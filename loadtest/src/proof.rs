//! The whole proof: shelves filled, an ordinary day, a flash sale, the audit, the verdict.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use audit::{Names, Patience, Progress, Report, Verdict, audit};
use cloud::{Cloud, CloudArguments};
use domain::{ProductId, Units};
use loadtest::{LocalShop, Prices, Profile, Shelves};

use crate::Arguments;
use crate::k6::{K6, Summary};

/// Products of the ordinary day, and units of each: more than a run can sell.
const PRODUCTS: usize = 100;
const PLENTY: Units = 10_000_000;

/// Units of the flash sale: one for so many buyers.
const BUYERS_PER_UNIT: u32 = 5;

/// How long the audit waits for the last decisions.
const FOR_REST: Duration = Duration::from_secs(180);

/// By when everything that was submitted must be decided: the run has waited for all of it already.
const FOR_A_DECISION: Duration = Duration::from_secs(5);

/// How much longer than a flash sale accepted orders hold their units unpaid: the sale's first units come
/// back when it is over and everybody knows, the ordinary day's before the audit gives up.
const BEYOND_THE_SALE: u32 = 30;

/// How late an unpaid order may expire.
const FOR_AN_EXPIRY: Duration = Duration::from_secs(60);

/// Products that the audit's table shows, those that are off first.
const PRODUCTS_SHOWN: usize = 5;

/// How much load.
struct Load {
    shoppers: u32,
    unpaid: bool,
    rate: u32,
    seconds: u32,
}

impl Load {
    fn of(arguments: &Arguments) -> Load {
        let usual = if arguments.quick {
            (40, 100, 6)
        } else {
            (200, 300, 30)
        };
        Load {
            shoppers: arguments.shoppers.unwrap_or(usual.0),
            unpaid: arguments.unpaid,
            rate: arguments.rate.unwrap_or(usual.1),
            seconds: arguments.seconds.unwrap_or(usual.2),
        }
    }
}

/// Whether the shop stood the test.
pub(crate) async fn run(arguments: &Arguments, k6: &K6) -> Result<bool> {
    let load = Load::of(arguments);
    let shop = open_shop(arguments, &load).await?;
    let cloud = Cloud::connect(&CloudArguments {
        endpoint: Some(shop.edge_url.clone()),
        ..CloudArguments::default()
    })
    .await?;
    let shelves = Shelves::of(&cloud).await?;

    println!(
        "\n{} shoppers at once for {} s",
        load.shoppers, load.seconds
    );
    let before = shop.meter().await?;
    let day = ordinary_day(k6, &shop, &shelves, &load).await?;
    let metered = shop.meter().await?.since(&before);
    println!("\n{} buyers a second for {} s", load.rate, load.seconds);
    let sale = flash_sale(k6, &shop, &shelves, &load).await?;

    println!("Auditing the books …\n");
    let report = read_books(&cloud).await?;
    println!("{}\n", report.show(PRODUCTS_SHOWN));
    println!("Calls of AWS for each order of the ordinary day:");
    println!("{}", metered.calls_per_order(decided(&day)));
    println!("A million such orders would use of AWS:");
    let usage = metered.usage.per_million(decided(&day));
    println!("{}\n", Prices::shipped().bill(usage));
    Ok(verdict(&day, &sale, &report))
}

async fn open_shop(arguments: &Arguments, load: &Load) -> Result<LocalShop> {
    if let Some(shop) = LocalShop::find(&arguments.edge_url).await? {
        println!("Using the shop that is open at {}", shop.api_url);
        return Ok(shop);
    }
    println!("No shop is open at {}: starting one", arguments.edge_url);
    let profile = if arguments.quick {
        Profile::Dev
    } else {
        Profile::Release
    };
    let window = format!(
        "PaymentWindowSeconds={}",
        load.seconds.saturating_add(BEYOND_THE_SALE)
    );
    LocalShop::start(profile, &["--no-traces", "--param", &window]).await
}

async fn ordinary_day(
    k6: &K6,
    shop: &LocalShop,
    shelves: &Shelves,
    load: &Load,
) -> Result<Summary> {
    let mut products = Vec::new();
    for number in 1..=PRODUCTS {
        products.push(
            shelves
                .add(&format!("Everyday thing {number}"), PLENTY)
                .await?,
        );
    }
    let ids: Vec<String> = products.iter().map(ProductId::to_string).collect();
    let mut variables = target(shop);
    variables.insert("PRODUCTS", ids.join(","));
    variables.insert("SHOPPERS", load.shoppers.to_string());
    variables.insert("SECONDS", load.seconds.to_string());
    if load.unpaid {
        variables.insert("STOP_AT", "decision".to_owned());
    }
    k6.run("checkout", variables).await
}

async fn flash_sale(k6: &K6, shop: &LocalShop, shelves: &Shelves, load: &Load) -> Result<Summary> {
    let units = (load.rate * load.seconds / BUYERS_PER_UNIT).max(1);
    let product = shelves
        .add("The one thing everybody wants", units.into())
        .await?;
    let mut variables = target(shop);
    variables.insert("PRODUCT", product.to_string());
    variables.insert("RATE", load.rate.to_string());
    variables.insert("SECONDS", load.seconds.to_string());
    k6.run("flash-sale", variables).await
}

fn target(shop: &LocalShop) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("BASE_URL", shop.api_url.clone()),
        ("TOKEN_URL", format!("{}/_local/token", shop.edge_url)),
    ])
}

async fn read_books(cloud: &Cloud) -> Result<Report> {
    let shop = audit::Shop::find(cloud, &Names::default()).await?;
    let patience = Patience {
        for_rest: FOR_REST,
        for_a_decision: FOR_A_DECISION,
        for_an_expiry: FOR_AN_EXPIRY,
    };
    let report = audit(&shop, patience, &Progress::default()).await;
    report.context("the books cannot be read")
}

fn decided(summary: &Summary) -> u64 {
    summary.orders.won + summary.orders.rejected
}

fn verdict(day: &Summary, sale: &Summary, report: &Report) -> bool {
    let undecided = day.orders.undecided + sale.orders.undecided;
    let held = report.verdict == Verdict::Balanced;
    let met = day.thresholds_met && sale.thresholds_met;
    println!(
        "{} checkouts accepted, {} decided ({:.0} a second on the ordinary day), {undecided} left undecided.",
        day.accepted + sale.accepted,
        decided(day) + decided(sale),
        day.decided_per_second,
    );
    println!(
        "{}: the books {}, the thresholds were {}.",
        if held && met { "PASSED" } else { "FAILED" },
        match report.verdict {
            Verdict::Balanced => "balance",
            Verdict::Off => "ARE OFF",
            Verdict::Unsettled => "did not come to rest",
        },
        if met { "met" } else { "NOT MET" },
    );
    held && met
}
