//! Finds the route of a request.
//!
//! API Gateway prefers, in this order: the full match of method and path, a match with `{parameters}`, a match
//! with a greedy `{path+}`, and `$default`; and the request's own method before ANY.
//! Source: API Gateway's developer guide, "Routing API requests" for HTTP APIs.

use std::collections::{BTreeMap, HashSet};

use anyhow::bail;
use axum::http::Method;
use percent_encoding::percent_decode_str;

use crate::template::Route;

#[derive(Debug)]
pub(super) struct RouteTable {
    /// Best first, each with its place in the API's list of routes.
    routes: Vec<(usize, Pattern)>,
}

#[derive(Debug)]
struct Pattern {
    /// None for ANY.
    method: Option<Method>,
    /// None for `$default`.
    segments: Option<Vec<Segment>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    // In order of preference.
    Literal(String),
    Parameter(String),
    Greedy(String),
}

/// The route of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) index: usize,
    /// By name, without percent encoding.
    pub(super) parameters: BTreeMap<String, String>,
}

impl RouteTable {
    /// # Errors
    /// When two routes have the same key, which API Gateway refuses.
    pub(super) fn new(routes: &[Route]) -> anyhow::Result<Self> {
        let mut keys = HashSet::new();
        let mut table = Vec::with_capacity(routes.len());
        for (index, route) in routes.iter().enumerate() {
            if !keys.insert((&route.method, &route.path)) {
                bail!("the route {} {} is there twice", route.method, route.path);
            }
            table.push((index, Pattern::new(route)?));
        }
        table.sort_by_key(|(_, pattern)| pattern.rank());
        Ok(RouteTable { routes: table })
    }

    pub(super) fn find(&self, method: &Method, path: &str) -> Option<Match> {
        let segments: Vec<&str> = split(path).collect();
        self.routes.iter().find_map(|(index, pattern)| {
            let parameters = pattern.matches(method, &segments)?;
            Some(Match {
                index: *index,
                parameters,
            })
        })
    }
}

impl Pattern {
    fn new(route: &Route) -> anyhow::Result<Self> {
        let method = match route.method.as_str() {
            "ANY" => None,
            name => Some(name.parse()?),
        };
        let segments =
            (route.path != "$default").then(|| split(&route.path).map(segment).collect());
        Ok(Pattern { method, segments })
    }

    /// Smaller is preferred. Segment by segment from the left, so that `/a/{x}` comes before `/{x}/a`.
    fn rank(&self) -> (u8, Vec<u8>, bool) {
        let Some(segments) = &self.segments else {
            return (3, Vec::new(), true);
        };
        let kinds: Vec<u8> = segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(_) => 0,
                Segment::Parameter(_) => 1,
                Segment::Greedy(_) => 2,
            })
            .collect();
        (
            kinds.iter().copied().max().unwrap_or(0),
            kinds,
            self.method.is_none(),
        )
    }

    fn matches(&self, method: &Method, path: &[&str]) -> Option<BTreeMap<String, String>> {
        if self.method.as_ref().is_some_and(|own| own != method) {
            return None;
        }
        let mut parameters = BTreeMap::new();
        let Some(segments) = &self.segments else {
            return Some(parameters);
        };
        let mut rest = path;
        for segment in segments {
            let (first, others) = rest.split_first()?;
            match segment {
                Segment::Literal(text) if text == first => {}
                Segment::Literal(_) => return None,
                Segment::Parameter(_) if first.is_empty() => return None,
                Segment::Parameter(name) => {
                    parameters.insert(name.clone(), decode(first));
                }
                Segment::Greedy(name) => {
                    parameters.insert(name.clone(), decode(&rest.join("/")));
                    return Some(parameters);
                }
            }
            rest = others;
        }
        rest.is_empty().then_some(parameters)
    }
}

/// The parts of a path; a slash at the end counts, as it does in API Gateway.
fn split(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

fn segment(text: &str) -> Segment {
    match text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        Some(name) => match name.strip_suffix('+') {
            Some(name) => Segment::Greedy(name.to_owned()),
            None => Segment::Parameter(name.to_owned()),
        },
        None => Segment::Literal(text.to_owned()),
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(keys: &[&str]) -> RouteTable {
        let routes: Vec<Route> = keys
            .iter()
            .map(|key| {
                let (method, path) = key.split_once(' ').unwrap_or(("ANY", key));
                Route {
                    method: method.to_owned(),
                    path: path.to_owned(),
                    function: "F".to_owned(),
                    auth: None,
                }
            })
            .collect();
        RouteTable::new(&routes).expect("a table")
    }

    #[test]
    fn the_most_specific_route_wins() {
        let keys = [
            "$default",
            "GET /pets/{proxy+}",
            "ANY /pets/{id}",
            "GET /pets/{id}",
            "GET /pets/dog/1",
            "GET /pets/dog/{id}",
            "ANY /{anything+}",
            "DELETE /pets/dog/1",
            "GET /",
        ];
        let table = table(&keys);
        for (method, path, expected) in [
            ("GET", "/pets/dog/1", Some("GET /pets/dog/1")),
            ("GET", "/pets/dog/2", Some("GET /pets/dog/{id}")),
            ("GET", "/pets/cat/1", Some("GET /pets/{proxy+}")),
            ("GET", "/pets/5", Some("GET /pets/{id}")),
            ("POST", "/pets/5", Some("ANY /pets/{id}")),
            ("POST", "/pets/dog/1", Some("ANY /{anything+}")),
            ("GET", "/", Some("GET /")),
            ("PUT", "/pets", Some("ANY /{anything+}")),
        ] {
            let found = table.find(&method.parse().expect("method"), path);
            assert_eq!(
                found.map(|found| keys[found.index]),
                expected,
                "{method} {path}"
            );
        }
    }

    #[test]
    fn only_what_is_declared_answers() {
        let table = table(&[
            "GET /products",
            "GET /products/{id}",
            "POST /carts/{id}/items",
        ]);
        for (method, path) in [
            ("POST", "/products"),
            ("GET", "/products/"),
            ("GET", "/products/1/2"),
            ("GET", "/"),
            ("GET", "/Products"),
            ("POST", "/carts//items"),
        ] {
            let found = table.find(&method.parse().expect("method"), path);
            assert_eq!(found, None, "{method} {path}");
        }
    }

    #[test]
    fn parameters_are_decoded() {
        let table = table(&["GET /a/{x}/{rest+}"]);
        let found = table
            .find(&Method::GET, "/a/one%20two/b%2Fc/d")
            .expect("a match");
        assert_eq!(found.parameters["x"], "one two");
        assert_eq!(found.parameters["rest"], "b/c/d");
    }

    #[test]
    fn a_route_can_be_there_once() {
        let route = Route {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            function: "F".to_owned(),
            auth: None,
        };
        assert!(RouteTable::new(&[route.clone(), route]).is_err());
    }
}
