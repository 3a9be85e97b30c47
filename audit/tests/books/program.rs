//! The program's messages and exit codes.

use std::process::Output;

use tokio::net::TcpListener;
use tokio::process::Command;

use crate::shop::Shop;

/// Runs the program without this machine's AWS settings.
async fn audit(arguments: &[&str]) -> (i32, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_audit"))
        .args(arguments)
        .env_clear()
        .output()
        .await
        .expect("the program runs");
    let output = [stdout, stderr].concat();
    let output = String::from_utf8(output).expect("UTF-8");
    (status.code().expect("an exit code"), output)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_is_the_verdict() {
    let shop = Shop::open().await;
    let product = shop.stocked(10).await;
    shop.sold(3, &[(product, 2)]).await;
    let (code, output) = audit(&["--endpoint", &shop.endpoint]).await;
    assert_eq!(code, 0, "{output}");
    assert!(
        output.contains(
            "The books balance: 1 products, 3 orders, 3 carts and 1 decisions (0 open) read."
        ),
        "{output}"
    );

    shop.damage_stock(product, "SET available = available + :one")
        .await;
    let (code, output) = audit(&["--endpoint", &shop.endpoint]).await;
    assert_eq!(code, 1, "{output}");
    assert!(
        output.contains("NO: +1") && output.contains("THE BOOKS ARE OFF"),
        "{output}"
    );

    shop.set_backlog(7);
    shop.damage_stock(product, "SET available = available - :one")
        .await;
    let (code, output) = audit(&["--endpoint", &shop.endpoint, "--wait", "0"]).await;
    assert_eq!(code, 2, "{output}");
    assert!(output.contains("7 checkouts on their way"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_says_why_the_audit_cannot_run() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let nowhere = format!("http://{}", closed.local_addr().expect("an address"));
    drop(closed);
    let shop = Shop::open().await;
    for (arguments, complaint) in [
        (vec![], "--aws"),
        (vec!["--endpoint", &nowhere], "nothing answers"),
        (
            vec!["--endpoint", &shop.endpoint, "--orders-table", "Books"],
            "there is no table Books",
        ),
        (
            vec!["--endpoint", &shop.endpoint, "--stack", "prod"],
            "--stock-table",
        ),
    ] {
        let (code, output) = audit(&arguments).await;
        assert_eq!(code, 2, "{output}");
        assert!(
            output.contains(complaint),
            "{complaint:?} is not in {output:?}"
        );
    }
}
