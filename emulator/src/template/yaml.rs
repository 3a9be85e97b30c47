//! The template's YAML as a tree that knows where each part stands in the file.
//!
//! Short intrinsic tags become their long form while reading (`!Ref x` is `{Ref: x}`), so the rest of the
//! emulator knows one form only. Scalars stay text: CloudFormation itself reads `"100"` and `100` alike.

use std::collections::HashMap;
use std::fmt;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::position::Position;
use super::problem::Problem;

/// Deeper nesting than any template needs; it keeps a hostile file from exhausting the stack.
const MAX_DEPTH: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map with what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Position,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn text_at(at: Position, text: impl Into<String>) -> Self {
        Node {
            at,
            value: Value::Text(text.into()),
        }
    }

    pub(crate) fn list_at(at: Position, items: Vec<Node>) -> Self {
        Node {
            at,
            value: Value::List(items),
        }
    }

    /// The value under `key` of a map; nothing for other kinds of node.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
            _ => None,
        }
    }

    pub(crate) fn require(&self, key: &str) -> Result<&Node, Problem> {
        self.get(key)
            .ok_or_else(|| Problem::expected(self.at, format!("`{key}` here"), "none"))
    }

    pub(crate) fn entries(&self) -> Result<&[Entry], Problem> {
        match &self.value {
            Value::Map(entries) => Ok(entries),
            Value::Null => Ok(&[]),
            _ => Err(self.expected("a map")),
        }
    }

    pub(crate) fn items(&self) -> Result<&[Node], Problem> {
        match &self.value {
            Value::List(items) => Ok(items),
            _ => Err(self.expected("a list")),
        }
    }

    /// The list's items, or the node itself where one value may stand for a list of one.
    fn one_or_many(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    pub(crate) fn text(&self) -> Result<&str, Problem> {
        match &self.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.expected("text")),
        }
    }

    /// The text of each item, or of the node itself where one value may stand for a list of one.
    pub(crate) fn texts(&self) -> Result<Vec<String>, Problem> {
        self.one_or_many()
            .iter()
            .map(|item| item.text().map(str::to_owned))
            .collect()
    }

    /// A whole number between `min` and `max`.
    pub(crate) fn integer(&self, min: i64, max: i64) -> Result<i64, Problem> {
        let expected = || format!("a whole number from {min} to {max}");
        let text = match &self.value {
            Value::Text(text) => text,
            _ => return Err(self.expected(expected())),
        };
        match text.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => Ok(number),
            _ => Err(self.expected(expected())),
        }
    }

    pub(crate) fn boolean(&self) -> Result<bool, Problem> {
        match &self.value {
            Value::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Value::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(self.expected("true or false")),
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// The problem that something else should stand here.
    pub(crate) fn expected(&self, what: impl fmt::Display) -> Problem {
        Problem::expected(self.at, what, self.describe())
    }

    fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Text(text) => format!("`{text}`"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(entries) => match entries.as_slice() {
                [only] => format!("a map with the key `{}`", only.key),
                _ => "a map".to_owned(),
            },
        }
    }
}

/// Reads a file with one YAML document.
pub(crate) fn parse(source: &str) -> Result<Node, Problem> {
    let mut reader = Reader {
        parser: Parser::new_from_str(source),
        anchors: HashMap::new(),
        depth: 0,
    };
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            Event::StreamEnd => {
                let at = position(&span);
                return Err(Problem::expected(at, "a template", "an empty file"));
            }
            first => return reader.node(first, &span),
        }
    }
}

struct Reader<'input> {
    parser: Parser<'input, StrInput<'input>>,
    anchors: HashMap<usize, Node>,
    depth: usize,
}

impl<'input> Reader<'input> {
    fn next(&mut self) -> Result<(Event<'input>, Span), Problem> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let mark = error.marker();
                let at = Position {
                    line: mark.line(),
                    column: mark.col() + 1,
                };
                Err(Problem::new(
                    at,
                    format!("expected YAML, found an error: {}", error.info()),
                ))
            }
            None => {
                let at = Position { line: 1, column: 1 };
                Err(Problem::expected(at, "more YAML", "the end of the file"))
            }
        }
    }

    fn node(&mut self, event: Event<'input>, span: &Span) -> Result<Node, Problem> {
        let at = position(span);
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Problem::expected(
                at,
                format!("at most {MAX_DEPTH} levels"),
                "more",
            ));
        }
        let (value, anchor, tag) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain_null = style == ScalarStyle::Plain
                    && tag.is_none()
                    && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if plain_null {
                    Value::Null
                } else {
                    Value::Text(text.into_owned())
                };
                (value, anchor, tag)
            }
            Event::SequenceStart(anchor, tag) => (Value::List(self.list()?), anchor, tag),
            Event::MappingStart(anchor, tag) => (Value::Map(self.map()?), anchor, tag),
            Event::Alias(anchor) => {
                self.depth -= 1;
                return self
                    .anchors
                    .get(&anchor)
                    .map(|node| Node {
                        at,
                        value: node.value.clone(),
                    })
                    .ok_or_else(|| Problem::expected(at, "an anchor defined before", "none"));
            }
            _ => return Err(Problem::expected(at, "a value", "none")),
        };
        self.depth -= 1;
        let node = spell_out(Node { at, value }, tag.as_deref());
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self) -> Result<Vec<Node>, Problem> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(items);
            }
            items.push(self.node(event, &span)?);
        }
    }

    fn map(&mut self) -> Result<Vec<Entry>, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let at = position(&span);
            let key = match event {
                Event::MappingEnd => return Ok(entries),
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return Err(Problem::expected(at, "a key", "a list or a map")),
            };
            if let Some(first) = entries.iter().find(|e| e.key == key) {
                let found = format!("`{key}` again (it is at {} too)", first.at);
                return Err(Problem::expected(at, "each key once", found));
            }
            let (event, span) = self.next()?;
            entries.push(Entry {
                key,
                at,
                value: self.node(event, &span)?,
            });
        }
    }
}

fn position(span: &Span) -> Position {
    Position {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

/// Turns `!Ref x` into `{Ref: x}` and `!Sub x` into `{Fn::Sub: x}`.
fn spell_out(node: Node, tag: Option<&Tag>) -> Node {
    let Some(tag) = tag.filter(|tag| tag.handle == "!" && !tag.suffix.is_empty()) else {
        return node;
    };
    let key = match tag.suffix.as_str() {
        "Ref" | "Condition" => tag.suffix.clone(),
        function => format!("Fn::{function}"),
    };
    let at = node.at;
    Node {
        at,
        value: Value::Map(vec![Entry {
            key,
            at,
            value: node,
        }]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_and_long_forms_are_one() {
        let short = parse("a: !Sub 'x-${y}'\nb: !GetAtt t.Arn\nc: !Ref z").expect("YAML");
        let long =
            parse("a: {Fn::Sub: 'x-${y}'}\nb: {Fn::GetAtt: t.Arn}\nc: {Ref: z}").expect("YAML");
        for key in ["a", "b", "c"] {
            let names = |node: &Node| {
                node.get(key).expect("key").entries().expect("map")[0]
                    .key
                    .clone()
            };
            assert_eq!(names(&short), names(&long));
        }
    }

    #[test]
    fn numbers_keep_their_leading_zeros() {
        let node = parse("account: 000123456789").expect("YAML");
        assert_eq!(node.get("account").expect("key").text(), Ok("000123456789"));
    }

    #[test]
    fn aliases_stand_for_their_anchors() {
        let node = parse("a: &x {k: v}\nb: *x").expect("YAML");
        assert_eq!(
            node.get("b").expect("b").get("k").expect("k").text(),
            Ok("v")
        );
    }

    #[test]
    fn broken_yaml_is_located() {
        for (source, line) in [("a: [1, 2\nb: 3", 2), ("a: 1\na: 2", 2), ("a: \"b", 1)] {
            let problem = parse(source).expect_err(source);
            assert_eq!(problem.at.line, line, "{source:?} gave {problem:?}");
        }
    }
}
