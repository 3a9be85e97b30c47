//! Reads a SAM template and resolves it into what this machine has to run.
//!
//! Reading has two steps. [`Template::load`] checks the file's shape, its parameters and conditions;
//! [`Template::stack`] resolves the resources. They are apart because some values, a queue's URL among them,
//! are only known once the resource exists.
//!
//! `yaml` reads the file into a tree, `resolve` takes the intrinsic functions out of it, `storage`, `functions`,
//! `events` and `http_api` turn resources into what stands in `model`.

mod events;
mod functions;
mod http_api;
mod intrinsics;
mod model;
mod parameters;
mod position;
mod problem;
mod references;
mod resolve;
mod storage;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(crate) use model::{
    Authorizer, Cors, Function, HttpApi, KeyPart, Queue, QueueSource, Route, RouteAuth, Schedule,
    SecondaryIndex, Stack, Storage, Table, TokenSource,
};
use problem::Problem;
pub use problem::TemplateError;
pub(crate) use resolve::Deployment;
use resolve::Resolver;
use yaml::Node;

/// A template whose parameters and conditions are settled.
#[derive(Debug)]
pub(crate) struct Template {
    path: PathBuf,
    resolver: Resolver,
}

impl Template {
    /// Reads the template with these parameter values; parameters not given take their defaults.
    pub(crate) fn load(
        path: &Path,
        parameters: &BTreeMap<String, String>,
        deployment: Deployment,
    ) -> Result<Self, TemplateError> {
        let source = std::fs::read_to_string(path).map_err(|source| TemplateError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &source, parameters, deployment)
    }

    pub(crate) fn parse(
        path: &Path,
        source: &str,
        parameters: &BTreeMap<String, String>,
        deployment: Deployment,
    ) -> Result<Self, TemplateError> {
        let locate = |problem: Problem| problem.in_file(path);
        let root = yaml::parse(source).map_err(locate)?;
        root.require("Resources")
            .and_then(Node::entries)
            .map_err(locate)?;
        parameters::refuse_unknown(&root, parameters)?;
        let values = parameters::settle(&root, parameters).map_err(locate)?;
        let resolver = Resolver::new(root, values, deployment).map_err(locate)?;
        Ok(Template {
            path: path.to_owned(),
            resolver,
        })
    }

    /// The tables and queues, which must exist before the rest can be resolved.
    pub(crate) fn storage(&self) -> Result<Storage, TemplateError> {
        storage::storage(&self.resolver).map_err(|problem| problem.in_file(&self.path))
    }

    /// Sets a queue's real URL and ARN.
    pub(crate) fn place_queue(&mut self, logical_id: &str, url: String, arn: String) {
        self.resolver.place_queue(logical_id, url, arn);
    }

    /// Functions, routes, authorizers and event sources.
    pub(crate) fn stack(&self) -> Result<Stack, TemplateError> {
        functions::stack(&self.resolver).map_err(|problem| problem.in_file(&self.path))
    }

    /// The environment variables that every function gets. Other programs find the tables by them.
    pub(crate) fn shared_environment(&self) -> Result<BTreeMap<String, String>, TemplateError> {
        functions::shared_environment(&self.resolver).map_err(|problem| problem.in_file(&self.path))
    }
}
