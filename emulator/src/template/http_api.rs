//! The HTTP API: routes, JWT authorizers and CORS.

use std::collections::BTreeMap;

use super::model::{Authorizer, Cors, HttpApi, Route, RouteAuth, TokenSource};
use super::problem::Problem;
use super::references::{HTTP_API, IMPLICIT_HTTP_API, api_id};
use super::resolve::{Resolver, Resource};
use super::yaml::Node;

const DEFAULT_ROUTE: &str = "$default";
const DEFAULT_STAGE: &str = "$default";
/// Throttling, logs and metrics by route: callers of an API on this machine would not notice them.
const STAGE_SETTINGS: [&str; 2] = ["RouteSettings", "DefaultRouteSettings"];
/// Settings of a route that change its answers, so it is refused with them.
const NOT_EMULATED: [&str; 2] = ["TimeoutInMillis", "RouteSettings"];
const METHODS: [&str; 8] = [
    "ANY", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
];
const NO_AUTHORIZER: &str = "NONE";
const DEFAULT_TOKEN_HEADER: &str = "Authorization";

/// The API without its routes, which come from the functions' events; and the parts of it that aren't emulated.
pub(super) fn api(
    resolver: &Resolver,
    resources: &[Resource<'_>],
) -> Result<(HttpApi, Vec<String>), Problem> {
    let declared = declared(resources)?;
    let setting = |key: &str| {
        let own = declared.and_then(|resource| resource.property(key));
        let globals = || resolver.globals("HttpApi").and_then(|it| it.get(key));
        match own.or_else(globals) {
            Some(node) => resolver.resolve(node),
            None => Ok(None),
        }
    };
    if let Some(definition) = setting("DefinitionBody")?.or(setting("DefinitionUri")?) {
        let message =
            "expected routes as HttpApi events of the functions, found an OpenAPI definition";
        return Err(Problem::new(definition.at, message));
    }
    if let Some(stage) = setting("StageName")?
        && stage.text()? != DEFAULT_STAGE
    {
        return Err(stage.expected("the stage $default, the only one that is emulated"));
    }
    let mut ignored = Vec::new();
    for key in STAGE_SETTINGS {
        if let Some(node) = setting(key)? {
            ignored.push(format!("line {}: {key} is not emulated", node.at));
        }
    }
    let mut api = HttpApi {
        id: api_id(declared.map_or(IMPLICIT_HTTP_API, |resource| resource.id)),
        ..HttpApi::default()
    };
    if let Some(node) = setting("CorsConfiguration")? {
        api.cors = cors(&node)?;
    }
    if let Some(auth) = setting("Auth")? {
        guard(&mut api, &auth)?;
    }
    Ok((api, ignored))
}

/// The one API that the template declares, if it does.
fn declared<'r, 't>(resources: &'r [Resource<'t>]) -> Result<Option<&'r Resource<'t>>, Problem> {
    let mut apis = resources
        .iter()
        .filter(|resource| resource.kind == HTTP_API);
    let first = apis.next();
    if let Some(second) = apis.next() {
        let found = format!("{} too", second.id);
        return Err(Problem::expected(
            second.at,
            "one AWS::Serverless::HttpApi",
            found,
        ));
    }
    Ok(first)
}

fn guard(api: &mut HttpApi, auth: &Node) -> Result<(), Problem> {
    api.authorizers = authorizers(auth)?;
    if let Some(default) = auth.get("DefaultAuthorizer") {
        known(&api.authorizers, default)?;
        api.default_authorizer = Some(default.text()?.to_owned());
    }
    Ok(())
}

fn authorizers(auth: &Node) -> Result<BTreeMap<String, Authorizer>, Problem> {
    let mut authorizers = BTreeMap::new();
    let Some(declared) = auth.get("Authorizers") else {
        return Ok(authorizers);
    };
    for entry in declared.entries()? {
        let Some(jwt) = entry.value.get("JwtConfiguration") else {
            let expected = "a JWT authorizer (JwtConfiguration)";
            return Err(Problem::expected(entry.at, expected, "another kind"));
        };
        let source = match entry.value.get("IdentitySource") {
            Some(node) => token_source(node)?,
            None => TokenSource::Header(DEFAULT_TOKEN_HEADER.to_ascii_lowercase()),
        };
        let authorizer = Authorizer {
            issuer: jwt.require("issuer")?.text()?.to_owned(),
            audience: jwt.require("audience")?.texts()?,
            source,
        };
        authorizers.insert(entry.key.clone(), authorizer);
    }
    Ok(authorizers)
}

fn token_source(node: &Node) -> Result<TokenSource, Problem> {
    let text = node.text()?;
    if let Some(header) = text.strip_prefix("$request.header.") {
        return Ok(TokenSource::Header(header.to_ascii_lowercase()));
    }
    match text.strip_prefix("$request.querystring.") {
        Some(parameter) => Ok(TokenSource::QueryString(parameter.to_owned())),
        None => Err(node.expected("$request.header.NAME or $request.querystring.NAME")),
    }
}

fn known(authorizers: &BTreeMap<String, Authorizer>, name: &Node) -> Result<(), Problem> {
    if authorizers.contains_key(name.text()?) {
        return Ok(());
    }
    let names: Vec<&str> = authorizers.keys().map(String::as_str).collect();
    let names = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    Err(name.expected(format!(
        "the name of one of the API's authorizers ({names})"
    )))
}

/// `CorsConfiguration: true` allows every origin.
fn cors(node: &Node) -> Result<Option<Cors>, Problem> {
    if let Ok(enabled) = node.boolean() {
        return Ok(enabled.then(|| Cors {
            origins: vec!["*".to_owned()],
            ..Cors::default()
        }));
    }
    node.entries()?;
    let list = |key: &str| node.get(key).map_or(Ok(Vec::new()), Node::texts);
    let max_age = match node.get("MaxAge") {
        Some(node) => Some(node.integer(-1, 86_400)?),
        None => None,
    };
    let credentials = match node.get("AllowCredentials") {
        Some(node) => node.boolean()?,
        None => false,
    };
    Ok(Some(Cors {
        origins: list("AllowOrigins")?,
        methods: list("AllowMethods")?,
        headers: list("AllowHeaders")?,
        exposed: list("ExposeHeaders")?,
        max_age,
        credentials,
    }))
}

/// The route of one `HttpApi` event.
pub(super) fn route(properties: &Node, function: &str, api: &HttpApi) -> Result<Route, Problem> {
    for key in NOT_EMULATED {
        if let Some(node) = properties.get(key) {
            let message = format!("{key} of an HttpApi event is not emulated");
            return Err(Problem::new(node.at, message));
        }
    }
    if let Some(version) = properties.get("PayloadFormatVersion")
        && version.text()? != "2.0"
    {
        return Err(version.expected("PayloadFormatVersion 2.0"));
    }
    if let Some(id) = properties.get("ApiId")
        && id.text()? != api.id
    {
        return Err(id.expected("the template's AWS::Serverless::HttpApi"));
    }
    let path = match properties.get("Path") {
        Some(node) => path(node)?,
        None => DEFAULT_ROUTE.to_owned(),
    };
    let method = match properties.get("Method") {
        Some(node) => method(node)?,
        None => "ANY".to_owned(),
    };
    let auth = route_auth(properties, api)?;
    Ok(Route {
        method,
        path,
        function: function.to_owned(),
        auth,
    })
}

fn path(node: &Node) -> Result<String, Problem> {
    let path = node.text()?;
    if path != DEFAULT_ROUTE && !path.starts_with('/') {
        return Err(node.expected("a path that starts with /, or $default"));
    }
    let parts: Vec<&str> = path.split('/').collect();
    let greedy_inside = parts.iter().rev().skip(1).any(|part| part.ends_with("+}"));
    if greedy_inside {
        return Err(node.expected("a {name+} at the path's end only"));
    }
    Ok(path.to_owned())
}

fn method(node: &Node) -> Result<String, Problem> {
    let method = match node.text()? {
        "*" | "x-amazon-apigateway-any-method" => "ANY".to_owned(),
        name => name.to_ascii_uppercase(),
    };
    if METHODS.contains(&method.as_str()) {
        return Ok(method);
    }
    Err(node.expected(format!("one of {}", METHODS.join(", "))))
}

/// The event's own authorizer, or the API's default one.
fn route_auth(properties: &Node, api: &HttpApi) -> Result<Option<RouteAuth>, Problem> {
    let own = properties.get("Auth");
    let authorizer = match own.and_then(|auth| auth.get("Authorizer")) {
        Some(name) if name.text()? == NO_AUTHORIZER => return Ok(None),
        Some(name) => {
            known(&api.authorizers, name)?;
            name.text()?.to_owned()
        }
        None => match &api.default_authorizer {
            Some(default) => default.clone(),
            None => return Ok(None),
        },
    };
    let scopes = match own.and_then(|auth| auth.get("AuthorizationScopes")) {
        Some(scopes) => scopes.texts()?,
        None => Vec::new(),
    };
    Ok(Some(RouteAuth { authorizer, scopes }))
}
