//! template.yaml and the functions' code agree: on the routes of each function, and on its name.

use std::collections::{BTreeMap, BTreeSet};

use api::routes::ROUTES;
use serde_yaml_ng::{Mapping, Value};

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");

/// The functions of the template: their logical ids and what stands there.
fn functions() -> Vec<(String, Value)> {
    let text = std::fs::read_to_string(TEMPLATE).expect("template.yaml is readable");
    let template: Value = serde_yaml_ng::from_str(&text).expect("template.yaml is YAML");
    let resources = template["Resources"].as_mapping().expect("resources");
    let is_function = |(_, resource): &(&Value, &Value)| {
        resource["Type"].as_str() == Some("AWS::Serverless::Function")
    };
    let functions = resources.iter().filter(is_function);
    functions
        .map(|(id, function)| (text_of(id).to_owned(), function.clone()))
        .collect()
}

fn text_of(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn binary(function: &Value) -> &str {
    text_of(&function["Metadata"]["BuildProperties"]["Binary"])
}

/// The keys of the routes that lead to a function.
fn routes(function: &Value) -> BTreeSet<String> {
    let none = Mapping::new();
    let events = function["Properties"]["Events"].as_mapping();
    events
        .unwrap_or(&none)
        .values()
        .filter(|event| event["Type"].as_str() == Some("HttpApi"))
        .map(|event| &event["Properties"])
        .map(|route| format!("{} {}", text_of(&route["Method"]), text_of(&route["Path"])))
        .collect()
}

#[test]
fn every_function_answers_the_routes_that_the_template_gives_it() {
    let of_template: BTreeMap<String, BTreeSet<String>> = functions()
        .iter()
        .map(|(_, function)| (binary(function).to_owned(), routes(function)))
        .filter(|(_, routes)| !routes.is_empty())
        .collect();
    let of_code: BTreeMap<String, BTreeSet<String>> = ROUTES
        .iter()
        .map(|(function, keys)| {
            let keys = keys.iter().map(|key| (*key).to_owned()).collect();
            ((*function).to_owned(), keys)
        })
        .collect();
    assert_eq!(of_code, of_template);
}

/// `pay-order` is the folder, the crate, the binary and, as `PayOrderFunction`, the logical id.
#[test]
fn a_function_has_one_name() {
    for (logical_id, function) in functions() {
        let words = binary(&function).split('-').map(capitalised);
        let expected: String = words.chain(["Function".to_owned()]).collect();
        assert_eq!(logical_id, expected);
    }
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}
