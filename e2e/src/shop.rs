//! Opening a shop.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use domain::{MerchantId, Product, ProductId, Units};
use emulator::{Emulator, Options, Realism};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{Products, Stock};
use uuid::Uuid;

use crate::shopper::Shopper;
use crate::side;

/// How long anything may take that is asked of a shop: far longer than it does, so that a test which waits for
/// something that never comes ends, and says for what.
const DEADLINE: Duration = Duration::from_secs(60);

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");

/// Which shop is opened: the template's own, unless a test needs something else of it.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// Values of the template's parameters.
    pub parameters: BTreeMap<String, String>,
    /// Texts of the template and what stands there instead.
    pub replacements: Vec<(String, String)>,
    /// How much like AWS the local cloud's DynamoDB and SQS behave.
    pub realism: Realism,
}

impl Template {
    /// Another value for a parameter.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl ToString) -> Self {
        self.parameters.insert(name.to_owned(), value.to_string());
        self
    }

    /// Another text where the template has this one.
    #[must_use]
    pub fn replace(mut self, text: &str, by: &str) -> Self {
        self.replacements.push((text.to_owned(), by.to_owned()));
        self
    }

    /// Latencies and contention like AWS's.
    #[must_use]
    pub fn realistic(mut self) -> Self {
        self.realism = Realism::Aws { seed: 1 };
        self
    }

    /// The template file to run: a copy if anything in it is replaced.
    fn file(&self) -> PathBuf {
        if self.replacements.is_empty() {
            return TEMPLATE.into();
        }
        let mut text = fs::read_to_string(TEMPLATE).expect("template.yaml is readable");
        for (old, new) in &self.replacements {
            assert!(
                text.contains(old),
                "template.yaml has no {old:?} to replace"
            );
            text = text.replace(old, new);
        }
        static COPIES: AtomicU32 = AtomicU32::new(0);
        let copy = COPIES.fetch_add(1, Ordering::Relaxed);
        let name = format!("hedonify-e2e-{}-{copy}.yaml", std::process::id());
        let file = std::env::temp_dir().join(name);
        fs::write(&file, text).expect("the temporary folder takes a file");
        file
    }
}

/// A running shop.
#[derive(Debug)]
pub struct Shop {
    cloud: Emulator,
    pub(crate) http: reqwest::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
    products: Products,
    stock: Stock,
}

impl Shop {
    /// Opens a shop as the template describes it, with empty shelves.
    ///
    /// # Panics
    /// When it does not open; says why.
    pub async fn open() -> Shop {
        Shop::open_with(&Template::default()).await
    }

    /// Opens a shop that differs from the template's in something.
    ///
    /// # Panics
    /// When it does not open in time; says why, and over which DynamoDB and SQS.
    pub async fn open_with(template: &Template) -> Shop {
        let binaries = binaries();
        let side = side::name();
        let file = template.file();
        let mut options = Options::new(&file);
        options.aws_endpoint = side::aws_endpoint();
        // At an endpoint of several shops, each has tables and queues of its own.
        options.stack_name = format!("e2e-{}", Uuid::now_v7().simple());
        options.port = 0;
        options.aws_port = 0;
        options.print_logs = false;
        options.parameters = template.parameters.clone();
        options.realism = template.realism;
        let prepared = emulator::prepare(options).expect("the template is fine");
        if file != Path::new(TEMPLATE) {
            fs::remove_file(&file).expect("the copy of the template can be removed");
        }
        let cloud = tokio::time::timeout(DEADLINE, prepared.start(binaries))
            .await
            .unwrap_or_else(|_| panic!("no shop opened over {side} within {DEADLINE:?}"))
            .unwrap_or_else(|error| panic!("the shop did not open over {side}: {error:#}"));
        let environment = Environment(cloud.environment());
        let configuration = environment.sdk_configuration();
        let dynamodb = aws_sdk_dynamodb::Client::new(&configuration);
        let http = reqwest::Client::builder().timeout(DEADLINE).build();
        Shop {
            products: Products::new(&dynamodb, environment.get("PRODUCTS_TABLE")),
            stock: Stock::new(&dynamodb, environment.get("STOCK_TABLE")),
            http: http.expect("an HTTP client"),
            dynamodb,
            sqs: aws_sdk_sqs::Client::new(&configuration),
            cloud,
        }
    }

    /// Where the HTTP API is.
    pub fn api_url(&self) -> &str {
        self.cloud.api_url()
    }

    /// The value of one of the variables that the template gives its functions.
    ///
    /// # Panics
    /// When there is none.
    pub fn variable(&self, name: &str) -> &str {
        Environment(self.cloud.environment()).get(name)
    }

    /// Puts a new product on the shelf.
    ///
    /// # Panics
    /// When the tables refuse it.
    pub async fn stocked(&self, name: &str, price: &str, units: Units) -> ProductId {
        let now = Timestamp::now();
        let merchant: MerchantId = "merchant".parse().expect("is an id");
        let product = Product {
            product_id: Uuid::now_v7().try_into().expect("any UUID will do"),
            merchant_id: merchant,
            name: name.to_owned().try_into().expect("is a name"),
            description: format!("{name}, as good as they come.")
                .try_into()
                .expect("is short"),
            price: serde_json::from_value(json!(price)).expect("is a price"),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        self.products
            .put(&product)
            .await
            .expect("the product is entered");
        let id = product.product_id;
        assert!(
            self.stock
                .put_new(id, units)
                .await
                .expect("the stock is entered")
        );
        id
    }

    /// Takes a product out of the shop, as if it had never been.
    ///
    /// # Panics
    /// When the table refuses.
    pub async fn withdraw(&self, product: ProductId) {
        let key = aws_sdk_dynamodb::types::AttributeValue::S(product.to_string());
        self.dynamodb
            .delete_item()
            .table_name(self.variable("PRODUCTS_TABLE"))
            .key("product_id", key)
            .send()
            .await
            .expect("the product is deleted");
    }

    /// Somebody who has signed in.
    ///
    /// # Panics
    /// When no token is given out.
    pub async fn shopper(&self, name: &str) -> Shopper<'_> {
        let token = self.token(&json!({ "sub": name })).await;
        Shopper::new(self, Some(token))
    }

    /// A merchant who has signed in. Those called `merchant` own what [`Shop::stocked`] puts on the
    /// shelf.
    ///
    /// # Panics
    /// When no token is given out.
    pub async fn merchant(&self, name: &str) -> Shopper<'_> {
        let grant = json!({ "sub": name, "groups": ["merchants"] });
        Shopper::new(self, Some(self.token(&grant).await))
    }

    /// Invokes the function that runs this binary, as the clock or another service would, and gives
    /// its answer.
    ///
    /// # Panics
    /// When it fails.
    pub async fn invoke(&self, binary: &str, event: &Value) -> Value {
        let function = self.function(binary).await;
        let name = function["logical_id"].as_str().unwrap_or_default();
        let path = format!("2015-03-31/functions/{name}/invocations");
        let url = format!("{}/{path}", self.cloud.aws_url());
        let answer = self.http.post(url).json(event).send().await;
        let answer = answer.expect("the local cloud answers");
        let failure = answer.headers().contains_key("x-amz-function-error");
        let answer: Value = answer.json().await.expect("the function answers in JSON");
        assert!(!failure, "{binary} failed: {answer}");
        answer
    }

    /// Somebody with this token.
    pub fn bearer(&self, token: impl Into<String>) -> Shopper<'_> {
        Shopper::new(self, Some(token.into()))
    }

    /// Somebody who has not signed in.
    pub fn stranger(&self) -> Shopper<'_> {
        Shopper::new(self, None)
    }

    /// A token with these claims, from the issuer that the local cloud plays.
    ///
    /// # Panics
    /// When none is given out.
    pub async fn token(&self, grant: &Value) -> String {
        let url = format!("{}/_local/token", self.cloud.aws_url());
        let answer = self.http.post(url).json(grant).send().await;
        let answer = answer.expect("the issuer answers");
        let answer: Value = answer.json().await.expect("the issuer answers in JSON");
        let token = answer["access_token"].as_str();
        token
            .unwrap_or_else(|| panic!("no token for {grant}: {answer}"))
            .to_owned()
    }

    /// What the local cloud says of the function that runs this binary.
    ///
    /// # Panics
    /// When there is none.
    pub async fn function(&self, binary: &str) -> Value {
        let report = self.local("functions").await;
        let functions = report["functions"].as_array().expect("is a list");
        let found = functions
            .iter()
            .find(|function| function["binary"] == binary);
        found
            .unwrap_or_else(|| panic!("no {binary} in {report}"))
            .clone()
    }

    /// The processes that run this binary now.
    pub async fn processes(&self, binary: &str) -> Vec<i32> {
        let function = self.function(binary).await;
        let pids = function["pids"].as_array().cloned().unwrap_or_default();
        pids.iter()
            .filter_map(|pid| pid.as_i64()?.try_into().ok())
            .collect()
    }

    /// The log lines of the function that runs this binary that are JSON objects, oldest first.
    pub async fn logs(&self, binary: &str) -> Vec<Value> {
        let function = self.function(binary).await;
        let name = function["logical_id"].as_str().unwrap_or_default();
        let answer = self
            .local(&format!("logs?limit=100000&function={name}"))
            .await;
        let lines = answer["lines"].as_array().cloned().unwrap_or_default();
        lines
            .iter()
            .filter_map(|line| serde_json::from_str(line["text"].as_str()?).ok())
            .collect()
    }

    /// Everything the functions printed, a line each, oldest first.
    pub async fn printed(&self) -> Vec<String> {
        let answer = self.local("logs?limit=100000").await;
        let lines = answer["lines"].as_array().cloned().unwrap_or_default();
        lines
            .iter()
            .filter_map(|line| Some(line["text"].as_str()?.to_owned()))
            .collect()
    }

    /// Whether its DynamoDB and SQS are the local cloud's own.
    pub fn has_its_own_cloud(&self) -> bool {
        side::aws_endpoint().is_none()
    }

    /// What the local cloud's meter has counted, in total.
    pub async fn totals(&self) -> Value {
        self.local("metrics").await["totals"].take()
    }

    pub(crate) async fn local(&self, path: &str) -> Value {
        let url = format!("{}/_local/{path}", self.cloud.aws_url());
        let answer = self
            .http
            .get(url)
            .send()
            .await
            .expect("the local cloud answers");
        answer
            .json()
            .await
            .expect("the local cloud answers in JSON")
    }

    /// Messages in the checkout queue, waiting or being decided.
    ///
    /// # Panics
    /// When the queue does not tell.
    pub async fn queued(&self) -> u32 {
        use aws_sdk_sqs::types::QueueAttributeName as Name;
        let counts = [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
        ];
        let answer = self
            .sqs
            .get_queue_attributes()
            .queue_url(self.variable("CHECKOUT_QUEUE_URL"))
            .set_attribute_names(Some(counts.to_vec()))
            .send()
            .await
            .expect("the queue tells how long it is");
        let attributes = answer.attributes.unwrap_or_default();
        counts
            .iter()
            .filter_map(|name| attributes.get(name)?.parse::<u32>().ok())
            .sum()
    }

    /// Puts a message in the checkout queue by hand.
    ///
    /// # Panics
    /// When the queue refuses it.
    pub async fn enqueue(&self, body: &str) {
        let queue = self.variable("CHECKOUT_QUEUE_URL");
        let sent = self.sqs.send_message().queue_url(queue).message_body(body);
        sent.send().await.expect("the queue takes the message");
    }
}

struct Environment<'a>(&'a BTreeMap<String, String>);

impl<'a> Environment<'a> {
    fn get(&self, name: &str) -> &'a str {
        let value = self.0.get(name);
        value.unwrap_or_else(|| panic!("the template gives its functions no {name}"))
    }

    fn sdk_configuration(&self) -> SdkConfig {
        let id = self.get("AWS_ACCESS_KEY_ID");
        let secret = self.get("AWS_SECRET_ACCESS_KEY");
        let credentials = Credentials::new(id, secret, None, None, "e2e");
        let timeouts = TimeoutConfig::builder().operation_timeout(DEADLINE).build();
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.get("AWS_REGION").to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(self.get("AWS_ENDPOINT_URL"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .timeout_config(timeouts)
            .build()
    }
}

/// The functions' binaries, built once however many tests need them.
fn binaries() -> &'static Path {
    static BINARIES: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BINARIES.get_or_init(|| {
        let mut options = Options::new(TEMPLATE);
        options.port = 0;
        options.aws_port = 0;
        let prepared = emulator::prepare(options).map_err(|error| format!("{error:#}"))?;
        prepared.build().map_err(|error| format!("{error:#}"))
    });
    built
        .as_deref()
        .unwrap_or_else(|error| panic!("the functions don't build: {error}"))
}
