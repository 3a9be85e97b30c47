"""Each function has exactly the permissions that it uses."""

import json
import os
import re
from pathlib import Path

import pytest
from conftest import expand, of_type

# The managed policies that SAM adds: writing logs, sending traces, and reading the queue that invokes a function.
LOGS = "AWSLambdaBasicExecutionRole"
TRACES = "AWSXrayWriteOnlyAccess"
STARTED_BY_A_QUEUE = "AWSLambdaSQSQueueExecutionRole"

# Function → resource → actions. A transaction needs the permission of each action in it (DynamoDB developer guide,
# "Using IAM with DynamoDB transactions").
ALLOWED = {
    "ListProductsFunction": {
        "ProductsTable": {"dynamodb:GetItem"},
        "ProductsTable/index/by-name": {"dynamodb:Query"},
        "StockTable": {"dynamodb:BatchGetItem"},
    },
    "AddToCartFunction": {
        "CartsTable": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        "ProductsTable": {"dynamodb:BatchGetItem"},
    },
    "CheckoutEnqueueFunction": {
        "CartsTable": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        "CheckoutQueue": {"sqs:SendMessage"},
        "IdempotencyKeysTable": {"dynamodb:PutItem"},
        "ProductsTable": {"dynamodb:BatchGetItem"},
        "StockTable": {"dynamodb:BatchGetItem"},
    },
    "CheckoutBatchFunction": {
        "CartsTable": {"dynamodb:BatchGetItem"},
        "CheckoutQueue": {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"},
        "DecisionsTable": {"dynamodb:BatchGetItem", "dynamodb:PutItem"},
        "ExpiryQueue": {"sqs:SendMessage"},
        "OpenDecisionsTable": {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Scan"},
        "OrdersTable": {"dynamodb:BatchGetItem", "dynamodb:PartiQLInsert"},
        "StockTable": {"dynamodb:BatchGetItem", "dynamodb:UpdateItem"},
    },
    "OrderStatusFunction": {
        "CartsTable": {"dynamodb:GetItem"},
        "OrdersTable": {"dynamodb:GetItem", "dynamodb:Query"},
    },
    "CreateOrderFunction": {
        "ExpiryQueue": {"sqs:SendMessage"},
        "IdempotencyKeysTable": {"dynamodb:PutItem"},
        "OrdersTable": {"dynamodb:GetItem", "dynamodb:PutItem"},
        "ProductsTable": {"dynamodb:BatchGetItem"},
        "StockTable": {"dynamodb:BatchGetItem", "dynamodb:UpdateItem"},
    },
    "PayOrderFunction": {
        "CartsTable": {"dynamodb:GetItem"},
        "OrdersTable": {"dynamodb:GetItem", "dynamodb:PutItem"},
    },
    "CancelOrderFunction": {
        "CartsTable": {"dynamodb:GetItem"},
        "OrdersTable": {"dynamodb:GetItem", "dynamodb:PutItem"},
        "StockTable": {"dynamodb:UpdateItem"},
    },
    "ExpireOrdersFunction": {
        "OrdersTable": {"dynamodb:BatchGetItem", "dynamodb:PutItem"},
        "OrdersTable/index/unpaid": {"dynamodb:Query"},
        "StockTable": {"dynamodb:UpdateItem"},
    },
    "FulfilOrdersFunction": {
        "OrdersTable": {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem"},
        "OrdersTable/index/fulfilment": {"dynamodb:Query"},
    },
    "ManageProductsFunction": {
        "IdempotencyKeysTable": {"dynamodb:PutItem"},
        "ProductNamesTable": {"dynamodb:DeleteItem", "dynamodb:PutItem"},
        "ProductsTable": {"dynamodb:BatchGetItem", "dynamodb:PutItem"},
        "StockTable": {"dynamodb:BatchGetItem", "dynamodb:UpdateItem"},
    },
}


@pytest.fixture(scope="module")
def expanded(template):
    """The plain CloudFormation that SAM makes of the template."""
    return expand(template)


def as_list(value):
    return value if isinstance(value, list) else [value]


def resource_name(resource):
    """`StockTable` of `!GetAtt StockTable.Arn`, `StockTable/index/x` of `!Sub ${StockTable.Arn}/index/x`."""
    match resource:
        case {"Fn::GetAtt": [name, "Arn"]}:
            return name
        case {"Fn::Sub": str(text)} if text.startswith("${") and ".Arn}" in text:
            return text.removeprefix("${").replace(".Arn}", "")
    pytest.fail(f"{resource} is not one resource of the template")


def permissions(role):
    allowed = {}
    for policy in role["Properties"].get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            assert statement.keys() <= {"Sid", "Effect", "Action", "Resource"}
            for resource in as_list(statement["Resource"]):
                allowed.setdefault(resource_name(resource), set()).update(as_list(statement["Action"]))
    return allowed


def role_of(function, resources):
    return resources[function["Properties"]["Role"]["Fn::GetAtt"][0]]


def test_each_function_may_do_exactly_this(expanded):
    functions = of_type(expanded, "AWS::Lambda::Function")
    found = {name: permissions(role_of(function, expanded)) for name, function in functions.items()}
    assert found == ALLOWED


def test_what_sam_adds_is_logs_traces_and_the_queue(expanded):
    functions = of_type(expanded, "AWS::Lambda::Function")
    mappings = of_type(expanded, "AWS::Lambda::EventSourceMapping").values()
    started_by_a_queue = {mapping["Properties"]["FunctionName"]["Ref"] for mapping in mappings}
    for name, function in functions.items():
        managed = role_of(function, expanded)["Properties"]["ManagedPolicyArns"]
        expected = {LOGS, TRACES} | ({STARTED_BY_A_QUEUE} if name in started_by_a_queue else set())
        assert {arn.rsplit("/", 1)[1] for arn in managed} == expected, name


def test_each_function_has_a_role_of_its_own_and_there_are_no_others(expanded):
    functions = of_type(expanded, "AWS::Lambda::Function")
    roles = [function["Properties"]["Role"]["Fn::GetAtt"][0] for function in functions.values()]
    assert sorted(roles) == sorted(of_type(expanded, "AWS::IAM::Role"))
    assert not of_type(expanded, "AWS::IAM::Policy") and not of_type(expanded, "AWS::IAM::ManagedPolicy")
    for role in of_type(expanded, "AWS::IAM::Role").values():
        [trust] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": ["lambda.amazonaws.com"]}


def test_only_this_api_and_this_clock_may_start_functions(expanded):
    principals = set()
    for permission in of_type(expanded, "AWS::Lambda::Permission").values():
        properties = permission["Properties"]
        principals.add(properties["Principal"])
        assert "SourceArn" in properties, properties
    assert principals == {"apigateway.amazonaws.com", "events.amazonaws.com"}


def seen():
    """The permissions that the functions used in the end-to-end tests: function → resource → actions."""
    folder = os.environ.get("HEDONIFY_PERMISSIONS_DIR")
    if not folder:
        pytest.skip("HEDONIFY_PERMISSIONS_DIR isn't set: .ci/run has the end-to-end tests write to it")
    needed = {}
    for file in Path(folder).glob("*.json"):
        for function in json.loads(file.read_text()):
            resources = needed.setdefault(function["function"], {})
            for permission in function["permissions"]:
                # Each test's stack has another name.
                resource = re.sub("^e2e-[0-9a-f]{32}-", "", permission["resource"])
                resources.setdefault(resource, set()).add(permission["action"])
    return needed


def test_the_end_to_end_tests_need_all_of_this_and_nothing_else():
    assert seen() == ALLOWED
