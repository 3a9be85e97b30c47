"""The template deployed to MiniStack: its resources, and an order from click to decision."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SHOP, eventually

DECIDED_SECONDS = 60
GUIDED_SECONDS = 120


def event(name, **changes):
    """An example event, with texts replaced as the test needs it."""
    text = (SHOP / "localstack/events" / f"{name}.json").read_text()
    for old, new in changes.items():
        text = text.replace(old, new)
    return json.loads(text)


def answer(response, status):
    assert response["statusCode"] == status, f"on MiniStack: {response}"
    return json.loads(response["body"])


def order(stack, order_id):
    """Waits until the order is decided, and returns it."""
    asked = event("get-order")
    asked["rawPath"] = asked["requestContext"]["http"]["path"] = f"/orders/{order_id}"
    asked["pathParameters"] = {"order_id": order_id}

    def decided():
        found = answer(stack.invoke("OrderStatusFunction", asked), 200)
        return found if found["status"] != "PENDING" else None

    return eventually(f"decision on {order_id}", DECIDED_SECONDS, decided)


def test_everything_the_template_names_is_there(stack, template):
    # SAM adds resources of its own, and those with a false condition are not created.
    named = {name for name, resource in template["Resources"].items() if "Condition" not in resource}
    assert named <= stack.resources.keys(), f"not on MiniStack: {named - stack.resources.keys()}"


def test_queues_start_functions_as_the_template_says(stack):
    mappings = stack.lambda_.list_event_source_mappings()["EventSourceMappings"]
    function = stack.resources["CheckoutBatchFunction"]
    mapping = next(mapping for mapping in mappings if function in mapping["FunctionArn"])
    assert mapping["BatchSize"] == 10
    assert mapping["MaximumBatchingWindowInSeconds"] == 0
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_checkout_is_decided_by_the_function_that_the_queue_starts(stack):
    accepted = stack.invoke("CheckoutEnqueueFunction", event("check-out"))
    order_id = answer(accepted, 202)["order_id"]
    decided = order(stack, order_id)
    assert decided["status"] == "WAITING_PAYMENT", f"on MiniStack: {decided}"

    more_than_there_are = event("check-out", **{r"\"quantity\": 1": r"\"quantity\": 51"})
    order_id = answer(stack.invoke("CheckoutEnqueueFunction", more_than_there_are), 202)["order_id"]
    decided = order(stack, order_id)
    assert decided["status"] == "REJECTED", f"on MiniStack: {decided}"
    assert decided["short"][0]["requested"] == 51


def test_the_books_balance_after_all_that(stack, run_audit):
    run_audit()


@pytest.mark.parametrize(
    "function, name, status",
    [
        ("ListProductsFunction", "list-products", 200),
        ("AddToCartFunction", "create-cart", 201),
        ("CheckoutEnqueueFunction", "check-out", 202),
    ],
)
def test_each_example_event_is_one_that_its_function_takes(stack, function, name, status):
    answer(stack.invoke(function, event(name)), status)


def test_the_example_batch_is_decided(stack):
    answer(stack.invoke("OrderStatusFunction", event("get-order")), 404)
    assert stack.invoke("CheckoutBatchFunction", event("decide-batch")) == {"batchItemFailures": []}
    order_id = event("get-order")["pathParameters"]["order_id"]
    assert order(stack, order_id)["status"] == "WAITING_PAYMENT"


def test_the_clock_finds_no_open_decision(stack):
    assert stack.invoke("CheckoutBatchFunction", event("sweep")) == {"batchItemFailures": []}
    open_decisions = stack.client("dynamodb").scan(TableName=stack.resources["OpenDecisionsTable"], ConsistentRead=True)
    assert open_decisions["Items"] == []


def test_why_no_request_reaches_a_function_by_http(stack):
    """docs/emulators.md says that MiniStack makes no routes from a SAM HttpApi. If this fails, correct the document."""
    gateway = stack.client("apigatewayv2")
    assert gateway.get_routes(ApiId=stack.resources["Api"])["Items"] == []


def test_a_guided_deployment_takes_enter_for_all_questions_but_the_last(stack, endpoint, template, tmp_path):
    """The guided deployment of docs/deploy.md. It writes samconfig.toml, so it runs in a copy."""
    config = shutil.copy(SHOP / "samconfig.toml", tmp_path)
    built = SHOP / ".aws-sam/local-endpoint/template.yaml"
    # The answers: region, parameters, three about the deployment, and three about saving them.
    enter = [""] * (1 + len(template["Parameters"]) + 6)
    run = subprocess.run(
        [Path(sys.executable).parent / "sam", "deploy", "--guided", "--config-file", config, "--template-file", built],
        input="\n".join(["guided", *enter, "y", ""]),
        env=os.environ
        | {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        | {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"},
        timeout=GUIDED_SECONDS,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert "Successfully created/updated stack - guided" in run.stdout, f"on MiniStack:\n{run.stdout}"
