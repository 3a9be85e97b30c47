//! Resolves the template's values: takes the intrinsic functions out of a part of it, when that part is read.
//!
//! Values are not resolved all at once: a dashboard or a policy may use functions that have no meaning here without
//! keeping the shop from running. The functions themselves are in `intrinsics`, the values of `Ref` and `Fn::GetAtt`
//! in `references`.

use std::collections::BTreeMap;

use super::parameters::Values;
use super::position::Position;
use super::problem::Problem;
use super::yaml::{Entry, Node, Value};

/// More references in a chain than any template needs; a circle of them ends here.
pub(super) const MAX_REFERENCES: usize = 50;

/// Where and as what the template is deployed: the values of its pseudo parameters, and two URLs.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub(crate) region: String,
    pub(crate) account_id: String,
    pub(crate) stack_name: String,
    /// The AWS endpoint: the start of a queue's URL.
    pub(crate) aws_url: String,
    /// The HTTP API.
    pub(crate) api_url: String,
}

/// A resource whose condition holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resource<'a> {
    pub(crate) id: &'a str,
    pub(crate) at: Position,
    pub(crate) kind: &'a str,
    pub(crate) body: &'a Node,
}

impl<'a> Resource<'a> {
    /// The property as written, not resolved.
    pub(crate) fn property(&self, key: &str) -> Option<&'a Node> {
        self.body
            .get("Properties")
            .and_then(|properties| properties.get(key))
    }
}

/// The address of a queue that exists.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) url: String,
    pub(crate) arn: String,
}

#[derive(Debug)]
pub(crate) struct Resolver {
    root: Node,
    parameters: Values,
    deployment: Deployment,
    placed: BTreeMap<String, Placed>,
}

impl Resolver {
    pub(super) fn new(
        root: Node,
        parameters: Values,
        deployment: Deployment,
    ) -> Result<Self, Problem> {
        let resolver = Resolver {
            root,
            parameters,
            deployment,
            placed: BTreeMap::new(),
        };
        if let Some(conditions) = resolver.root.get("Conditions") {
            for entry in conditions.entries()? {
                resolver.condition(&entry.key, entry.at, 0)?;
            }
        }
        Ok(resolver)
    }

    pub(super) fn place_queue(&mut self, logical_id: &str, url: String, arn: String) {
        self.placed
            .insert(logical_id.to_owned(), Placed { url, arn });
    }

    pub(super) fn placed(&self, logical_id: &str) -> Option<&Placed> {
        self.placed.get(logical_id)
    }

    pub(super) fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// A parameter's value.
    pub(super) fn parameter(&self, name: &str) -> Option<&Value> {
        self.parameters.get(name)
    }

    /// The whole template as written.
    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// The section `Globals.<kind>` as written.
    pub(super) fn globals(&self, kind: &str) -> Option<&Node> {
        self.root
            .get("Globals")
            .and_then(|globals| globals.get(kind))
    }

    /// Every resource whose `Condition` holds, in the template's order.
    pub(super) fn resources(&self) -> Result<Vec<Resource<'_>>, Problem> {
        let mut resources = Vec::new();
        for entry in self.root.require("Resources")?.entries()? {
            let kind = entry.value.require("Type")?.text()?;
            if let Some(condition) = entry.value.get("Condition")
                && !self.condition(condition.text()?, condition.at, 0)?
            {
                continue;
            }
            resources.push(Resource {
                id: &entry.key,
                at: entry.at,
                kind,
                body: &entry.value,
            });
        }
        Ok(resources)
    }

    /// A resource by its logical id, whether its `Condition` holds or not.
    pub(super) fn find_resource(&self, id: &str) -> Option<Resource<'_>> {
        let resources = self.root.get("Resources")?.entries().ok()?;
        let entry = resources.iter().find(|entry| entry.key == id)?;
        let kind = entry.value.get("Type")?.text().ok()?;
        Some(Resource {
            id: &entry.key,
            at: entry.at,
            kind,
            body: &entry.value,
        })
    }

    /// The node without intrinsic functions; nothing where the template says `AWS::NoValue`.
    pub(super) fn resolve(&self, node: &Node) -> Result<Option<Node>, Problem> {
        self.resolve_within(node, 0)
    }

    /// A property of a resource, resolved.
    pub(super) fn property(
        &self,
        resource: &Resource<'_>,
        key: &str,
    ) -> Result<Option<Node>, Problem> {
        self.property_within(resource, key, 0)
    }

    pub(super) fn property_within(
        &self,
        resource: &Resource<'_>,
        key: &str,
        depth: usize,
    ) -> Result<Option<Node>, Problem> {
        match resource.property(key) {
            Some(node) => self.resolve_within(node, depth),
            None => Ok(None),
        }
    }

    pub(super) fn resolve_within(
        &self,
        node: &Node,
        depth: usize,
    ) -> Result<Option<Node>, Problem> {
        if depth > MAX_REFERENCES {
            return Err(Problem::expected(
                node.at,
                "a value",
                "references that go in a circle",
            ));
        }
        match &node.value {
            Value::Null | Value::Text(_) => Ok(Some(node.clone())),
            Value::List(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for item in items {
                    resolved.extend(self.resolve_within(item, depth)?);
                }
                Ok(Some(Node::list_at(node.at, resolved)))
            }
            Value::Map(entries) => {
                if let [only] = entries.as_slice()
                    && let Some(function) = intrinsic(&only.key)
                {
                    return self.call(function, only, depth + 1);
                }
                let mut resolved = Vec::with_capacity(entries.len());
                for entry in entries {
                    if let Some(value) = self.resolve_within(&entry.value, depth)? {
                        resolved.push(Entry {
                            key: entry.key.clone(),
                            at: entry.at,
                            value,
                        });
                    }
                }
                Ok(Some(Node {
                    at: node.at,
                    value: Value::Map(resolved),
                }))
            }
        }
    }
}

/// The function's name if a map with this one key is a call of it.
pub(super) fn intrinsic(key: &str) -> Option<&str> {
    match key {
        "Ref" | "Condition" => Some(key),
        _ => key.strip_prefix("Fn::"),
    }
}
