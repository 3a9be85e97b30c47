//! CloudFormation's intrinsic functions, pseudo parameters and conditions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::position::Position;
use super::problem::Problem;
use super::references::{IMPLICIT_HTTP_API, api_id};
use super::resolve::{Deployment, MAX_REFERENCES, Resolver, intrinsic};
use super::yaml::{Entry, Node, Value};

impl Resolver {
    /// The value of a call of an intrinsic function; nothing where the value is `AWS::NoValue`.
    pub(super) fn call(
        &self,
        function: &str,
        entry: &Entry,
        depth: usize,
    ) -> Result<Option<Node>, Problem> {
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
            "If" => self.choose(argument, depth),
            "Select" => self.select(argument, depth).map(Some),
            "Split" => self.split(argument, depth).map(Some),
            "FindInMap" => self.find_in_map(argument, depth).map(Some),
            "Base64" => text(BASE64.encode(self.resolved_text(argument, depth)?)),
            "Equals" | "And" | "Or" | "Not" | "Condition" => {
                text(self.test(function, argument, depth)?.to_string())
            }
            "GetAZs" => Ok(Some(self.zones(at))),
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
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        if let Some(text) = self.pseudo_parameter(name) {
            return Ok(Some(Value::Text(text)));
        }
        if let Some(value) = self.parameter(name) {
            return Ok(Some(value.clone()));
        }
        let text = match self.find_resource(name) {
            Some(resource) => self.reference_to(&resource, depth)?,
            None if name == IMPLICIT_HTTP_API => api_id(name),
            None => {
                let expected = "the name of a parameter or a resource";
                return Err(Problem::expected(at, expected, format!("`{name}`")));
            }
        };
        Ok(Some(Value::Text(text)))
    }

    fn pseudo_parameter(&self, name: &str) -> Option<String> {
        let Deployment {
            region,
            account_id,
            stack_name,
            ..
        } = self.deployment();
        Some(match name {
            "AWS::Region" => region.clone(),
            "AWS::AccountId" => account_id.clone(),
            "AWS::StackName" => stack_name.clone(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackId" => {
                format!("arn:aws:cloudformation:{region}:{account_id}:stack/{stack_name}/local")
            }
            _ => return None,
        })
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
            return self.attribute_of(&resource, attribute, at, depth);
        }
        // SAM makes a role for each function, and templates may refer to it.
        let made_by_sam = name == IMPLICIT_HTTP_API
            || name
                .strip_suffix("Role")
                .is_some_and(|id| self.find_resource(id).is_some());
        if made_by_sam {
            return Ok(self.stand_in(name, attribute));
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

    fn choose(&self, argument: &Node, depth: usize) -> Result<Option<Node>, Problem> {
        let [condition, yes, no] = self.arguments(argument)?;
        let holds = self.condition(condition.text()?, condition.at, depth)?;
        self.resolve_within(if holds { yes } else { no }, depth)
    }

    fn split(&self, argument: &Node, depth: usize) -> Result<Node, Problem> {
        let [separator, whole] = self.arguments(argument)?;
        let whole = self.resolved_text(whole, depth)?;
        let parts = whole.split(separator.text()?);
        let parts = parts.map(|part| Node::text_at(argument.at, part));
        Ok(Node::list_at(argument.at, parts.collect()))
    }

    fn zones(&self, at: Position) -> Node {
        let region = &self.deployment().region;
        let zones = ["a", "b", "c"].map(|zone| Node::text_at(at, format!("{region}{zone}")));
        Node::list_at(at, zones.to_vec())
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
        let mut node = self.root().require("Mappings")?;
        for key in [map, first, second] {
            let name = self.resolved_text(key, depth)?;
            node = node.get(&name).ok_or_else(|| {
                Problem::expected(key.at, "a key of the mapping", format!("`{name}`"))
            })?;
        }
        Ok(node.clone())
    }

    /// Whether the condition of this name holds.
    pub(super) fn condition(
        &self,
        name: &str,
        at: Position,
        depth: usize,
    ) -> Result<bool, Problem> {
        let condition = self
            .root()
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
