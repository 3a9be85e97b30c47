//! Starts a shop for a test.

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
use emulator_api::{FunctionReport, Functions, Logs, Metrics, Token, Totals, paths};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::{Products, Stock};
use uuid::Uuid;

use crate::backend;
use crate::shopper::Shopper;

/// The timeout of every request. It is far longer than any takes: a test that waits in vain ends, and says for what it
/// waited.
const TIMEOUT: Duration = Duration::from_secs(60);

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");

/// The template of the shop, with the changes that a test needs.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// Values of parameters.
    pub parameters: BTreeMap<String, String>,
    /// Texts of the template and their replacements.
    pub replacements: Vec<(String, String)>,
    /// Whether the emulator's DynamoDB and SQS have AWS's latencies and contention.
    pub realism: Realism,
}

impl Template {
    /// Sets a parameter.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl ToString) -> Self {
        self.parameters.insert(name.to_owned(), value.to_string());
        self
    }

    /// Replaces a text.
    #[must_use]
    pub fn replace(mut self, text: &str, by: &str) -> Self {
        self.replacements.push((text.to_owned(), by.to_owned()));
        self
    }

    /// Lets the checkout queue invoke nothing: the test invokes checkout-batch itself, with [`Shop::take_checkouts`].
    #[must_use]
    pub fn without_checkout_events(self) -> Self {
        let batch_size = "BatchSize: !Ref CheckoutBatchSize";
        self.replace(
            batch_size,
            &format!("{batch_size}\n            Enabled: false"),
        )
    }

    /// Gives DynamoDB and SQS the latencies and the contention of AWS.
    #[must_use]
    pub fn realistic(mut self) -> Self {
        self.realism = Realism::Aws { seed: 1 };
        self
    }

    /// The template file to run: a copy if a text is replaced.
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
    emulator: Emulator,
    pub(crate) http: reqwest::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
    products: Products,
    stock: Stock,
}

impl Shop {
    /// Starts a shop with the template as it is, without products.
    pub async fn open() -> Shop {
        Shop::open_with(&Template::default()).await
    }

    /// Starts a shop with a changed template, without products.
    pub async fn open_with(template: &Template) -> Shop {
        let binaries = binaries();
        let backend = backend::name();
        let file = template.file();
        let mut options = Options::new(&file);
        options.aws_endpoint = backend::endpoint();
        // Shops at the same endpoint need different names for their tables and queues.
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
        let emulator = tokio::time::timeout(TIMEOUT, prepared.start(binaries))
            .await
            .unwrap_or_else(|_| panic!("no shop opened over {backend} within {TIMEOUT:?}"))
            .unwrap_or_else(|error| panic!("the shop did not open over {backend}: {error:#}"));
        let environment = Environment(emulator.environment());
        let configuration = environment.sdk_configuration();
        let dynamodb = aws_sdk_dynamodb::Client::new(&configuration);
        let http = reqwest::Client::builder().timeout(TIMEOUT).build();
        Shop {
            products: Products::new(&dynamodb, environment.get("PRODUCTS_TABLE")),
            stock: Stock::new(&dynamodb, environment.get("STOCK_TABLE")),
            http: http.expect("an HTTP client"),
            dynamodb,
            sqs: aws_sdk_sqs::Client::new(&configuration),
            emulator,
        }
    }

    pub fn api_url(&self) -> &str {
        self.emulator.api_url()
    }

    /// The value of an environment variable of the functions.
    pub fn variable(&self, name: &str) -> &str {
        Environment(self.emulator.environment()).get(name)
    }

    /// Puts a new product on sale. Returns its id.
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

    /// Deletes a product from the table.
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

    /// A shopper who has signed in.
    pub async fn shopper(&self, name: &str) -> Shopper<'_> {
        let token = self.token(&json!({ "sub": name })).await;
        self.with_token(token)
    }

    /// A merchant who has signed in. The merchant with the name `merchant` owns the products of [`Shop::stocked`].
    pub async fn merchant(&self, name: &str) -> Shopper<'_> {
        let grant = json!({ "sub": name, "groups": ["merchants"] });
        self.with_token(self.token(&grant).await)
    }

    /// Invokes the function that runs this binary. Returns its answer.
    pub async fn invoke(&self, binary: &str, event: &Value) -> Value {
        let answer = self.try_invoke(binary, event).await;
        answer.unwrap_or_else(|failure| panic!("{binary} failed: {failure}"))
    }

    /// Invokes the function that runs this binary. Returns its answer.
    ///
    /// # Errors
    /// The failure, if the function failed or its process ended.
    pub async fn try_invoke(&self, binary: &str, event: &Value) -> Result<Value, Value> {
        let function = self.function(binary).await;
        let name = function.logical_id;
        let path = format!("2015-03-31/functions/{name}/invocations");
        let url = format!("{}/{path}", self.emulator.aws_url());
        let answer = self.http.post(url).json(event).send().await;
        let answer = answer.expect("the emulator answers");
        let failure = answer.headers().contains_key("x-amz-function-error");
        let answer: Value = answer.json().await.expect("the function answers in JSON");
        match failure {
            true => Err(answer),
            false => Ok(answer),
        }
    }

    /// A user with this access token.
    pub fn with_token(&self, token: impl Into<String>) -> Shopper<'_> {
        Shopper::new(&self.http, self.api_url(), Some(token.into()))
    }

    /// A user who has not signed in.
    pub fn anonymous(&self) -> Shopper<'_> {
        Shopper::new(&self.http, self.api_url(), None)
    }

    /// An access token with these claims, from the emulator's issuer.
    pub async fn token(&self, grant: &Value) -> String {
        let url = format!("{}{}", self.emulator.aws_url(), paths::TOKEN);
        let answer = self.http.post(url).json(grant).send().await;
        let answer = answer.expect("the issuer answers");
        let token: Token = answer
            .json()
            .await
            .expect("the issuer answers with a token");
        token.access_token
    }

    /// The emulator's report of the function that runs this binary.
    pub async fn function(&self, binary: &str) -> FunctionReport {
        let Functions { functions } = self.local(paths::FUNCTIONS).await;
        let mut functions = functions.into_iter();
        let found = functions.find(|function| function.binary == binary);
        found.unwrap_or_else(|| panic!("no function runs {binary}"))
    }

    /// The ids of the processes that run this binary.
    pub async fn processes(&self, binary: &str) -> Vec<i32> {
        let pids = self.function(binary).await.pids.into_iter();
        pids.filter_map(|pid| pid.try_into().ok()).collect()
    }

    /// The log lines of the function that runs this binary, if they are JSON, oldest first.
    pub async fn logs(&self, binary: &str) -> Vec<Value> {
        let function = self.function(binary).await;
        let name = &function.logical_id;
        let query = format!("{}?limit=100000&function={name}", paths::LOGS);
        let Logs { lines } = self.local(&query).await;
        let lines = lines.iter();
        lines
            .filter_map(|line| serde_json::from_str(&line.text).ok())
            .collect()
    }

    /// All lines that the functions printed, oldest first.
    pub async fn printed(&self) -> Vec<String> {
        let Logs { lines } = self.local(&format!("{}?limit=100000", paths::LOGS)).await;
        lines.into_iter().map(|line| line.text).collect()
    }

    /// Whether the shop uses the emulator's own DynamoDB and SQS.
    pub fn uses_emulator_services(&self) -> bool {
        backend::endpoint().is_none()
    }

    /// The totals of the emulator's meter.
    pub async fn totals(&self) -> Totals {
        self.metrics().await.totals
    }

    pub(crate) async fn metrics(&self) -> Metrics {
        self.local(&format!("{}?format=json", paths::METRICS)).await
    }

    async fn local<T: DeserializeOwned>(&self, path: &str) -> T {
        let url = format!("{}{path}", self.emulator.aws_url());
        let answer = self
            .http
            .get(url)
            .send()
            .await
            .expect("the emulator answers");
        answer.json().await.expect("the emulator answers as agreed")
    }

    /// The number of messages in the checkout queue, visible or not.
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

    /// Takes so many messages out of the checkout queue for good. Returns the event with which the queue would have
    /// invoked checkout-batch.
    pub async fn take_checkouts(&self, count: usize) -> Value {
        use aws_sdk_sqs::types::MessageSystemAttributeName as Name;
        let queue = self.variable("CHECKOUT_QUEUE_URL");
        let mut records = Vec::new();
        while records.len() < count {
            let receive = self.sqs.receive_message().queue_url(queue);
            let receive = receive.max_number_of_messages(10).wait_time_seconds(1);
            let receive = receive.message_system_attribute_names(Name::SentTimestamp);
            let answer = receive.send().await.expect("the queue gives messages");
            for message in answer.messages.unwrap_or_default() {
                let handle = message.receipt_handle.expect("a message has a handle");
                let sent_at = message.attributes.unwrap_or_default();
                records.push(json!({
                    "messageId": message.message_id,
                    "receiptHandle": &handle,
                    "body": message.body,
                    "attributes": {
                        "SentTimestamp": sent_at[&Name::SentTimestamp],
                        "ApproximateReceiveCount": "1",
                    },
                }));
                let delete = self.sqs.delete_message().queue_url(queue);
                let deleted = delete.receipt_handle(handle).send().await;
                deleted.expect("the queue deletes the message");
            }
        }
        json!({ "Records": records })
    }

    /// Sends a message to the checkout queue.
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
        let timeouts = TimeoutConfig::builder().operation_timeout(TIMEOUT).build();
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

/// The folder of the functions' binaries, which are built once for all tests of a program.
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
