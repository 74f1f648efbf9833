# SPDX-License-Identifier: Apache-2.0
"""Text the people of a table that a Python function makes, in one task.

The function returns the table, and the same task sends it: no row of it becomes an XCom.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import Param, dag, task


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={
        "table": Param("s3://lake/invoices/", type="string", minLength=1, title="Table"),
        "template_id": Param("UTA_REMINDER", type="string", minLength=1, title="Template"),
        "minimum": Param(10, type="number", title="Smallest amount that is reminded of"),
    },
    doc_md=__doc__,
    tags=["example", "uspeedo"],
)
def send_from_function() -> None:
    # [START howto_operator_send_from_function]
    @task.send_batch_sms(
        template_id="{{ params.template_id }}",
        param_columns=["name", "amount"],
        user_id_column="customer",
        campaign_id="large invoices {{ run_id }}",
        # Safe: a retry sends only what surely reached nobody. The function is called again for it.
        retries=2,
        retry_delay=timedelta(minutes=5),
    )
    def send(table: str, minimum: str) -> Any:
        """Who owes more than a little, as a DataFrame. Airflow shows the arguments: pass paths, no rows."""
        import pandas as pd

        invoices = pd.read_parquet(table)
        return invoices[invoices["amount"].astype(float) >= float(minimum)]

    send("{{ params.table }}", "{{ params.minimum }}")
    # [END howto_operator_send_from_function]


send_from_function()
