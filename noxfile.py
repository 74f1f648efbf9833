# SPDX-License-Identifier: Apache-2.0
"""Run the tests on every supported pair of Python and Airflow, against the built wheel.

``make versions`` runs all that this machine has a Python for; ``make versions SESSIONS="..."`` runs some, named as
``nox --list`` names them. The checkout is copied without the package, so that no test can import what the wheel left
out.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PACKAGE = "airflow_provider_uspeedo"

PYTHONS_OF = {
    "2.11": ("3.11", "3.12"),
    "3.0": ("3.11", "3.12"),
    "3.1": ("3.11", "3.12", "3.13"),
    "3.2": ("3.11", "3.12", "3.13"),
    "3.3": ("3.11", "3.12", "3.13"),
}
"""The supported Airflow minors, and the Pythons that each of them allows; 3.14, which 3.3 allows, was not run yet."""
OTHER_SETS = {"lowest": "3.11", "pandas-2": "3.11"}
"""Sets of other versions than the newest, by their file in ``constraints/``, and the Python that they run on."""

PAIRS = [(python, airflow) for airflow, pythons in PYTHONS_OF.items() for python in pythons]

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True
nox.options.stop_on_first_error = False


@nox.session
@nox.parametrize(("python", "airflow"), PAIRS)
def tests(session: nox.Session, airflow: str) -> None:
    """Run the fast tests, or those that are given after ``--``, on one Airflow with one Python."""
    run_against_the_wheel(session, f"airflow-{airflow}")


@nox.session
@nox.parametrize(("python", "versions"), [(python, name) for name, python in OTHER_SETS.items()])
def others(session: nox.Session, versions: str) -> None:
    """Run them with the lowest versions that the package allows, or with the pandas of before."""
    run_against_the_wheel(session, versions)


def run_against_the_wheel(session: nox.Session, constraints: str) -> None:
    """Install one pinned set and the wheel, and run the tests where the package's source is not."""
    session.install("--require-hashes", "--requirement", f"constraints/{constraints}.txt")
    temporary = Path(session.create_tmp())
    wheel = build_wheel(session, temporary / "wheel")
    session.install("--no-deps", "--force-reinstall", str(wheel))
    checkout = temporary / "checkout"
    copy_without_the_package(checkout)
    session.chdir(checkout)
    session.run("python", "-c", f"import {PACKAGE}; assert 'site-packages' in {PACKAGE}.__file__, {PACKAGE}.__file__")
    session.run("python", "-m", "pytest", *(session.posargs or ["-q", "-n", "logical", "--maxprocesses", "4"]))


def build_wheel(session: nox.Session, folder: Path) -> Path:
    """Build with the pinned backend of the set; nothing is fetched for it."""
    shutil.rmtree(folder, ignore_errors=True)
    session.run("python", "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), silent=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def copy_without_the_package(to: Path) -> None:
    """Copy what git knows, and what is new and not ignored, but for the package."""
    shutil.rmtree(to, ignore_errors=True)
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listing, cwd=ROOT, text=True).split("\0"):
        if name and not name.startswith(f"{PACKAGE}/") and (ROOT / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
