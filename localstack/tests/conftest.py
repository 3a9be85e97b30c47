"""What the tests share: a MiniStack, and the template deployed to it with binaries that cargo has built."""

import copy
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from samcli.yamlhelper import yaml_dump, yaml_parse
from samtranslator.translator.transform import transform

SHOP = Path(__file__).resolve().parents[2]
STACK = "hedonify"
DEPLOY_SECONDS = 300


@pytest.fixture(scope="session")
def template():
    """template.yaml as SAM reads it."""
    return yaml_parse((SHOP / "template.yaml").read_text())


@pytest.fixture(scope="session")
def endpoint():
    """Where MiniStack is: localstack/with-ministack says."""
    url = os.environ.get("HEDONIFY_AWS_ENDPOINT")
    if not url:
        pytest.fail("run this by localstack/with-ministack, which starts a MiniStack for it")
    return url


class NoManagedPolicies:
    """The template names none, so SAM has none to look up."""

    def load(self):
        return {}


def expand(template):
    """The plain CloudFormation that SAM makes of a template."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    template = copy.deepcopy(template)
    # As `sam package` leaves it.
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
    return transform(template, {}, NoManagedPolicies())["Resources"]


def of_type(resources, kind):
    return {name: resource for name, resource in resources.items() if resource["Type"] == kind}


class Stack:
    """The shop, deployed."""

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
        """The function's answer; fails on MiniStack's name if the function did."""
        answer = self.lambda_.invoke(FunctionName=self.resources[logical_id], Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, f"on MiniStack, {logical_id} failed: {payload}"
        return payload


def eventually(what, seconds, look):
    """What `look` sees, as soon as it sees something."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"on MiniStack, still no {what} after {seconds} s"
        time.sleep(0.1)


def built(template, folder):
    """What `sam build` writes, made of cargo's own development binaries: seconds instead of minutes."""
    binaries = [
        resource["Metadata"]["BuildProperties"]["Binary"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]
    build = ["cargo", "build", "--quiet", "--workspace", "--bin", "seed"]
    subprocess.run(build + [f"--bin={name}" for name in binaries], cwd=SHOP, check=True)
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            code = folder / logical_id
            code.mkdir()
            binary = resource["Metadata"]["BuildProperties"]["Binary"]
            shutil.copy(SHOP / "target/debug" / binary, code / "bootstrap")
            resource["Properties"]["CodeUri"] = logical_id
    file = folder / "template.yaml"
    file.write_text(yaml_dump(template))
    return file


@pytest.fixture(scope="session")
def stack(endpoint, tmp_path_factory):
    """The template deployed to MiniStack by the script that a user would run."""
    template = yaml_parse((SHOP / "template.yaml").read_text())
    file = built(template, tmp_path_factory.mktemp("build"))
    command = [SHOP / "localstack/deploy", "--built", file]
    environment = os.environ | {"AWS_ENDPOINT_URL": endpoint, "STACK": STACK}
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
            command, cwd=SHOP, timeout=DEPLOY_SECONDS, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert audit.returncode == 0, f"on MiniStack:\n{audit.stdout}"

    return run
