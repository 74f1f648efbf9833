# SPDX-License-Identifier: Apache-2.0
"""Which Airflow runs with which Python is said in four places, and each says the same."""

from __future__ import annotations

import ast
import re
from itertools import product

import pytest
import yaml

from tests.docs.pages import ROOT


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def of_the_sessions():
    """The constant of the file that runs the tests on all of them."""
    for node in ast.parse(read("noxfile.py")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "PYTHONS_OF":
            return {
                (python, airflow) for airflow, pythons in ast.literal_eval(node.value).items() for python in pythons
            }
    raise AssertionError


def of_the_readme():
    lines = re.findall(r"^\| (\d\.\d+) \| (3[\d., ]+) \|$", read("README.md"), re.MULTILINE)
    return {(python, airflow) for airflow, pythons in lines for python in pythons.split(", ")}


def of_the_workflow():
    matrix = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]["versions"]["strategy"]["matrix"]
    left_out = {(one["python"], one["airflow"]) for one in matrix["exclude"]}
    return set(product(matrix["python"], matrix["airflow"])) - left_out


@pytest.mark.parametrize("place", [of_the_readme, of_the_workflow])
def test_each_place_names_the_same_pairs(place):
    """Those that the tests are run on."""
    assert place() == of_the_sessions()


def test_there_is_a_pinned_set_for_each_airflow():
    """And none besides."""
    sets = {path.stem.removeprefix("airflow-") for path in (ROOT / "constraints").glob("airflow-*.txt")}
    assert sets == {airflow for _, airflow in of_the_sessions()}


def test_the_package_says_that_it_is_for_these_pythons():
    """In its classifiers."""
    said = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', read("pyproject.toml"))
    assert set(said) == {python for python, _ in of_the_sessions()}
