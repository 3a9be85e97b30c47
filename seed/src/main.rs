//! `cargo run --bin seed -- --endpoint http://127.0.0.1:4566` loads products into a shop.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use deployment::{Deployment, DeploymentArguments};
use seed::{Catalogue, Offer, Shelves, load};
use store::{ProductNames, Products, Stock};

/// Products between two lines of progress.
const PROGRESS_STEP: usize = 500;

/// Loads products into the shop. Only missing entries are written, so it may run again at any time: it never
/// undoes a sale.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    deployment: DeploymentArguments,
    /// A file of products [default: those that come with the shop]
    #[arg(long)]
    file: Option<PathBuf>,
    /// The Products table [default: found by its name]
    #[arg(long, env = "PRODUCTS_TABLE", value_name = "NAME")]
    products_table: Option<String>,
    /// The ProductNames table [default: found by its name]
    #[arg(long, env = "PRODUCT_NAMES_TABLE", value_name = "NAME")]
    product_names_table: Option<String>,
    /// The Stock table [default: found by its name]
    #[arg(long, env = "STOCK_TABLE", value_name = "NAME")]
    stock_table: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let catalogue = match &arguments.file {
        Some(file) => Catalogue::read(file)?,
        None => Catalogue::shipped()?,
    };
    let deployment = Deployment::connect(&arguments.deployment).await?;
    let shelves = shelves(&arguments, &deployment).await?;
    fill(&deployment, &shelves, &catalogue).await
}

async fn shelves(arguments: &Arguments, deployment: &Deployment) -> Result<Shelves> {
    let products = arguments.products_table.as_deref();
    let names = arguments.product_names_table.as_deref();
    let stock = arguments.stock_table.as_deref();
    let products = deployment.table("ProductsTable", products, "--products-table");
    let names = deployment.table("ProductNamesTable", names, "--product-names-table");
    let stock = deployment.table("StockTable", stock, "--stock-table");
    Ok(Shelves {
        products: Products::new(deployment.dynamodb(), products.await?),
        names: ProductNames::new(names.await?),
        stock: Stock::new(deployment.dynamodb(), stock.await?),
    })
}

async fn fill(deployment: &Deployment, shelves: &Shelves, catalogue: &Catalogue) -> Result<()> {
    let all = catalogue.offers().len();
    eprintln!(
        "Loading {all} products into the shop at {}",
        deployment.location()
    );
    let progress = |done| {
        if done % PROGRESS_STEP == 0 {
            eprintln!("  {done} of {all}");
        }
    };
    let loaded = load(shelves, catalogue, progress).await.with_context(|| {
        format!(
            "loading into {} failed; run it again",
            deployment.location()
        )
    })?;
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
