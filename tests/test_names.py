# SPDX-License-Identifier: Apache-2.0
"""One name, one meaning: no two public classes, and no two modules, of the package share a name."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import airflow_provider_uspeedo

PACKAGE = Path(airflow_provider_uspeedo.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
ALWAYS = {"__init__", "__main__"}
PUBLIC = {"sms"}
"""Airflow names a provider's public modules by what they are about: ``operators/sms.py``, ``notifications/sms.py``."""


def twice(names: Iterable[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}


def classes(module: Path) -> list[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]


def test_every_public_class_has_a_name_of_its_own() -> None:
    """A search for a class finds one."""
    assert twice(name for module in MODULES for name in classes(module)) == set()


def test_every_module_has_a_name_of_its_own() -> None:
    """A traceback or an import names one file."""
    assert twice(module.stem for module in MODULES if module.stem not in ALWAYS | PUBLIC) == set()
