//! The template's `Parameters`: their values from `--param` or their defaults, and the limits that both must keep.

use std::collections::BTreeMap;

use super::problem::{Problem, TemplateError};
use super::yaml::{Node, Value};

/// Parameters whose default is a name under which Systems Manager has their value.
const STORED: &str = "AWS::SSM::Parameter::Value";

/// Every parameter with its value: text, or a list for the list types.
pub(super) type Values = BTreeMap<String, Value>;

/// A misspelt `--param` would otherwise silently change nothing.
pub(super) fn refuse_unknown(
    root: &Node,
    given: &BTreeMap<String, String>,
) -> Result<(), TemplateError> {
    let known: Vec<&str> = root
        .get("Parameters")
        .and_then(|node| node.entries().ok())
        .unwrap_or_default()
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    match given.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(unknown) if known.is_empty() => Err(TemplateError::Parameter(format!(
            "--param {unknown}: the template has no parameters"
        ))),
        Some(unknown) => Err(TemplateError::Parameter(format!(
            "--param {unknown}: the template has no such parameter; it has {}",
            known.join(", ")
        ))),
    }
}

/// Gives each parameter its value.
pub(super) fn settle(root: &Node, given: &BTreeMap<String, String>) -> Result<Values, Problem> {
    let Some(parameters) = root.get("Parameters") else {
        return Ok(Values::new());
    };
    let mut values = Values::new();
    for entry in parameters.entries()? {
        let kind = entry.value.require("Type")?;
        let text = match (given.get(&entry.key), entry.value.get("Default")) {
            (Some(text), _) => text.clone(),
            (None, _) if kind.text()?.starts_with(STORED) => {
                let expected = format!("--param {}=VALUE for what SSM would give", entry.key);
                return Err(Problem::expected(kind.at, expected, "none"));
            }
            (None, Some(default)) => default_text(default)?,
            (None, None) => {
                let expected = format!("a Default or --param {}=VALUE", entry.key);
                return Err(Problem::expected(entry.at, expected, "neither"));
            }
        };
        check(&entry.key, &entry.value, &text)?;
        values.insert(entry.key.clone(), typed(&entry.value, text)?);
    }
    Ok(values)
}

/// A default may be empty (`Default:` or `Default: ""`), which is empty text.
fn default_text(default: &Node) -> Result<String, Problem> {
    if default.is_null() {
        Ok(String::new())
    } else {
        default.text().map(str::to_owned)
    }
}

fn typed(parameter: &Node, text: String) -> Result<Value, Problem> {
    let kind = parameter.require("Type")?;
    let name = kind.text()?;
    if name == "CommaDelimitedList" || name.starts_with("List<") {
        let items = text
            .split(',')
            .map(|item| Node::text_at(parameter.at, item.trim()))
            .collect();
        return Ok(Value::List(items));
    }
    Ok(Value::Text(text))
}

fn check(name: &str, parameter: &Node, text: &str) -> Result<(), Problem> {
    if let Some(allowed) = parameter.get("AllowedValues") {
        let allowed: Vec<&str> = allowed
            .items()?
            .iter()
            .map(Node::text)
            .collect::<Result<_, _>>()?;
        if !allowed.contains(&text) {
            let expected = format!("{name} to be one of {}", allowed.join(", "));
            return Err(Problem::expected(
                parameter.at,
                expected,
                format!("`{text}`"),
            ));
        }
    }
    if parameter.require("Type")?.text()? == "Number" {
        check_number(name, parameter, text)?;
    }
    Ok(())
}

fn check_number(name: &str, parameter: &Node, text: &str) -> Result<(), Problem> {
    let found = || format!("`{text}`");
    let Ok(number) = text.parse::<f64>() else {
        return Err(Problem::expected(
            parameter.at,
            format!("{name} to be a number"),
            found(),
        ));
    };
    for (key, within) in [
        ("MinValue", (|n, limit| n >= limit) as fn(f64, f64) -> bool),
        ("MaxValue", |n, limit| n <= limit),
    ] {
        let Some(limit) = parameter.get(key) else {
            continue;
        };
        let bound: f64 = limit
            .text()?
            .parse()
            .map_err(|_| limit.expected("a number"))?;
        if !within(number, bound) {
            let side = if key == "MinValue" {
                "at least"
            } else {
                "at most"
            };
            let expected = format!("{name} to be {side} {bound}");
            return Err(Problem::expected(parameter.at, expected, found()));
        }
    }
    Ok(())
}
