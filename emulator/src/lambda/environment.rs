//! The environment variables of a function's process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::caller;
use crate::clients::Credentials;
use crate::template::Function;

/// Where a function sends its traces. Source of this and of the next two: OpenTelemetry's environment variables.
const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const OTLP_DELAY: &str = "OTEL_BSP_SCHEDULE_DELAY";
const OTLP_TIMEOUT: &str = "OTEL_EXPORTER_OTLP_TIMEOUT";
/// Between two sendings of traces. A process is never frozen here, so it need not send after each invocation.
const TRACES_DELAY: Duration = Duration::from_millis(250);
/// A laptop under load may take a while to take traces.
const TRACES_TIMEOUT: Duration = Duration::from_secs(2);

/// The settings that all functions share.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    /// Where the binaries are.
    pub(crate) binaries: PathBuf,
    pub(crate) region: String,
    pub(crate) account_id: String,
    /// Where functions reach DynamoDB and SQS.
    pub(crate) endpoint_url: String,
    /// Where functions send their traces, unless the template says otherwise; nowhere if none.
    pub(crate) traces_endpoint: Option<String>,
    /// Credentials from outside, for an endpoint that is not this emulator's.
    pub(crate) credentials: Option<Credentials>,
    /// Most processes of one function at once, unless the template reserves another number.
    pub(crate) default_concurrency: usize,
}

impl Environment {
    /// The variables that Lambda sets, and the template's. The template's win, except over the reserved ones.
    /// Source: Lambda's developer guide, "Defined runtime environment variables".
    pub(super) fn variables(
        &self,
        function: &Function,
        runtime_api: &str,
    ) -> BTreeMap<String, String> {
        let mut variables = Variables::default();
        variables.set("PATH", "/usr/local/bin:/usr/bin:/bin");
        variables.set("LANG", "en_US.UTF-8");
        variables.set("TZ", ":UTC");
        variables.set("AWS_ENDPOINT_URL", &self.endpoint_url);
        for (key, value) in &function.environment {
            variables.set(key, value);
        }
        if let Some(endpoint) = &self.traces_endpoint {
            variables.set_traces(endpoint);
        }
        variables.set_credentials(self.credentials.as_ref(), function);
        variables.set_reserved(function, &self.region, runtime_api);
        variables.0
    }
}

#[derive(Default)]
struct Variables(BTreeMap<String, String>);

impl Variables {
    fn set(&mut self, key: &str, value: &str) {
        self.0.insert(key.to_owned(), value.to_owned());
    }

    /// Does nothing where the template names an endpoint for traces.
    fn set_traces(&mut self, endpoint: &str) {
        let given = self.0.get(OTLP_ENDPOINT);
        if given.is_some_and(|given| !given.is_empty()) {
            return;
        }
        self.set(OTLP_ENDPOINT, endpoint);
        self.set(OTLP_DELAY, &TRACES_DELAY.as_millis().to_string());
        self.set(OTLP_TIMEOUT, &TRACES_TIMEOUT.as_millis().to_string());
    }

    fn set_credentials(&mut self, outside: Option<&Credentials>, function: &Function) {
        let Some(given) = outside else {
            // By the key's id the AWS endpoint knows which function calls.
            let key_id = caller::access_key_id(&function.logical_id);
            self.set("AWS_ACCESS_KEY_ID", &key_id);
            self.set("AWS_SECRET_ACCESS_KEY", "local");
            return;
        };
        self.set("AWS_ACCESS_KEY_ID", &given.access_key_id);
        self.set("AWS_SECRET_ACCESS_KEY", &given.secret_access_key);
        if let Some(token) = &given.session_token {
            self.set("AWS_SESSION_TOKEN", token);
        }
    }

    /// Variables that a template can't change.
    fn set_reserved(&mut self, function: &Function, region: &str, runtime_api: &str) {
        let name = &function.name;
        let log_group = format!("/aws/lambda/{name}");
        let log_stream = format!("local/{}", function.logical_id);
        self.set("AWS_REGION", region);
        self.set("AWS_DEFAULT_REGION", region);
        self.set("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023");
        self.set("AWS_LAMBDA_RUNTIME_API", runtime_api);
        self.set("AWS_LAMBDA_FUNCTION_NAME", name);
        self.set(
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            &function.memory.to_string(),
        );
        self.set("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        self.set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
        self.set("AWS_LAMBDA_LOG_GROUP_NAME", &log_group);
        self.set("AWS_LAMBDA_LOG_STREAM_NAME", &log_stream);
        if let Some(format) = &function.log_format {
            self.set("AWS_LAMBDA_LOG_FORMAT", format);
        }
        self.set("_HANDLER", "bootstrap");
    }
}
