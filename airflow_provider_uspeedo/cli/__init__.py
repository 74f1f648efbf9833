# SPDX-License-Identifier: Apache-2.0
"""The command ``airflow-uspeedo``; the same verbs for a DAG are in ``administration``."""

from airflow_provider_uspeedo.cli.command import main

__all__ = ["main"]
