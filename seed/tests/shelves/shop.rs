//! The empty tables of a shop, for a test.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use deployment::Deployment;
use domain::ProductId;
use seed::Shelves;
use store::{ProductNames, Products, Stock};
use tokio::net::TcpListener;

const PRODUCTS: &str = "ProductsTable";
const NAMES: &str = "ProductNamesTable";
const STOCK: &str = "StockTable";

pub(crate) struct Shop {
    pub(crate) endpoint: String,
    pub(crate) shelves: Shelves,
    client: Client,
}

impl Shop {
    pub(crate) async fn open() -> Shop {
        let database = dynoxide::Database::memory().expect("an in-memory database");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(dynoxide::server::serve_on(listener, database));
        let deployment = Deployment::at(&endpoint).await.expect("an endpoint");
        let client = deployment.dynamodb().clone();
        create_table(&client, PRODUCTS, "product_id", None).await;
        create_table(&client, NAMES, "merchant_id", Some("name")).await;
        create_table(&client, STOCK, "product_id", None).await;
        Shop {
            endpoint,
            shelves: Shelves {
                products: Products::new(&client, PRODUCTS),
                names: ProductNames::new(NAMES),
                stock: Stock::new(&client, STOCK),
            },
            client,
        }
    }

    /// Takes one unit of a product, as a sale does.
    pub(crate) async fn sell_one(&self, product_id: ProductId) {
        self.client
            .update_item()
            .table_name(STOCK)
            .key("product_id", AttributeValue::S(product_id.to_string()))
            .update_expression("SET available = available - :one")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .send()
            .await
            .expect("one is sold");
    }
}

async fn create_table(client: &Client, table: &str, hash: &str, range: Option<&str>) {
    let mut request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, key_type) in [(Some(hash), KeyType::Hash), (range, KeyType::Range)] {
        let Some(name) = name else { continue };
        let definition = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(key_type);
        request = request
            .attribute_definitions(definition.build().expect("a definition"))
            .key_schema(key.build().expect("a key"));
    }
    request.send().await.expect("the table is created");
}
