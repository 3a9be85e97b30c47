//! The resources of a template, as far as they are run here.

use std::collections::BTreeMap;
use std::time::Duration;

/// Tables and queues.
#[derive(Debug, Default)]
pub(crate) struct Storage {
    pub(crate) tables: Vec<Table>,
    pub(crate) queues: Vec<Queue>,
}

/// Functions, and what invokes them.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    pub(crate) functions: Vec<Function>,
    pub(crate) api: HttpApi,
    pub(crate) queue_sources: Vec<QueueSource>,
    pub(crate) schedules: Vec<Schedule>,
    /// Notes about parts of the template that are valid but not emulated.
    pub(crate) ignored: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) logical_id: String,
    pub(crate) name: String,
    /// Attribute name and type (S, N or B).
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) key: Vec<KeyPart>,
    pub(crate) global_indexes: Vec<SecondaryIndex>,
    pub(crate) local_indexes: Vec<SecondaryIndex>,
    /// The stream's view type, if the table has a stream.
    pub(crate) stream: Option<String>,
    /// The attribute with the time at which an item expires.
    pub(crate) time_to_live: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyPart {
    pub(crate) attribute: String,
    /// HASH or RANGE.
    pub(crate) kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecondaryIndex {
    pub(crate) name: String,
    pub(crate) key: Vec<KeyPart>,
    /// ALL, KEYS_ONLY or INCLUDE.
    pub(crate) projection: String,
    pub(crate) included: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) logical_id: String,
    pub(crate) name: String,
    /// As SQS's CreateQueue takes them.
    pub(crate) attributes: BTreeMap<String, String>,
    /// The logical or physical name at the end of the dead-letter queue's ARN, and how often a message is tried.
    pub(crate) dead_letters: Option<DeadLetters>,
}

impl Queue {
    pub(super) fn is_fifo(&self) -> bool {
        self.attributes
            .get("FifoQueue")
            .is_some_and(|value| value == "true")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadLetters {
    pub(crate) target_arn: String,
    pub(crate) max_receive_count: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) logical_id: String,
    pub(crate) name: String,
    /// The cargo binary that AWS runs as `bootstrap`.
    pub(crate) binary: String,
    pub(crate) timeout: Duration,
    /// MiB; the function can read the number, but nothing enforces it.
    pub(crate) memory: i64,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) reserved_concurrency: Option<usize>,
    /// JSON or Text, where the template's `LoggingConfig` says so.
    pub(crate) log_format: Option<String>,
}

/// The HTTP API: its routes, and which users and web pages may call them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HttpApi {
    pub(crate) id: String,
    pub(crate) routes: Vec<Route>,
    pub(crate) authorizers: BTreeMap<String, Authorizer>,
    /// Guards the routes that name no authorizer.
    pub(crate) default_authorizer: Option<String>,
    pub(crate) cors: Option<Cors>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// Upper case, or ANY.
    pub(crate) method: String,
    /// Such as `/carts/{cart_id}`, or `$default`.
    pub(crate) path: String,
    /// The logical id of the function that answers.
    pub(crate) function: String,
    pub(crate) auth: Option<RouteAuth>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteAuth {
    pub(crate) authorizer: String,
    /// The token must have one of them; any token will do if empty.
    pub(crate) scopes: Vec<String>,
}

/// A JWT authorizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authorizer {
    pub(crate) issuer: String,
    pub(crate) audience: Vec<String>,
    pub(crate) source: TokenSource,
}

/// Where a request carries its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenSource {
    Header(String),
    QueryString(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cors {
    pub(crate) origins: Vec<String>,
    pub(crate) methods: Vec<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) exposed: Vec<String>,
    pub(crate) max_age: Option<i64>,
    pub(crate) credentials: bool,
}

/// An SQS event source mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueSource {
    /// The logical id of the function that is invoked.
    pub(crate) function: String,
    pub(crate) queue_arn: String,
    pub(crate) queue_url: String,
    pub(crate) batch_size: usize,
    pub(crate) window: Duration,
    pub(crate) max_concurrency: Option<usize>,
    pub(crate) report_item_failures: bool,
}

/// An EventBridge rule that invokes a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) function: String,
    pub(crate) name: String,
    pub(crate) every: Duration,
    /// Sent instead of the standard event.
    pub(crate) input: Option<String>,
}
