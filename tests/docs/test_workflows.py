# SPDX-License-Identifier: Apache-2.0
"""The workflows of the repository do what is done by hand, with actions that nobody can exchange."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.docs.pages import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BY_NAME = {path.stem: path for path in WORKFLOWS}


def steps(path):
    return [step for job in yaml.safe_load(path.read_text("utf-8"))["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_to_a_commit(path):
    """And its version stands beside it, for whoever renews it: a tag can be moved."""
    used = re.findall(r"^ *- uses: (.+)$", path.read_text("utf-8"), re.MULTILINE)
    assert len(used) == len([step for step in steps(path) if "uses" in step])
    assert [one for one in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == []


def test_one_action_has_one_commit():
    """In all workflows."""
    used = {step["uses"] for path in WORKFLOWS for step in steps(path) if "uses" in step}
    assert len(used) == len({one.partition("@")[0] for one in used})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read_unless_a_job_says_more(path):
    """A job that signs or publishes asks for it itself."""
    workflow = yaml.safe_load(path.read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    asked = {
        name
        for job in workflow["jobs"].values()
        for name, right in job.get("permissions", {}).items()
        if right == "write"
    }
    assert asked == ({"id-token", "attestations"} if path.stem == "release" else set())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_a_workflow_runs_is_there(path):
    """Targets of the Makefile, and the script that runs everything."""
    targets = set(re.findall(r"^([\w%.-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for command in (step["run"] for step in steps(path) if "run" in step):
        for target in re.findall(r"\bmake ([\w-]+)", command):
            assert target in targets
        for script in re.findall(r"\bbash (\S+)", command):
            assert (ROOT / script).is_file()


def test_the_release_makes_what_it_publishes_by_the_same_command_as_by_hand():
    """And gives the index the wheel and the source archive alone."""
    found = yaml.safe_load(BY_NAME["release"].read_text("utf-8"))
    commands = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in found["jobs"].items()}
    assert commands["build"][0] == "make dist"
    assert commands["publish"] == ["rm dist/*.cdx.json"]
    assert found["jobs"]["publish"]["needs"] == "build"
