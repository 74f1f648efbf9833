# SPDX-License-Identifier: Apache-2.0
"""The connection form: its fields and their labels, for Airflow 2 and 3."""

from __future__ import annotations

from typing import Any

UI_FIELD_BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["schema"],
    "relabeling": {
        "login": "AccessKeyId",
        "password": "AccessKeySecret",
        "host": "Base URL",
        # Airflow 3.3 sends port 0 for an empty field, compares it with the stored one, and refuses the test.
        "port": "Port (443; the Test button needs it)",
    },
    "placeholders": {
        "host": "https://api.uspeedo.com",
        "port": "443",
        "extra": '{"account_id": 60000011, "api": "action", "timeout": 30}',
    },
}
"""Labels and placeholders of the standard fields of the connection form."""

CONNECTION_FIELDS: dict[str, Any] = {
    "account_id": {
        "label": "AccountId",
        "description": "Required for sub-accounts.",
        "schema": {"type": ["integer", "null"], "minimum": 0},
    },
    "api": {
        "label": "API generation",
        "description": "action: signed requests. rest: HTTP Basic.",
        "schema": {"type": ["string", "null"], "enum": ["action", "rest"], "default": "action"},
    },
    "timeout": {
        "label": "Time-out",
        "description": "Seconds, for connecting and for reading.",
        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 3600, "default": 30},
    },
    "verify": {
        "label": "Verify TLS",
        "description": "Empty: the certificate is checked. Or false, or the path of a CA bundle.",
        # No default "true": Airflow takes each text of an extra for a secret, and warns that it is too short to mask.
        "schema": {"type": ["string", "null"]},
    },
    "proxies": {
        "label": "Proxies",
        "description": 'JSON, such as {"https": "http://proxy:3128"}.',
        "schema": {"type": ["string", "null"]},
    },
    "allow_http": {
        "label": "Allow plain HTTP",
        "description": "Plain http to another machine: keys and phones travel unencrypted.",
        "schema": {"type": ["boolean", "null"], "default": False},
    },
    "policy": {
        "label": "Contact policy",
        "description": 'JSON, such as {"countries": ["HK"], "hours": ["09:00", "20:00"]}. DAGs can only tighten it.',
        "schema": {"type": ["string", "null"]},
    },
}
"""The extra fields of the connection form, for Airflow 3."""
