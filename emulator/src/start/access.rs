//! How programs reach DynamoDB and SQS: endpoint, region and credentials.

use std::collections::BTreeMap;

use crate::clients::{Clients, Credentials};

/// The region and the account that LocalStack has, so that tools made for it work here.
pub(super) const LOCAL_REGION: &str = "us-east-1";
pub(super) const LOCAL_ACCOUNT: &str = "000000000000";
/// Credentials that LocalStack's documentation uses, for an endpoint outside when the environment has none.
const DEFAULT_CREDENTIAL: &str = "test";

/// The way to DynamoDB and SQS, for the functions, for the emulator itself and for programs outside.
#[derive(Debug, Clone)]
pub(super) struct AwsAccess {
    pub(super) endpoint: String,
    pub(super) region: String,
    /// Those of the environment. None at the emulator's own endpoint, where each caller has a key of its own.
    pub(super) credentials: Option<Credentials>,
}

impl AwsAccess {
    /// The emulator's own DynamoDB and SQS.
    pub(super) fn own(aws_url: &str) -> Self {
        AwsAccess {
            endpoint: aws_url.to_owned(),
            region: LOCAL_REGION.to_owned(),
            credentials: None,
        }
    }

    /// Another endpoint, with the environment's region and credentials.
    pub(super) fn outside(endpoint: &str) -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let credential = |name| variable(name).unwrap_or_else(|| DEFAULT_CREDENTIAL.to_owned());
        AwsAccess {
            endpoint: endpoint.to_owned(),
            region: variable("AWS_REGION")
                .or_else(|| variable("AWS_DEFAULT_REGION"))
                .unwrap_or_else(|| LOCAL_REGION.to_owned()),
            credentials: Some(Credentials {
                access_key_id: credential("AWS_ACCESS_KEY_ID"),
                secret_access_key: credential("AWS_SECRET_ACCESS_KEY"),
                session_token: variable("AWS_SESSION_TOKEN"),
            }),
        }
    }

    /// Clients for the emulator's own calls.
    pub(super) fn clients(&self) -> Clients {
        Clients::new(&self.endpoint, &self.region, self.credentials.as_ref())
    }

    /// The variables by which a program outside gets here.
    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        let mut set = |key: &str, value: &str| {
            variables.insert(key.to_owned(), value.to_owned());
        };
        set("AWS_ENDPOINT_URL", &self.endpoint);
        set("AWS_REGION", &self.region);
        match &self.credentials {
            Some(given) => {
                set("AWS_ACCESS_KEY_ID", &given.access_key_id);
                set("AWS_SECRET_ACCESS_KEY", &given.secret_access_key);
                if let Some(token) = &given.session_token {
                    set("AWS_SESSION_TOKEN", token);
                }
            }
            None => {
                set("AWS_ACCESS_KEY_ID", "local");
                set("AWS_SECRET_ACCESS_KEY", "local");
            }
        }
        variables
    }
}
