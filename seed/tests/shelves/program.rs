//! The program's messages and the tables that it finds.

use std::process::Output;

use tokio::net::TcpListener;
use tokio::process::Command;

use crate::shop::Shop;

/// Runs the program without this machine's AWS settings.
async fn seed(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_seed"))
        .args(arguments)
        .env_clear()
        .output()
        .await
        .expect("the program runs")
}

async fn succeeds(arguments: &[&str]) -> String {
    let output = seed(arguments).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

async fn fails(arguments: &[&str]) -> String {
    let output = seed(arguments).await;
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_finds_the_tables_and_loads_them_once() {
    let shop = Shop::open().await;
    let first = succeeds(&["--endpoint", &shop.endpoint]).await;
    assert!(
        first.starts_with("31 products are new, 31 were stocked"),
        "{first}"
    );
    assert!(
        first.contains("Midnight Sun Turntable, 50 units"),
        "{first}"
    );
    let by_name = [
        "--products-table",
        "ProductsTable",
        "--stock-table",
        "StockTable",
    ];
    let again = succeeds(&[&["--endpoint", &shop.endpoint], &by_name[..]].concat()).await;
    assert!(
        again.starts_with("0 products are new, 0 were stocked"),
        "{again}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_says_what_is_wrong() {
    let shop = Shop::open().await;
    let names = ["--products-table", "Wares", "--stock-table", "StockTable"];
    let missing = fails(&[&["--endpoint", &shop.endpoint], &names[..]].concat()).await;
    assert!(
        missing.contains("there is no table Wares at http://"),
        "{missing}"
    );

    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let nowhere = format!("http://{}", closed.local_addr().expect("an address"));
    drop(closed);
    let silent = fails(&["--endpoint", &nowhere]).await;
    assert!(
        silent.contains(&format!("nothing answers at {nowhere}")),
        "{silent}"
    );

    let no_endpoint = fails(&[]).await;
    assert!(
        no_endpoint.contains("--endpoint") && no_endpoint.contains("--aws"),
        "{no_endpoint}"
    );

    let no_file = fails(&["--endpoint", &shop.endpoint, "--file", "wares.json"]).await;
    assert!(no_file.contains("cannot read wares.json"), "{no_file}");
}
