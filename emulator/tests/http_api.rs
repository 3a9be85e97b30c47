//! The HTTP API over real HTTP with real function processes.

mod support;

use serde_json::{Value, json};
use support::{TestEmulator, start};

const TEMPLATE: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Users
        Authorizers:
          Users:
            IdentitySource: $request.header.Authorization
            JwtConfiguration:
              issuer: !Sub https://cognito-idp.${AWS::Region}.amazonaws.com/${UserPool}
              audience: [!Ref UserPoolClient]
      CorsConfiguration:
        AllowOrigins: [https://shop.example]
        AllowMethods: [GET, POST]
        AllowHeaders: [authorization]
        MaxAge: 600
  UserPool:
    Type: AWS::Cognito::UserPool
  UserPoolClient:
    Type: AWS::Cognito::UserPoolClient
    Properties:
      UserPoolId: !Ref UserPool
  Echo:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: fixture}}
    Properties:
      CodeUri: .
      Handler: bootstrap
      Runtime: provided.al2023
      Events:
        Public:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Path: '/echo/{name}', Method: ANY, Auth: {Authorizer: NONE}}
        Private:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Path: /private, Method: GET}
        Scoped:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Path: /scoped, Method: GET, Auth: {AuthorizationScopes: [shop/admin]}}
";

/// Sends a request with everything that an event can have, and returns the event that the function got.
async fn event_of_a_full_request(emulator: &TestEmulator, token: &str) -> Value {
    let url = emulator.api("/echo/a%20b?parameter1=value1&parameter1=value2&parameter2=va%20lue");
    let request = emulator.http.post(url);
    let response = request
        .header("Header1", "value1")
        .header("Header2", "value1")
        .header("Header2", "value2")
        .header("Cookie", "cookie1=a; cookie2=b")
        .header("User-Agent", "agent")
        .header("Content-Type", "application/json")
        .bearer_auth(token)
        .body("{\"hello\":1}")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 200);
    response.json().await.expect("the event")
}

#[tokio::test]
async fn a_request_becomes_the_documented_event() {
    let emulator = start(TEMPLATE).await;
    let token = emulator.token(json!({ "sub": "alice" })).await;
    let mut event = event_of_a_full_request(&emulator, &token).await;
    // These differ from run to run; another test looks at their form.
    for name in ["time", "timeEpoch", "requestId"] {
        event["requestContext"][name].take();
    }
    event["headers"]["x-amzn-trace-id"].take();
    let api_url = emulator.running.api_url();
    let authority = api_url.strip_prefix("http://").expect("a URL");
    let (_, port) = authority.rsplit_once(':').expect("a port");
    let expected = json!({
        "version": "2.0",
        "routeKey": "ANY /echo/{name}",
        "rawPath": "/echo/a%20b",
        "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=va%20lue",
        "cookies": ["cookie1=a", "cookie2=b"],
        "headers": {
            "accept": "*/*",
            "authorization": format!("Bearer {token}"),
            "content-length": "11",
            "content-type": "application/json",
            "header1": "value1",
            "header2": "value1,value2",
            "host": authority,
            "user-agent": "agent",
            "x-amzn-trace-id": null,
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": port,
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": { "parameter1": "value1,value2", "parameter2": "va lue" },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "api",
            "domainName": "127.0.0.1",
            "domainPrefix": "127",
            "http": {
                "method": "POST",
                "path": "/echo/a%20b",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "agent",
            },
            "requestId": null,
            "routeKey": "ANY /echo/{name}",
            "stage": "$default",
            "time": null,
            "timeEpoch": null,
        },
        "pathParameters": { "name": "a b" },
        "body": "{\"hello\":1}",
        "isBase64Encoded": false,
    });
    assert_eq!(event, expected);
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn an_event_has_times_and_ids_that_the_functions_own_library_takes() {
    let emulator = start(TEMPLATE).await;
    let token = emulator.token(json!({ "sub": "alice" })).await;
    let event = event_of_a_full_request(&emulator, &token).await;
    let context = &event["requestContext"];
    let millis = context["timeEpoch"].as_i64().expect("timeEpoch");
    let plausible = 1_700_000_000_000..5_000_000_000_000;
    assert!(plausible.contains(&millis), "{millis}");
    let time = context["time"].as_str().expect("time");
    assert_eq!((time.len(), &time[20..]), (26, " +0000"), "{time}");
    assert_ne!(context["requestId"].as_str().expect("requestId"), "");
    let trace = event["headers"]["x-amzn-trace-id"].as_str();
    let trace = trace.expect("a trace header");
    assert!(trace.starts_with("Root=1-"), "{trace}");
    serde_json::from_value::<aws_lambda_events::apigw::ApiGatewayV2httpRequest>(event)
        .expect("an HTTP API event");
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn a_response_has_the_functions_headers_and_cookies_and_an_id() {
    let emulator = start(TEMPLATE).await;
    let response = emulator.get("/echo/x").send().await.expect("an answer");
    let headers = response.headers();
    assert_eq!(headers["x-fixture"], "yes");
    assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
    assert!(headers.contains_key("apigw-requestid"));
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn claims_reach_the_function_as_text() {
    let emulator = start(TEMPLATE).await;
    let grant = json!({ "sub": "alice", "groups": ["merchants", "admins"] });
    let token = emulator.token(grant).await;
    let response = emulator
        .get("/private")
        .bearer_auth(&token)
        .send()
        .await
        .expect("an answer");
    let event: Value = response.json().await.expect("the event");
    let jwt = &event["requestContext"]["authorizer"]["jwt"];
    assert_eq!(jwt["scopes"], Value::Null);
    assert_eq!(jwt["claims"]["sub"], "alice");
    assert_eq!(jwt["claims"]["cognito:groups"], "[merchants admins]");
    assert_eq!(jwt["claims"]["client_id"], "UserPoolClient");
    let issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UserPool";
    assert_eq!(jwt["claims"]["iss"], issuer);
    assert!(
        jwt["claims"]["exp"]
            .as_str()
            .is_some_and(|exp| exp.parse::<i64>().is_ok()),
        "{jwt}"
    );
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn bodies_that_are_not_text_are_base64() {
    let emulator = start(TEMPLATE).await;
    for (content_type, body, expected, is_base64) in [
        (Some("application/json"), &b"{}"[..], "{}", false),
        (
            Some("application/problem+json; charset=utf-8"),
            b"{}",
            "{}",
            false,
        ),
        (Some("text/plain"), b"caf\xc3\xa9", "caf\u{e9}", false),
        (Some("application/json"), b"\xff\xfe", "//4=", true),
        (
            Some("application/x-www-form-urlencoded"),
            b"a=1",
            "YT0x",
            true,
        ),
        (Some("application/octet-stream"), b"hi", "aGk=", true),
        (None, b"hi", "hi", false),
    ] {
        let mut request = emulator
            .http
            .post(emulator.api("/echo/x"))
            .body(body.to_vec());
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let event: Value = request
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("the event");
        assert_eq!(event["body"], expected, "{content_type:?}");
        assert_eq!(event["isBase64Encoded"], is_base64, "{content_type:?}");
    }
    let event: Value = emulator
        .get("/echo/x")
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("the event");
    assert_eq!(event.get("body"), None, "no body, no field");
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn no_token_lives_longer_than_a_year_either_way() {
    let emulator = start(TEMPLATE).await;
    for ttl in [i64::MIN, i64::MAX] {
        let grant = json!({ "sub": "alice", "ttl_seconds": ttl }).to_string();
        let answer = emulator
            .http
            .post(emulator.aws("/_local/token"))
            .body(grant);
        let status = answer.send().await.expect("an answer").status();
        assert_eq!(status, 400, "{ttl}");
    }
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn the_gateway_turns_away_what_no_function_should_see() {
    let emulator = start(TEMPLATE).await;
    let expired = emulator
        .token(json!({ "sub": "alice", "ttl_seconds": -5 }))
        .await;
    let elsewhere = emulator
        .token(json!({ "sub": "alice", "audience": "another" }))
        .await;
    let good = emulator.token(json!({ "sub": "alice" })).await;
    let admin = emulator
        .token(json!({ "sub": "alice", "scope": "shop/admin" }))
        .await;
    for (path, token, status, message) in [
        ("/private", None, 401, Some("Unauthorized")),
        ("/private", Some("nonsense"), 401, Some("Unauthorized")),
        (
            "/private",
            Some(expired.as_str()),
            401,
            Some("Unauthorized"),
        ),
        (
            "/private",
            Some(elsewhere.as_str()),
            401,
            Some("Unauthorized"),
        ),
        ("/private", Some(good.as_str()), 200, None),
        ("/scoped", Some(good.as_str()), 403, Some("Forbidden")),
        ("/scoped", Some(admin.as_str()), 200, None),
        ("/nowhere", Some(good.as_str()), 404, Some("Not Found")),
        ("/echo", None, 404, Some("Not Found")),
    ] {
        let mut request = emulator.get(path);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), status, "{path} {token:?}");
        if let Some(message) = message {
            let body: Value = response.json().await.expect("JSON");
            assert_eq!(body, json!({ "message": message }), "{path}");
        }
    }
    let huge = vec![b'x'; 10 * 1024 * 1024 + 1];
    let response = emulator
        .http
        .post(emulator.api("/echo/x"))
        .body(huge)
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 413);
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn failures_of_a_function_are_the_gateways_500() {
    let emulator = start(TEMPLATE).await;
    for command in ["error", "exit", "large"] {
        let response = emulator.ask("/echo/x", command).await;
        assert_eq!(response.status(), 500, "{command}");
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(
            body,
            json!({ "message": "Internal Server Error" }),
            "{command}"
        );
        assert_eq!(
            emulator
                .get("/echo/x")
                .send()
                .await
                .expect("an answer")
                .status(),
            200,
            "{command}"
        );
    }
    emulator.running.shut_down().await;
}

#[tokio::test]
async fn browsers_at_allowed_origins_may_call() {
    let emulator = start(TEMPLATE).await;
    for (origin, allowed) in [
        ("https://shop.example", true),
        ("https://evil.example", false),
    ] {
        let preflight = emulator
            .http
            .request(reqwest::Method::OPTIONS, emulator.api("/private"))
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .send()
            .await
            .expect("an answer");
        assert_eq!(preflight.status(), 204);
        let header = |name: &str| {
            preflight
                .headers()
                .get(name)
                .map(|value| value.to_str().expect("text"))
        };
        assert_eq!(
            header("access-control-allow-origin"),
            allowed.then_some(origin)
        );
        assert_eq!(
            header("access-control-allow-methods"),
            allowed.then_some("GET,POST")
        );
        // A browser must be able to read that it has no token.
        let response = emulator
            .get("/private")
            .header("origin", origin)
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 401);
        assert_eq!(
            response
                .headers()
                .contains_key("access-control-allow-origin"),
            allowed
        );
    }
    emulator.running.shut_down().await;
}
