//! Intrinsic functions, pseudo parameters and conditions.
//!
//! Values are resolved when they are read, not all at once: a dashboard or a policy may use functions that
//! have no meaning here without keeping the shop from running.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Problem;
use super::parameters::Values;
use super::resources;
use super::yaml::{Entry, Node, Position, Value};

/// More references in a chain than any template needs; a circle of them ends here.
const MAX_REFERENCES: usize = 50;

/// What a deployment would tell the template about itself.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) region: String,
    pub(crate) account_id: String,
    pub(crate) stack_name: String,
    /// Where queues answer: the start of a queue's URL.
    pub(crate) edge_url: String,
    /// Where the HTTP API answers.
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

/// Where a queue is once it exists.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) url: String,
    pub(crate) arn: String,
}

#[derive(Debug)]
pub(crate) struct Resolver {
    root: Node,
    parameters: Values,
    facts: Facts,
    placed: BTreeMap<String, Placed>,
}

impl Resolver {
    pub(super) fn new(root: Node, parameters: Values, facts: Facts) -> Result<Self, Problem> {
        let resolver = Resolver {
            root,
            parameters,
            facts,
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

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
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

    fn find_resource(&self, id: &str) -> Option<Resource<'_>> {
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

    /// The node without intrinsics; nothing where the template says `AWS::NoValue`.
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

    fn resolve_within(&self, node: &Node, depth: usize) -> Result<Option<Node>, Problem> {
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
                Ok(Some(Node {
                    at: node.at,
                    value: Value::List(resolved),
                }))
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

    fn call(&self, function: &str, entry: &Entry, depth: usize) -> Result<Option<Node>, Problem> {
        let (argument, at) = (&entry.value, entry.value.at);
        let text = |text: String| Ok(Some(Node::text_at(at, text)));
        match function {
            "Ref" => {
                let value = self.reference(argument.text()?, at, depth)?;
                Ok(value.map(|value| Node { at, value }))
            }
            "GetAtt" => text(self.get_att(argument, depth)?),
            "Sub" => text(self.sub(argument, depth)?),
            "Join" => text(self.join(argument, depth)?),
            "If" => {
                let [condition, yes, no] = self.arguments(argument)?;
                let chosen = self.condition(condition.text()?, condition.at, depth)?;
                self.resolve_within(if chosen { yes } else { no }, depth)
            }
            "Select" => self.select(argument, depth).map(Some),
            "Split" => {
                let [separator, whole] = self.arguments(argument)?;
                let whole = self.resolved_text(whole, depth)?;
                let parts = whole
                    .split(separator.text()?)
                    .map(|part| Node::text_at(at, part));
                Ok(Some(Node {
                    at,
                    value: Value::List(parts.collect()),
                }))
            }
            "FindInMap" => self.find_in_map(argument, depth).map(Some),
            "Base64" => text(BASE64.encode(self.resolved_text(argument, depth)?)),
            "Equals" | "And" | "Or" | "Not" | "Condition" => {
                text(self.test(function, argument, depth)?.to_string())
            }
            "GetAZs" => {
                let zones = ["a", "b", "c"]
                    .map(|zone| Node::text_at(at, format!("{}{zone}", self.facts.region)));
                Ok(Some(Node {
                    at,
                    value: Value::List(zones.to_vec()),
                }))
            }
            "ImportValue" => Err(Problem::new(
                entry.at,
                "Fn::ImportValue takes a value from another stack, and there is none here; \
                 make it a parameter",
            )),
            unknown => Err(Problem::expected(
                entry.at,
                "an intrinsic function that the emulator knows",
                format!("`Fn::{unknown}`"),
            )),
        }
    }

    /// The list of exactly `N` arguments of a function.
    fn arguments<'n, const N: usize>(&self, node: &'n Node) -> Result<&'n [Node; N], Problem> {
        let items = node.items()?;
        items
            .try_into()
            .map_err(|_| Problem::expected(node.at, format!("{N} arguments"), items.len()))
    }

    fn resolved(&self, node: &Node, depth: usize) -> Result<Node, Problem> {
        self.resolve_within(node, depth)?
            .ok_or_else(|| Problem::expected(node.at, "a value", "AWS::NoValue"))
    }

    fn resolved_text(&self, node: &Node, depth: usize) -> Result<String, Problem> {
        Ok(self.resolved(node, depth)?.text()?.to_owned())
    }

    fn reference(&self, name: &str, at: Position, depth: usize) -> Result<Option<Value>, Problem> {
        let facts = &self.facts;
        let pseudo = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::Region" => Some(facts.region.as_str()),
            "AWS::AccountId" => Some(facts.account_id.as_str()),
            "AWS::StackName" => Some(facts.stack_name.as_str()),
            "AWS::Partition" => Some("aws"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            "AWS::StackId" => {
                let Facts {
                    region,
                    account_id,
                    stack_name,
                    ..
                } = facts;
                let id = format!(
                    "arn:aws:cloudformation:{region}:{account_id}:stack/{stack_name}/local"
                );
                return Ok(Some(Value::Text(id)));
            }
            _ => None,
        };
        if let Some(value) = pseudo {
            return Ok(Some(Value::Text(value.to_owned())));
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(Some(value.clone()));
        }
        match self.find_resource(name) {
            Some(resource) => {
                resources::reference(self, &resource, depth).map(|text| Some(Value::Text(text)))
            }
            None if name == resources::IMPLICIT_HTTP_API => {
                Ok(Some(Value::Text(resources::api_id(name))))
            }
            None => Err(Problem::expected(
                at,
                "the name of a parameter or a resource",
                format!("`{name}`"),
            )),
        }
    }

    fn get_att(&self, argument: &Node, depth: usize) -> Result<String, Problem> {
        let (name, attribute) = match &argument.value {
            Value::List(items) => match items.as_slice() {
                [name, attribute] => (
                    name.text()?.to_owned(),
                    self.resolved_text(attribute, depth)?,
                ),
                _ => return Err(argument.expected("a resource and an attribute")),
            },
            _ => match argument.text()?.split_once('.') {
                Some((name, attribute)) => (name.to_owned(), attribute.to_owned()),
                None => return Err(argument.expected("RESOURCE.ATTRIBUTE")),
            },
        };
        self.attribute(&name, &attribute, argument.at, depth)
    }

    fn attribute(
        &self,
        name: &str,
        attribute: &str,
        at: Position,
        depth: usize,
    ) -> Result<String, Problem> {
        if let Some(resource) = self.find_resource(name) {
            return resources::attribute(self, &resource, attribute, at, depth);
        }
        // SAM makes a role for each function, which templates may point at.
        let made_by_sam = name == resources::IMPLICIT_HTTP_API
            || name
                .strip_suffix("Role")
                .is_some_and(|id| self.find_resource(id).is_some());
        if made_by_sam {
            return Ok(resources::stand_in(&self.facts, name, attribute));
        }
        Err(Problem::expected(
            at,
            "the name of a resource",
            format!("`{name}`"),
        ))
    }

    /// `Fn::Sub`: `${Name}`, `${Name.Attribute}`, `${!literal}`, and a map of further names.
    fn sub(&self, argument: &Node, depth: usize) -> Result<String, Problem> {
        let (template, names) = match &argument.value {
            Value::List(_) => {
                let [template, names] = self.arguments(argument)?;
                (template, Some(self.resolved(names, depth)?))
            }
            _ => (argument, None),
        };
        let at = template.at;
        let mut rest = template.text()?;
        let mut result = String::with_capacity(rest.len());
        while let Some((before, after)) = rest.split_once("${") {
            result.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                return Err(template.expected("a } for every ${"));
            };
            rest = behind;
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str(&format!("${{{literal}}}"));
            } else if let Some(value) = names.as_ref().and_then(|names| names.get(name)) {
                result.push_str(value.text()?);
            } else if let Some((resource, attribute)) = name.split_once('.') {
                result.push_str(&self.attribute(resource, attribute, at, depth)?);
            } else {
                match self.reference(name, at, depth)? {
                    Some(Value::Text(text)) => result.push_str(&text),
                    _ => return Err(Problem::expected(at, "text", format!("`{name}`"))),
                }
            }
        }
        result.push_str(rest);
        Ok(result)
    }

    fn join(&self, argument: &Node, depth: usize) -> Result<String, Problem> {
        let [separator, parts] = self.arguments(argument)?;
        let parts = self.resolved(parts, depth)?;
        let texts: Vec<&str> = parts
            .items()?
            .iter()
            .map(Node::text)
            .collect::<Result<_, _>>()?;
        Ok(texts.join(separator.text()?))
    }

    fn select(&self, argument: &Node, depth: usize) -> Result<Node, Problem> {
        let [index, list] = self.arguments(argument)?;
        let list = self.resolved(list, depth)?;
        let items = list.items()?;
        let last = items.len() as i64 - 1;
        let index = self.resolved(index, depth)?.integer(0, last.max(0))?;
        items
            .get(index as usize)
            .cloned()
            .ok_or_else(|| Problem::expected(argument.at, "an index into the list", index))
    }

    fn find_in_map(&self, argument: &Node, depth: usize) -> Result<Node, Problem> {
        let [map, first, second] = self.arguments(argument)?;
        let mut node = self.root.require("Mappings")?;
        for key in [map, first, second] {
            let name = self.resolved_text(key, depth)?;
            node = node.get(&name).ok_or_else(|| {
                Problem::expected(key.at, "a key of the mapping", format!("`{name}`"))
            })?;
        }
        Ok(node.clone())
    }

    fn condition(&self, name: &str, at: Position, depth: usize) -> Result<bool, Problem> {
        let condition = self
            .root
            .get("Conditions")
            .and_then(|conditions| conditions.get(name))
            .ok_or_else(|| Problem::expected(at, "the name of a condition", format!("`{name}`")))?;
        if depth > MAX_REFERENCES {
            return Err(Problem::expected(
                at,
                "a condition",
                "conditions that go in a circle",
            ));
        }
        self.truth(condition, depth + 1)
    }

    /// Whether a condition expression holds.
    fn truth(&self, node: &Node, depth: usize) -> Result<bool, Problem> {
        if let Value::Map(entries) = &node.value
            && let [only] = entries.as_slice()
            && let Some(function) = intrinsic(&only.key)
            && matches!(function, "Equals" | "And" | "Or" | "Not" | "Condition")
        {
            return self.test(function, &only.value, depth);
        }
        self.resolved(node, depth)?.boolean()
    }

    fn test(&self, function: &str, argument: &Node, depth: usize) -> Result<bool, Problem> {
        match function {
            "Equals" => {
                let [left, right] = self.arguments(argument)?;
                let left = self.resolved(left, depth)?;
                Ok(left.value == self.resolved(right, depth)?.value)
            }
            "Not" => {
                let [inner] = self.arguments(argument)?;
                Ok(!self.truth(inner, depth)?)
            }
            "Condition" => self.condition(argument.text()?, argument.at, depth),
            both => {
                let mut results = Vec::new();
                for item in argument.items()? {
                    results.push(self.truth(item, depth)?);
                }
                Ok(if both == "And" {
                    results.iter().all(|&r| r)
                } else {
                    results.contains(&true)
                })
            }
        }
    }
}

/// The function's name if a map with this one key is a call of it.
fn intrinsic(key: &str) -> Option<&str> {
    match key {
        "Ref" | "Condition" => Some(key),
        _ => key.strip_prefix("Fn::"),
    }
}
