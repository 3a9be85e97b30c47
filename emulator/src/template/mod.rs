//! Reads a SAM template and resolves it into what this machine has to run.
//!
//! Reading has two steps. [`Template::load`] checks the file's shape, its parameters and conditions;
//! [`Template::stack`] resolves the resources. They are apart because some values, a queue's URL among them,
//! are only known once the resource exists.

mod functions;
mod http_api;
mod model;
mod parameters;
mod resolve;
mod resources;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub(crate) use model::{
    Authorizer, Cors, Function, HttpApi, KeyPart, Queue, QueueSource, Route, RouteAuth, Schedule,
    SecondaryIndex, Stack, Storage, Table, TokenSource,
};
pub(crate) use resolve::Facts;
use resolve::Resolver;
use yaml::{Node, Position};

/// Something in the template that the emulator can't run, and where it is.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The file can't be read.
    #[error("can't read the template {}", path.display())]
    Unreadable {
        /// The path that was tried.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The file can be read, but not run. It reads `template.yaml:LINE:COLUMN: expected X, found Y`.
    #[error("{}:{at}: {problem}", path.display())]
    Invalid {
        /// The template.
        path: PathBuf,
        /// Line and column, from 1.
        at: String,
        /// What was expected and what was found.
        problem: String,
    },
    /// A `--param` that doesn't fit the template's parameters.
    #[error("{0}")]
    Parameter(String),
}

/// A problem at a place of the template whose name is added by [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    at: Position,
    message: String,
}

impl Problem {
    fn new(at: Position, message: impl Into<String>) -> Self {
        Problem {
            at,
            message: message.into(),
        }
    }

    fn expected(at: Position, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Problem {
            at,
            message: format!("expected {expected}, found {found}"),
        }
    }
}

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
        facts: Facts,
    ) -> Result<Self, TemplateError> {
        let source = std::fs::read_to_string(path).map_err(|source| TemplateError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &source, parameters, facts)
    }

    pub(crate) fn parse(
        path: &Path,
        source: &str,
        parameters: &BTreeMap<String, String>,
        facts: Facts,
    ) -> Result<Self, TemplateError> {
        let locate = |problem: Problem| located(path, problem);
        let root = yaml::parse(source).map_err(locate)?;
        root.require("Resources")
            .and_then(Node::entries)
            .map_err(locate)?;
        parameters::refuse_unknown(&root, parameters)?;
        let values = parameters::settle(&root, parameters).map_err(locate)?;
        let resolver = Resolver::new(root, values, facts).map_err(locate)?;
        Ok(Template {
            path: path.to_owned(),
            resolver,
        })
    }

    /// The tables and queues: what must exist before the rest can be resolved.
    pub(crate) fn storage(&self) -> Result<Storage, TemplateError> {
        resources::storage(&self.resolver).map_err(|problem| located(&self.path, problem))
    }

    /// Tells the template where its queues really are: logical id, URL, ARN.
    pub(crate) fn place_queue(&mut self, logical_id: &str, url: String, arn: String) {
        self.resolver.place_queue(logical_id, url, arn);
    }

    /// Functions, routes, authorizers and event sources.
    pub(crate) fn stack(&self) -> Result<Stack, TemplateError> {
        functions::stack(&self.resolver).map_err(|problem| located(&self.path, problem))
    }

    /// The environment variables that every function gets, by which other programs find the tables.
    pub(crate) fn shared_environment(&self) -> Result<BTreeMap<String, String>, TemplateError> {
        functions::shared_environment(&self.resolver)
            .map_err(|problem| located(&self.path, problem))
    }
}

fn located(path: &Path, problem: Problem) -> TemplateError {
    let file = path
        .file_name()
        .map_or_else(|| path.to_owned(), PathBuf::from);
    TemplateError::Invalid {
        path: file,
        at: problem.at.to_string(),
        problem: problem.message,
    }
}
