"""Checks of files that need Docker and so cannot be run here."""

import copy
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import SHOP, expand, of_type
from samcli.commands.build.command import cli as build_command
from samcli.commands.deploy.command import cli as deploy_command
from samcli.yamlhelper import yaml_dump, yaml_parse

LOCALSTACK = SHOP / "localstack"
TOOLS = Path(sys.executable).parent
COMPOSE_FILES = sorted(LOCALSTACK.glob("*.compose.yaml"))
ENVIRONMENT_FILES = sorted(LOCALSTACK.glob("sam-local.*.json"))


def check(*command):
    run = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert run.returncode == 0, run.stdout


def is_script(file):
    return file.is_file() and file.read_bytes().startswith(b"#!/usr/bin/env bash")


def test_scripts_are_sound():
    folders = [LOCALSTACK, SHOP / ".ci", SHOP / "e2e/browser"]
    scripts = [file for folder in folders for file in folder.iterdir() if is_script(file)]
    assert len(scripts) >= 6
    check(TOOLS / "shellcheck", *scripts)


@pytest.mark.parametrize("file", COMPOSE_FILES, ids=lambda file: file.name)
def test_compose_files_keep_to_the_compose_specification(file):
    check(TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)


@pytest.mark.parametrize("file", COMPOSE_FILES, ids=lambda file: file.name)
def test_local_clouds_listen_on_this_machine_only(file):
    ports = re.findall(r'- "([\d.:-]+:\d[\d-]*)"', file.read_text())
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("file", ENVIRONMENT_FILES, ids=lambda file: file.name)
def test_sam_local_gets_every_table_and_queue(file, template):
    given = json.loads(file.read_text())["Parameters"]
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert given["AWS_ENDPOINT_URL"].endswith(":4566")
    for name, value in variables.items():
        if name.endswith("_TABLE"):
            assert given[name] == f"local-{value['Ref']}"
        if name.endswith("_QUEUE_URL"):
            assert given[name].endswith(f":4566/000000000000/local-{value['Ref']}")


def test_sam_local_lets_functions_have_an_endpoint(template, tmp_path):
    """Checks, without Docker, the template that localstack/sam-local makes of a built one."""
    shop = tmp_path
    (shop / "localstack").mkdir()
    (shop / ".aws-sam/build").mkdir(parents=True)
    (shop / "localstack/sam-local").symlink_to(LOCALSTACK / "sam-local")
    (shop / ".aws-sam/build/template.yaml").write_text(yaml_dump(template))
    only_these = {"PATH": str(commands_without_docker(tmp_path / "bin"))}
    run = subprocess.run(
        [shop / "localstack/sam-local", "start-api"], env=only_these, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert run.returncode == 1 and "no docker here" in run.stderr, run.stderr
    made = yaml_parse((shop / ".aws-sam/build/sam-local.yaml").read_text())
    declared = made["Globals"]["Function"]["Environment"]["Variables"]
    assert declared.pop("AWS_ENDPOINT_URL") == "local"
    assert made == template


def commands_without_docker(folder):
    folder.mkdir()
    for name in ["bash", "env", "dirname", "awk", "uname"]:
        (folder / name).symlink_to(shutil.which(name))
    return folder


def test_samconfig_says_only_what_sam_and_the_template_know(template):
    # sam ignores unknown options without an error, so a misspelt option would have no effect.
    commands = {"build": build_command, "deploy": deploy_command}
    config = tomllib.loads((SHOP / "samconfig.toml").read_text())
    assert config.pop("version") == 0.1
    for section in config.values():
        for command, settings in section.items():
            known = {option.name for option in commands[command].params}
            assert settings["parameters"].keys() <= known
            overrides = settings["parameters"].get("parameter_overrides", "")
            for name, value in (override.split("=") for override in overrides.split()):
                allowed = template["Parameters"][name].get("AllowedValues", [value])
                assert value in map(str, allowed)


def test_the_tests_that_the_documentation_names_are_there():
    named = set(re.findall(r"`([a-z]+(?:_[a-z0-9]+){2,})`", (SHOP / "docs/emulators.md").read_text()))
    tests = [*SHOP.glob("*/tests/**/*.rs"), *SHOP.glob("emulator/src/**/*.rs"), *SHOP.glob("crates/*/tests/**/*.rs"), *SHOP.glob("localstack/tests/*.py")]
    written = set(re.findall(r"\b(?:fn|def) ([a-z0-9_]+)\(", "\n".join(test.read_text() for test in tests)))
    written |= {test.stem for test in tests}
    assert len(named) > 20 and named <= written, f"not there: {named - written}"


def test_gradual_deployment_is_as_the_documentation_says(template):
    [documented] = re.findall(r"```yaml\n(Globals:.*?)```", (SHOP / "docs/deploy.md").read_text(), re.DOTALL)
    template = copy.deepcopy(template)
    template["Globals"]["Function"] |= yaml_parse(documented)["Globals"]["Function"]
    resources = expand(template)
    functions = of_type(resources, "AWS::Lambda::Function")
    aliases = of_type(resources, "AWS::Lambda::Alias")
    assert len(of_type(resources, "AWS::CodeDeploy::DeploymentGroup")) == len(aliases) == len(functions)
    [mapping] = [name for name in of_type(resources, "AWS::Lambda::EventSourceMapping") if name.startswith("CheckoutBatch")]
    assert resources[mapping]["Properties"]["FunctionName"]["Ref"] in aliases
    for group in of_type(resources, "AWS::CodeDeploy::DeploymentGroup").values():
        alarms = group["Properties"]["AlarmConfiguration"]["Alarms"]
        assert {alarm["Name"]["Ref"] for alarm in alarms} <= of_type(resources, "AWS::CloudWatch::Alarm").keys()
