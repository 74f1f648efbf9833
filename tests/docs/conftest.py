# SPDX-License-Identifier: Apache-2.0
"""Airflow gets a home of the tests' own, where it has none yet; it must stand before Airflow is imported."""

from __future__ import annotations

import os
import tempfile

_HOME = tempfile.TemporaryDirectory(prefix="airflow-home-", ignore_cleanup_errors=True)
os.environ.setdefault("AIRFLOW_HOME", _HOME.name)
