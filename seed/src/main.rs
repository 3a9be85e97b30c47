//! `cargo run -p seed -- --endpoint http://127.0.0.1:4566` fills a shop's shelves.

mod cloud;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use seed::{Catalogue, Offer, Tables, find_tables, load};
use store::{Products, Stock};

use crate::cloud::{Cloud, Place};

/// How many products are loaded between two lines of progress.
const PROGRESS_STEP: usize = 500;

/// Loads products into the shop. Only what is missing is written, so it may run again at any time:
/// it never undoes a sale.
#[derive(Debug, Parser)]
struct Arguments {
    /// The cloud to load into, such as http://127.0.0.1:4566 [default: AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Load into AWS itself, with the profile and region that the AWS CLI would use
    #[arg(long)]
    aws: bool,
    /// A file of products [default: those that come with the shop]
    #[arg(long)]
    file: Option<PathBuf>,
    /// The stack whose tables are meant, when there are several
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// The Products table [default: found by its name]
    #[arg(
        long,
        env = "PRODUCTS_TABLE",
        requires = "stock_table",
        value_name = "NAME"
    )]
    products_table: Option<String>,
    /// The Stock table [default: found by its name]
    #[arg(
        long,
        env = "STOCK_TABLE",
        requires = "products_table",
        value_name = "NAME"
    )]
    stock_table: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let catalogue = match &arguments.file {
        Some(file) => Catalogue::read(file)?,
        None => Catalogue::shipped()?,
    };
    let place = Place::choose(arguments.endpoint.as_deref(), arguments.aws)?;
    let cloud = Cloud::at(place).await?;
    let tables = tables(&arguments, &cloud).await?;
    fill(&cloud, &tables, &catalogue).await
}

async fn tables(arguments: &Arguments, cloud: &Cloud) -> Result<Tables> {
    let (Some(products), Some(stock)) = (&arguments.products_table, &arguments.stock_table) else {
        let names = cloud.table_names().await?;
        return find_tables(&names, arguments.stack.as_deref())
            .with_context(|| format!("cannot find the shop's tables at {}", cloud.place));
    };
    cloud.check_table(products).await?;
    cloud.check_table(stock).await?;
    Ok(Tables {
        products: products.clone(),
        stock: stock.clone(),
    })
}

async fn fill(cloud: &Cloud, tables: &Tables, catalogue: &Catalogue) -> Result<()> {
    let all = catalogue.offers().len();
    eprintln!(
        "Loading {all} products into {} and {} at {}",
        tables.products, tables.stock, cloud.place
    );
    let products = Products::new(&cloud.client, &tables.products);
    let stock = Stock::new(&cloud.client, &tables.stock);
    let progress = |done| {
        if done % PROGRESS_STEP == 0 {
            eprintln!("  {done} of {all}");
        }
    };
    let loaded = load(&products, &stock, catalogue, progress)
        .await
        .with_context(|| format!("loading into {} failed; run it again", cloud.place))?;
    println!(
        "{} products are new, {} were stocked; what was there already is unchanged.",
        loaded.products, loaded.stocked
    );
    for Offer {
        name,
        product_id,
        supply,
        ..
    } in catalogue.offers().iter().filter(|offer| offer.hot)
    {
        println!("The hot one: {name}, {supply} units, {product_id}");
    }
    Ok(())
}
