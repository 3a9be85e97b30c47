//! Commands to try first, made from the template's own routes.

use emulator_api::paths::TOKEN;

use crate::template::{HttpApi, Route};

/// Commands to paste into a shell.
pub(crate) fn commands(api: &HttpApi, api_url: &str, aws_url: &str) -> Vec<String> {
    let plain = |route: &&Route| {
        matches!(route.method.as_str(), "GET" | "ANY") && !route.path.contains(['{', '$'])
    };
    let mut commands = Vec::new();
    if let Some(open) = api
        .routes
        .iter()
        .filter(plain)
        .find(|route| route.auth.is_none())
    {
        commands.push(format!("curl -s {api_url}{}", open.path));
    }
    if api.authorizers.is_empty() {
        return commands;
    }
    commands.push(format!(
        r#"TOKEN=$(curl -s {aws_url}{TOKEN} -d '{{"sub":"alice"}}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')"#
    ));
    if let Some(guarded) = api
        .routes
        .iter()
        .filter(plain)
        .find(|route| route.auth.is_some())
    {
        let path = &guarded.path;
        commands.push(format!(
            r#"curl -s {api_url}{path} -H "Authorization: Bearer $TOKEN""#
        ));
    }
    commands
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::template::{Authorizer, RouteAuth, TokenSource};

    #[test]
    fn examples_use_the_templates_routes() {
        let route = |method: &str, path: &str, guarded: bool| Route {
            method: method.to_owned(),
            path: path.to_owned(),
            function: "F".to_owned(),
            auth: guarded.then(|| RouteAuth {
                authorizer: "Users".to_owned(),
                scopes: vec![],
            }),
        };
        let authorizer = Authorizer {
            issuer: "issuer".to_owned(),
            audience: vec!["client".to_owned()],
            source: TokenSource::Header("authorization".to_owned()),
        };
        let mut api = HttpApi {
            routes: vec![
                route("GET", "/shelves/{id}", false),
                route("POST", "/baskets", true),
                route("GET", "/shelves", false),
                route("GET", "/mine", true),
            ],
            ..HttpApi::default()
        };
        assert_eq!(
            commands(&api, "http://a", "http://e"),
            ["curl -s http://a/shelves"]
        );
        api.authorizers = BTreeMap::from([("Users".to_owned(), authorizer)]);
        let commands = commands(&api, "http://a", "http://e");
        assert_eq!(commands.len(), 3);
        assert!(
            commands[1].starts_with("TOKEN=$(curl -s http://e/_local/token"),
            "{commands:?}"
        );
        assert_eq!(
            commands[2],
            r#"curl -s http://a/mine -H "Authorization: Bearer $TOKEN""#
        );
    }
}
