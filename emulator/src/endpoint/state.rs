//! The state that the endpoint's handlers share.

use std::sync::{Arc, OnceLock};

use emulator_api::FunctionReport;

use super::snapshot::Snapshots;
use crate::issuer::Issuer;
use crate::lambda::Lambda;
use crate::meter::Meter;
use crate::page::Page;
use crate::services::Services;
use crate::template::{Authorizer, HttpApi};

#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) aws: Aws,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) page: Arc<Page>,
    pub(crate) meter: Arc<Meter>,
    /// The template's functions and routes, once the template is resolved.
    pub(crate) deployed: OnceLock<Deployed>,
}

/// Where DynamoDB and SQS are.
#[derive(Debug)]
pub(crate) enum Aws {
    Here(Services),
    /// At another endpoint, which the functions call directly.
    Elsewhere(String),
}

#[derive(Debug)]
pub(crate) struct Deployed {
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) api: Arc<HttpApi>,
    pub(crate) api_url: String,
    pub(crate) snapshots: Snapshots,
}

impl Endpoint {
    /// The functions' counts. Empty before they are deployed.
    pub(super) fn function_reports(&self) -> Vec<FunctionReport> {
        let deployed = self.deployed.get();
        deployed
            .map(|deployed| deployed.lambda.reports())
            .unwrap_or_default()
    }

    /// The default authorizer, or the only one there is.
    pub(super) fn authorizer(&self) -> Option<&Authorizer> {
        let api = &self.deployed.get()?.api;
        match &api.default_authorizer {
            Some(name) => api.authorizers.get(name),
            None => api.authorizers.values().next(),
        }
    }
}
