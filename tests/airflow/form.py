# SPDX-License-Identifier: Apache-2.0
"""Prints the connection form as Airflow's pages get it; a process of its own, for Airflow asks only once."""

from __future__ import annotations

import json
from typing import Any


def connection_form() -> dict[str, list[str] | dict[str, str]]:
    """Hidden standard fields, new labels of standard fields, and the names of the extra fields."""
    try:
        from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
    except ImportError:
        return _on_airflow_2()
    meta = next(meta for meta in HookMetaService.hook_meta_data() if meta.connection_type == "uspeedo")
    fields: dict[str, Any] = meta.standard_fields.model_dump(by_alias=True) if meta.standard_fields else {}
    looks = {"schema" if name == "url_schema" else name: look for name, look in fields.items() if look}
    return {
        "hidden": sorted(name for name, look in looks.items() if look["hidden"]),
        "labels": {name: look["title"] for name, look in looks.items() if look["title"]},
        "extra": sorted(meta.extra_fields or {}),
    }


def _on_airflow_2() -> dict[str, list[str] | dict[str, str]]:
    from airflow.providers_manager import ProvidersManager

    looks = ProvidersManager().field_behaviours["uspeedo"]
    prefix = "extra__uspeedo__"
    names = [name for name in ProvidersManager().connection_form_widgets if name.startswith(prefix)]
    return {
        "hidden": sorted(looks["hidden_fields"]),
        "labels": looks["relabeling"],
        "extra": sorted(name.removeprefix(prefix) for name in names),
    }


if __name__ == "__main__":
    print(json.dumps(connection_form()))
