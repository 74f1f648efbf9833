# SPDX-License-Identifier: Apache-2.0
"""What a figure depends on beside the code: the machine, the databases, the versions."""

from __future__ import annotations

import json
import os
import platform
import re
import sqlite3
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_provider_uspeedo import __version__

OWN = "airflow-provider-uspeedo"


def about_this_machine(servers: dict[str, str]) -> dict[str, Any]:
    """As it is before the first measurement.

    :param servers: the versions of the database servers by kind, ``""`` where there is none.
    """
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "load_before": round(os.getloadavg()[0], 2),
        "system": f"{system()}, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **servers,
    }


def processor() -> str:
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.exists() else ""
    found = re.search(r"^(?:model name|Model)\s*: (.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.platform()


def versions(names: Iterable[str], peers: Path) -> dict[str, str]:
    """The versions of the distributions, as installed among the peers; this package's is that of the checkout."""
    wanted = sorted({name for name in names if name} - {OWN})
    if not wanted:
        return {OWN: __version__}
    program = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    answer = subprocess.run([peers, "-c", program, *wanted], check=True, capture_output=True, text=True)
    return {OWN: __version__, **json.loads(answer.stdout)}
