# SPDX-License-Identifier: Apache-2.0
"""The map of the package shows the package: every module in its folder, and every path that it names."""

from __future__ import annotations

import pkgutil
import re

import pytest

from tests.docs.pages import PACKAGE, ROOT, named, prose, read, section

FOLDERS = sorted({path.parent for path in PACKAGE.rglob("*.py")})


def listed():
    """Folder to the names in the table below its heading, as often as each is there."""
    modules = prose("architecture.md").split("\n## Modules\n", 1)[1].split("\n## ", 1)[0]
    _, *parts = re.split(r"^### (\S+)$", modules, flags=re.MULTILINE)
    names = (re.findall(r"^\| `(\w+\.py)` \|", text, re.MULTILINE) for text in parts[1::2])
    return dict(zip(parts[::2], names, strict=True))


def heading(folder):
    """As the page has it: below the package, or the package itself."""
    return folder.relative_to(PACKAGE).as_posix() if folder != PACKAGE else PACKAGE.name


@pytest.mark.parametrize("folder", FOLDERS, ids=heading)
def test_every_module_is_listed_once_in_its_folder(folder):
    """And nothing is listed that is not there."""
    modules = sorted(path.name for path in folder.glob("*.py") if not path.name.startswith("__"))
    assert sorted(listed().get(heading(folder), [])) == modules


def test_no_folder_is_listed_that_is_not_there():
    """A heading is a folder of the package."""
    assert [folder for folder in listed() if folder not in map(heading, FOLDERS)] == []


def test_every_path_that_is_named_is_there():
    """Those of the package and of the repository."""
    paths = re.findall(r"`([\w.]+(?:/[\w.]*)+)`", prose("architecture.md"))
    assert [path for path in paths if not (PACKAGE / path).exists() and not (ROOT / path).exists()] == []


WALK = section("architecture.md", "One recipient, from the table to its settled request")


@pytest.mark.parametrize("step", [line for line in WALK.splitlines() if line.startswith("| ")][1:])
def test_every_function_of_the_walk_is_where_the_page_says(step):
    """A reader who follows one recipient opens the file and finds the function."""
    _, files, functions = (re.findall(r"`([^`]+)`", cell) for cell in step.strip("| ").split(" | "))
    modules = [f"{PACKAGE.name}.{file.removesuffix('.py').replace('/', '.')}" for file in files]
    assert functions
    assert [name for name in functions if not any(has(module, name) for module in modules)] == []


def has(module, name):
    """Whether a module itself defines a function, or a method written with its class."""
    try:
        return pkgutil.resolve_name(f"{module}:{name}").__module__ == module
    except AttributeError:
        return False


@pytest.mark.parametrize("name", re.findall(r"^\.\. auto(?:class|module):: (\S+)$", read("reference.md"), re.MULTILINE))
def test_every_name_of_the_reference_can_be_imported(name):
    """The page is built of them, which is seen late."""
    assert named(name)


def test_the_parts_of_the_ledger_import_in_the_order_that_the_page_says():
    """From left to right only."""
    said = read("architecture.md").split("in the same way: ")[1].split(". Inside")[0]
    order = [part.removesuffix(".py") for part in re.findall(r"`([\w.]+)`", said)]
    assert sorted(order) == ["admin", "ledger", "protocol", "results", "store"]
    for place, part in enumerate(order):
        files = (PACKAGE / "ledger" / part).rglob("*.py") if part != "ledger" else [PACKAGE / "ledger" / "ledger.py"]
        text = "\n".join(path.read_text(encoding="utf-8") for path in files)
        imported = set(re.findall(r"from airflow_provider_uspeedo\.ledger\.(\w+)", text))
        assert imported & set(order[:place]) == set(), part
