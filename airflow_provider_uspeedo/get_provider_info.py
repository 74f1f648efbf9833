# SPDX-License-Identifier: Apache-2.0
"""What Airflow discovers: the connection type and its form, hook, operators, decorator, notifier, settings."""

from __future__ import annotations

from typing import Any

from airflow_provider_uspeedo import __version__
from airflow_provider_uspeedo.hooks.form import CONNECTION_FIELDS, UI_FIELD_BEHAVIOUR


def get_provider_info() -> dict[str, Any]:
    """The provider's metadata, in the form of Airflow's ``provider.yaml``."""
    return {
        "package-name": "airflow-provider-uspeedo",
        "name": "USpeedo",
        "description": "`USpeedo <https://www.uspeedo.com/>`__ SMS: texts a table of people, each of them at most "
        "once.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "USpeedo",
                "external-doc-url": "https://www.uspeedo.com/",
                "tags": ["service"],
            }
        ],
        "hooks": [
            {"integration-name": "USpeedo", "python-modules": ["airflow_provider_uspeedo.hooks.uspeedo"]},
        ],
        "operators": [
            {
                "integration-name": "USpeedo",
                "python-modules": [
                    "airflow_provider_uspeedo.operators.sms",
                    "airflow_provider_uspeedo.operators.receipts",
                    "airflow_provider_uspeedo.operators.export",
                    "airflow_provider_uspeedo.operators.resolve",
                ],
            },
        ],
        "notifications": ["airflow_provider_uspeedo.notifications.sms.USpeedoNotifier"],
        "task-decorators": [
            {
                "class-name": "airflow_provider_uspeedo.decorators.send_batch_sms.send_batch_sms_task",
                "name": "send_batch_sms",
            }
        ],
        "extra-links": [
            "airflow_provider_uspeedo.links.campaign_links.CampaignLink",
            "airflow_provider_uspeedo.links.campaign_links.ResultsQueryLink",
        ],
        "connection-types": [
            {
                "connection-type": "uspeedo",
                "hook-class-name": "airflow_provider_uspeedo.hooks.uspeedo.USpeedoHook",
                "hook-name": "USpeedo",
                "ui-field-behaviour": UI_FIELD_BEHAVIOUR,
                "conn-fields": CONNECTION_FIELDS,
            }
        ],
        "config": {
            "uspeedo": {
                "description": "Settings of the USpeedo provider.",
                "options": {
                    "results_conn_id": {
                        "description": (
                            "The connection (postgres, mysql or sqlite) of the ledger, wherever no results_conn_id is "
                            "given: to an operator, the hook, open_ledger_admin or the command airflow-uspeedo. "
                            "Empty: a SQLite file in AIRFLOW_HOME. A campaign that was begun in another ledger is not "
                            "known in this one: change it between campaigns."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "warehouse",
                        "default": "",
                    },
                    "results_table": {
                        "description": (
                            "The results relation, name or schema.name, wherever no results_table is given. The tables "
                            "of the ledger are in the same schema, so another schema is another ledger."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "sms.uspeedo_results",
                        "default": "uspeedo_results",
                    },
                    "local_ledger_executors": {
                        "description": (
                            "Executors on which every attempt of a task runs on one machine and sees the same "
                            "AIRFLOW_HOME, separated by commas. Only on these may a task leave out results_conn_id "
                            "and use the SQLite file there: on any other, a retry on another machine would see an "
                            "empty ledger and text everyone again."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "LocalExecutor,MyOneMachineExecutor",
                        "default": "LocalExecutor,SequentialExecutor,DebugExecutor",
                    },
                },
            }
        },
    }
