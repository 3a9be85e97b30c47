//! Templates, good and bad.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::*;

fn load(source: &str, parameters: &[(&str, &str)]) -> Result<Template, TemplateError> {
    let parameters: BTreeMap<String, String> = parameters
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let deployment = Deployment {
        region: "us-east-1".to_owned(),
        account_id: "000000000000".to_owned(),
        stack_name: "local".to_owned(),
        aws_url: "http://127.0.0.1:4566".to_owned(),
        api_url: "http://127.0.0.1:3000".to_owned(),
    };
    Template::parse(
        Path::new("some/template.yaml"),
        source,
        &parameters,
        deployment,
    )
}

/// A function with these environment variables, whose values are under test.
fn with_variables(head: &str, variables: &str) -> String {
    let variables: String = variables
        .lines()
        .map(|line| format!("          {line}\n"))
        .collect();
    format!(
        "{head}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{{AttributeName: id, AttributeType: S}}]
      KeySchema: [{{AttributeName: id, KeyType: HASH}}]
  Queue: {{Type: AWS::SQS::Queue}}
  Ordered: {{Type: AWS::SQS::Queue, Properties: {{FifoQueue: true}}}}
  Named: {{Type: AWS::SQS::Queue, Properties: {{QueueName: !Sub '${{AWS::StackName}}-own'}}}}
  Pool: {{Type: AWS::Cognito::UserPool}}
  Client: {{Type: AWS::Cognito::UserPoolClient}}
  Alarm: {{Type: AWS::CloudWatch::Alarm, Properties: {{Body: !Unheard of}}}}
  F:
    Type: AWS::Serverless::Function
    Metadata: {{BuildProperties: {{Binary: f}}}}
    Properties:
      Runtime: provided.al2023
      Policies: [!Unheard of]
      Environment:
        Variables:
{variables}"
    )
}

fn variables(head: &str, lines: &str, parameters: &[(&str, &str)]) -> BTreeMap<String, String> {
    let template = load(&with_variables(head, lines), parameters).expect("a good template");
    template
        .stack()
        .expect("a stack")
        .functions
        .remove(0)
        .environment
}

#[test]
fn intrinsics_have_their_values() {
    let head = "
Parameters:
  Size: {Type: Number, Default: 5}
  List: {Type: CommaDelimitedList, Default: 'a, b,c'}
Conditions:
  Large: !Equals [!Ref Size, '50']
  Small: !Not [{Condition: Large}]
  Both: !And [{Condition: Small}, !Equals [1, 1]]
  Either: !Or [{Condition: Large}, !Equals [1, 2]]
Mappings:
  Regions: {us-east-1: {Name: Virginia}}";
    for (expression, expected) in [
        ("!Ref Size", "5"),
        ("{Ref: Size}", "5"),
        ("!Ref AWS::Region", "us-east-1"),
        ("!Ref AWS::AccountId", "000000000000"),
        ("!Ref Table", "local-Table"),
        (
            "!GetAtt Table.Arn",
            "arn:aws:dynamodb:us-east-1:000000000000:table/local-Table",
        ),
        (
            "{Fn::GetAtt: [Table, Arn]}",
            "arn:aws:dynamodb:us-east-1:000000000000:table/local-Table",
        ),
        (
            "!Ref Queue",
            "http://127.0.0.1:4566/000000000000/local-Queue",
        ),
        (
            "!GetAtt Queue.Arn",
            "arn:aws:sqs:us-east-1:000000000000:local-Queue",
        ),
        ("!GetAtt Queue.QueueName", "local-Queue"),
        ("!GetAtt Ordered.QueueName", "local-Ordered.fifo"),
        ("!GetAtt Named.QueueName", "local-own"),
        ("!Ref Pool", "us-east-1_Pool"),
        (
            "!GetAtt Pool.ProviderURL",
            "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Pool",
        ),
        ("!Ref Client", "Client"),
        (
            "!Sub '${Size}-${Table}-${Queue.QueueName}-${!kept}'",
            "5-local-Table-local-Queue-${kept}",
        ),
        ("!Sub ['${Size}${x}', {x: !Ref Size}]", "55"),
        ("!Join ['-', [a, !Ref Size, b]]", "a-5-b"),
        ("!Join ['+', !Ref List]", "a+b+c"),
        ("!Select [1, !Ref List]", "b"),
        ("!Select [2, !Split ['/', a/b/c]]", "c"),
        ("!If [Large, big, little]", "little"),
        ("!If [Both, yes, no]", "yes"),
        ("!If [Either, yes, no]", "no"),
        ("!FindInMap [Regions, !Ref AWS::Region, Name]", "Virginia"),
        ("!Base64 hi", "aGk="),
        ("!ImportNothing x", ""),
    ] {
        if expected.is_empty() {
            let source = with_variables(head, &format!("X: {expression}"));
            assert!(load(&source, &[]).expect("a template").stack().is_err());
            continue;
        }
        let values = variables(head, &format!("X: {expression}"), &[]);
        assert_eq!(values["X"], expected, "{expression}");
    }
    let values = variables(
        head,
        "X: !If [Large, big, little]\nY: !If [Large, !Ref AWS::NoValue, kept]",
        &[("Size", "50")],
    );
    assert_eq!(values.get("X").map(String::as_str), Some("big"));
    assert_eq!(values.get("Y"), None, "AWS::NoValue leaves nothing");
}

#[test]
fn globals_are_what_a_function_does_not_say() {
    let source = "
Globals:
  Function:
    Runtime: provided.al2023
    Timeout: 7
    MemorySize: 512
    Environment: {Variables: {A: global, B: global}}
Resources:
  Own:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: own}}
    Properties: {Timeout: 2, FunctionName: mine, Environment: {Variables: {B: own}}}
  Off:
    Type: AWS::Serverless::Function
    Condition: Never
    Metadata: {BuildProperties: {Binary: off}}
Conditions:
  Never: !Equals [a, b]
";
    let template = load(source, &[]).expect("a template");
    let stack = template.stack().expect("a stack");
    let [own] = stack.functions.as_slice() else {
        panic!("one function: {:?}", stack.functions)
    };
    assert_eq!((own.name.as_str(), own.binary.as_str()), ("mine", "own"));
    assert_eq!((own.timeout, own.memory), (Duration::from_secs(2), 512));
    let expected = [("A", "global"), ("B", "own")];
    assert!(
        own.environment
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .eq(expected)
    );
}

/// A template, and the message about it, with the place.
const MISTAKES: &[(&str, &str)] = &[
    ("", "1:1: expected a template, found an empty file"),
    ("Resources: [a]", "1:12: expected a map, found a list"),
    ("Outputs: {}", "expected `Resources` here, found none"),
    (
        "Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: soon}}",
        "2:62: expected a whole number from 0 to 43200, found `soon`",
    ),
    (
        "Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: !Ref Sise}}",
        "2:62: expected the name of a parameter or a resource, found `Sise`",
    ),
    (
        "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      DelaySeconds: !Transform x",
        "expected an intrinsic function that the emulator knows, found `Fn::Transform`",
    ),
    (
        "Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt Q.QueueName}}",
        "references that go in a circle",
    ),
    (
        "Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt Other.Arn}}",
        "expected the name of a resource, found `Other`",
    ),
    (
        "Resources:\n  T: {Type: AWS::DynamoDB::Table, Properties: {}}",
        "2:3: expected T to have `AttributeDefinitions`, found none",
    ),
    (
        "Parameters:\n  P: {Type: String}\nResources: {}",
        "2:3: expected a Default or --param P=VALUE, found neither",
    ),
    (
        "Parameters:\n  P: {Type: String, Default: c, AllowedValues: [a, b]}\nResources: {}",
        "expected P to be one of a, b, found `c`",
    ),
    (
        "Parameters:\n  P: {Type: Number, Default: 5, MaxValue: 4}\nResources: {}",
        "expected P to be at most 4, found `5`",
    ),
    (
        "Conditions: {A: !Condition B, B: !Condition A}\nResources: {}",
        "conditions that go in a circle",
    ),
    (
        "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {Runtime: provided.al2023}}",
        "2:3: expected F to name its binary in Metadata.BuildProperties.Binary, found no name",
    ),
    (
        "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {Runtime: nodejs22.x}}",
        "expected a runtime for binaries, such as provided.al2023, found `nodejs22.x`",
    ),
    (
        "Resources:\n  A: {Type: AWS::Serverless::HttpApi}\n  B: {Type: AWS::Serverless::HttpApi}",
        "3:3: expected one AWS::Serverless::HttpApi, found B too",
    ),
];

#[test]
fn mistakes_are_named_with_their_place() {
    for (source, wanted) in MISTAKES {
        let error = load(source, &[])
            .and_then(|template| {
                template.storage()?;
                template.stack()
            })
            .expect_err(source)
            .to_string();
        assert!(error.starts_with("template.yaml:"), "{error}");
        assert!(error.contains(wanted), "expected {wanted:?} in {error:?}");
    }
}

/// An SQS or HttpApi event of a function, and the message about it.
const EVENT_MISTAKES: &[(&str, &str)] = &[
    (
        "{Type: SQS, Properties: {Queue: !GetAtt Q.Arn, BatchSize: 11}}",
        "expected MaximumBatchingWindowInSeconds of at least 1 with a BatchSize above 10, found 0 with a BatchSize of 11",
    ),
    (
        "{Type: SQS, Properties: {Queue: !GetAtt Q.Arn, BatchSize: 10000, MaximumBatchingWindowInSeconds: 0}}",
        "found 0 with a BatchSize of 10000",
    ),
    (
        "{Type: SQS, Properties: {Queue: !GetAtt Q.Arn, ScalingConfig: {MaximumConcurrency: 1}}}",
        "a whole number from 2 to 1000, found `1`",
    ),
    (
        "{Type: SQS, Properties: {Queue: !GetAtt Q.Arn, FilterCriteria: {}}}",
        "FilterCriteria of an SQS event is not emulated",
    ),
    (
        "{Type: SQS, Properties: {Queue: 'arn:aws:sqs:us-east-1:1:x'}}",
        "expected the Arn of a queue in this template",
    ),
    (
        "{Type: SQS, Properties: {Queue: !GetAtt Quick.Arn}}",
        "expected Quick to have a VisibilityTimeout of at least F's timeout, 3 s, found 1 s",
    ),
    (
        "{Type: SQS, Properties: {Queue: !GetAtt Q.Arn, FunctionResponseTypes: [All]}}",
        "expected ReportBatchItemFailures, found `All`",
    ),
    (
        "{Type: HttpApi, Properties: {Path: x, Method: GET}}",
        "expected a path that starts with /, or $default, found `x`",
    ),
    (
        "{Type: HttpApi, Properties: {Path: /x, Method: FETCH}}",
        "expected one of ANY, GET",
    ),
    (
        "{Type: HttpApi, Properties: {Path: '/{a+}/b', Method: GET}}",
        "expected a {name+} at the path's end only",
    ),
    (
        "{Type: HttpApi, Properties: {Path: /, Method: GET, Auth: {Authorizer: Nobody}}}",
        "expected the name of one of the API's authorizers (none), found `Nobody`",
    ),
    (
        "{Type: HttpApi, Properties: {Path: /, Method: GET, PayloadFormatVersion: '1.0'}}",
        "expected PayloadFormatVersion 2.0",
    ),
    (
        "{Type: SQS, Properties: {Queue: !GetAtt Line.Arn, BatchSize: 11, MaximumBatchingWindowInSeconds: 1}}",
        "expected a BatchSize of at most 10 and no window, since Line is a FIFO queue",
    ),
    (
        "{Type: HttpApi, Properties: {Path: /, Method: GET, TimeoutInMillis: 50}}",
        "TimeoutInMillis of an HttpApi event is not emulated",
    ),
    (
        "{Type: Schedule, Properties: {Schedule: rate(soon)}}",
        "expected a rate such as rate(1 minute)",
    ),
];

fn with_event(event: &str) -> String {
    format!(
        "
Resources:
  Q: {{Type: AWS::SQS::Queue}}
  Quick: {{Type: AWS::SQS::Queue, Properties: {{VisibilityTimeout: 1}}}}
  Line: {{Type: AWS::SQS::Queue, Properties: {{FifoQueue: true}}}}
  F:
    Type: AWS::Serverless::Function
    Metadata: {{BuildProperties: {{Binary: f}}}}
    Properties:
      Runtime: provided.al2023
      Events:
        E: {event}
"
    )
}

#[test]
fn impossible_events_are_refused() {
    for (event, wanted) in EVENT_MISTAKES {
        let error = load(&with_event(event), &[])
            .and_then(|template| template.stack())
            .expect_err(event)
            .to_string();
        assert!(error.starts_with("template.yaml:12:"), "{error}");
        assert!(error.contains(wanted), "expected {wanted:?} in {error:?}");
    }
}

#[test]
fn what_is_not_emulated_is_said_or_refused() {
    let api = |settings: &str| {
        format!(
            "Resources:\n  Api: {{Type: AWS::Serverless::HttpApi, Properties: {{{settings}}}}}\n  \
             F:\n    Type: AWS::Serverless::Function\n    \
             Metadata: {{BuildProperties: {{Binary: f}}}}\n    \
             Properties: {{EventInvokeConfig: {{MaximumRetryAttempts: 0}}}}\n"
        )
    };
    let stack = load(&api("DefaultRouteSettings: {ThrottlingRateLimit: 1}"), &[])
        .and_then(|template| template.stack())
        .expect("a stack");
    let [settings, retries] = stack.ignored.as_slice() else {
        panic!("{:?}", stack.ignored);
    };
    assert!(settings.starts_with("line 2:"), "{settings}");
    assert!(settings.contains("DefaultRouteSettings is not emulated"));
    assert!(retries.starts_with("line 6:"), "{retries}");
    assert!(retries.contains("EventInvokeConfig of F is not emulated"));

    let staged = load(&api("StageName: v1"), &[]).and_then(|template| template.stack());
    let error = staged.expect_err("a stage").to_string();
    assert!(error.contains("expected the stage $default"), "{error}");

    let stored = "Parameters:\n  Image: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /image}\n\
                  Resources: {}\n";
    let error = load(stored, &[]).expect_err("a stored value").to_string();
    assert!(error.contains("expected --param Image=VALUE"), "{error}");
    load(stored, &[("Image", "x")]).expect("a value that is given");
}

#[test]
fn events_are_read() {
    let stack = |event: &str| {
        load(&with_event(event), &[])
            .expect("a template")
            .stack()
            .expect("a stack")
    };
    let source = &stack("{Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}").queue_sources[0];
    assert_eq!((source.batch_size, source.window), (10, Duration::ZERO));
    assert_eq!(
        (source.max_concurrency, source.report_item_failures),
        (None, false)
    );
    assert_eq!(
        source.queue_url,
        "http://127.0.0.1:4566/000000000000/local-Q"
    );
    let schedule = &stack("{Type: Schedule, Properties: {Schedule: rate(1 minute)}}").schedules[0];
    assert_eq!(schedule.every, Duration::from_secs(60));
    let schedule =
        &stack("{Type: ScheduleV2, Properties: {ScheduleExpression: rate(2 hours)}}").schedules[0];
    assert_eq!(schedule.every, Duration::from_secs(7_200));
    assert!(
        stack("{Type: SQS, Properties: {Queue: !GetAtt Q.Arn, Enabled: false}}")
            .queue_sources
            .is_empty()
    );
    for event in [
        "{Type: Schedule, Properties: {Schedule: 'cron(0 1 * * ? *)'}}",
        "{Type: S3, Properties: {}}",
    ] {
        assert_eq!(stack(event).ignored.len(), 1, "{event}");
    }
    let route = &stack("{Type: HttpApi, Properties: {Path: '/{proxy+}', Method: any}}")
        .api
        .routes[0];
    assert_eq!(
        (route.method.as_str(), route.path.as_str()),
        ("ANY", "/{proxy+}")
    );
    assert_eq!(stack("{Type: HttpApi}").api.routes[0].path, "$default");
}

#[test]
fn a_parameter_that_is_not_there_is_refused() {
    let error = load(
        "Parameters: {Size: {Type: Number, Default: 1}}\nResources: {}",
        &[("Sice", "2")],
    );
    let message = error.expect_err("a misspelt parameter").to_string();
    assert_eq!(
        message,
        "--param Sice: the template has no such parameter; it has Size"
    );
}

#[test]
fn a_placed_queue_is_where_it_is() {
    let source = with_event("{Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}");
    let mut template = load(&source, &[]).expect("a template");
    let (url, arn) = (
        "http://elsewhere/1/local-Q",
        "arn:aws:sqs:eu-west-1:1:local-Q",
    );
    template.place_queue("Q", url.to_owned(), arn.to_owned());
    let source = &template.stack().expect("a stack").queue_sources[0];
    assert_eq!(
        (source.queue_url.as_str(), source.queue_arn.as_str()),
        (url, arn)
    );
}
