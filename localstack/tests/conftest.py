"""Fixtures: a MiniStack, and the template built and deployed to it."""

import copy
import json
import os
import subprocess
import time
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

SHOP = Path(__file__).resolve().parents[2]
STACK = "hedonify"
# Includes the build, which takes some minutes on two cores.
DEPLOY_SECONDS = 1800
AUDIT_SECONDS = 300


@pytest.fixture(scope="session")
def template():
    """template.yaml as SAM reads it."""
    return yaml_parse((SHOP / "template.yaml").read_text())


@pytest.fixture(scope="session")
def endpoint():
    """The endpoint of MiniStack, which localstack/with-ministack sets."""
    url = os.environ.get("HEDONIFY_AWS_ENDPOINT")
    if not url:
        pytest.fail("run this by localstack/with-ministack, which starts a MiniStack for it")
    return url


class NoManagedPolicies:
    """The template names no managed policies, so SAM has none to look up."""

    def load(self):
        return {}


def expand(template):
    """The plain CloudFormation that SAM makes of a template."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    template = copy.deepcopy(template)
    # As in the output of `sam package`.
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
    return transform(template, {}, NoManagedPolicies())["Resources"]


def of_type(resources, kind):
    return {name: resource for name, resource in resources.items() if resource["Type"] == kind}


class Stack:
    """The deployed shop."""

    def __init__(self, endpoint):
        self._endpoint = endpoint
        self.lambda_ = self.client("lambda")
        resources = self.client("cloudformation").get_paginator("list_stack_resources")
        self.resources = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in resources.paginate(StackName=STACK)
            for resource in page["StackResourceSummaries"]
        }

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self._endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(read_timeout=60, retries={"total_max_attempts": 1}),
        )

    def invoke(self, logical_id, event):
        """Invokes a function and returns its answer. Fails if the function failed."""
        answer = self.lambda_.invoke(FunctionName=self.resources[logical_id], Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, f"on MiniStack, {logical_id} failed: {payload}"
        return payload


def eventually(what, seconds, look):
    """Calls `look` until it returns a true value, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"on MiniStack, still no {what} after {seconds} s"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def stack(endpoint):
    """The template built and deployed to MiniStack by localstack/deploy, as a user does it."""
    command = [SHOP / "localstack/deploy"]
    environment = os.environ | {"AWS_ENDPOINT_URL": endpoint, "STACK": STACK, "SAM_BUILD_MODE": "debug"}
    run = subprocess.run(
        command, env=environment, timeout=DEPLOY_SECONDS, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert run.returncode == 0, f"on MiniStack, localstack/deploy failed:\n{run.stdout}"
    return Stack(endpoint)


@pytest.fixture
def run_audit(endpoint):
    """Proves from the tables that nothing is lost or oversold."""

    def run():
        command = ["cargo", "run", "--quiet", "--bin", "audit", "--", "--endpoint", endpoint, "--stack", STACK]
        audit = subprocess.run(
            command, cwd=SHOP, timeout=AUDIT_SECONDS, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert audit.returncode == 0, f"on MiniStack:\n{audit.stdout}"

    return run
