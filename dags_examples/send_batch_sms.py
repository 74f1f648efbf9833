# SPDX-License-Identifier: Apache-2.0
"""Text the people of a Parquet table: every day by the schedule, or from the Trigger form with other values.

Whoever is texted under a campaign's name is not texted again under it, so Clear, retries and a second run of the
same day are harmless: they send only what was not sent.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

# A run that was triggered without a date has the day on which it was triggered.
DATE = "((logical_date | default(dag_run.run_after, true)) | ds)"

PARAMS = {
    "table": Param(
        "s3://lake/due/{date}/",
        type="string",
        minLength=1,
        title="Table",
        description_md="Path or URI of Parquet: a file, a folder or a pattern. `{date}` stands for the run's date.",
        section="Table",
    ),
    "phone_column": Param(
        "phone",
        type="string",
        minLength=1,
        title="Phone column",
        description_md="Phones such as `+852 5531 1111`, `0085255311111` or `(852)55311111`.",
        section="Table",
    ),
    "user_id_column": Param(
        None,
        type=["null", "string"],
        title="User id column",
        description_md="Your own mark of each person, at most 32 characters. Failures and receipts repeat it.",
        section="Table",
    ),
    "region": Param(
        None,
        type=["null", "string"],
        pattern="^[A-Z]{2}$",
        examples=["BR", "CN", "GB", "HK", "ID", "IN", "MY", "NG", "PH", "SG", "TH", "US", "VN"],
        title="Region",
        description_md="Two letters, such as `HK`: the country of phones that are written without a country code. "
        "Empty: such phones are invalid.",
        section="Table",
    ),
    "bare_digits": Param(
        None,
        type=["null", "string"],
        enum=[None, "national", "international"],
        title="Phones without +",
        description_md="How digits are read that are no number of the region, and one of another country with `+`. "
        "Empty: such rows are invalid.",
        section="Table",
    ),
    "template_id": Param(
        "UTA20212831C85C",
        type=["null", "string"],
        title="Template",
        description_md="The id of an approved template, for all rows. Empty: a column names each row's template.",
        section="Text",
    ),
    "template_id_column": Param(
        None,
        type=["null", "string"],
        title="Template column",
        description_md="The column that names each row's template. Only if *Template* is empty.",
        section="Text",
    ),
    "param_columns": Param(
        ["name", "amount"],
        type=["null", "array"],
        items={"type": "string", "minLength": 1},
        title="Parameter columns",
        description_md="One column for each variable `{1}`, `{2}`, ... of the template, in this order; one per line.",
        section="Text",
    ),
    "sender_id": Param(
        None,
        type=["null", "string"],
        maxLength=11,
        title="Sender",
        description_md="What the phone shows as the sender of all rows, at most 11 characters.",
        section="Text",
    ),
    "sender_id_column": Param(
        None,
        type=["null", "string"],
        title="Sender column",
        description_md="The column that names each row's sender. Only if *Sender* is empty.",
        section="Text",
    ),
    "campaign": Param(
        "due invoices {date}",
        type="string",
        minLength=1,
        maxLength=200,
        title="Campaign",
        description_md="**Nobody is texted twice under one name.** `{date}` stands for the run's date. To text the "
        "same people once more, choose another name.",
        section="Sending",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        description_md="Reads the whole table and reports what would be sent. Sends and writes nothing.",
        section="Sending",
    ),
    "max_recipients": Param(
        100_000,
        type=["null", "integer"],
        minimum=0,
        title="Most recipients",
        description_md="A table with more is refused before the first message: it may be the wrong one. "
        "Empty: no limit.",
        section="Sending",
    ),
}

with DAG(
    dag_id="send_batch_sms",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params=PARAMS,
    doc_md=__doc__,
    tags=["example", "uspeedo"],
) as dag:
    # [START howto_operator_send_batch_sms]
    SendBatchSMSOperator(
        task_id="send",
        recipients="{{ params.table | replace('{date}', " + DATE + ") }}",
        phone_column="{{ params.phone_column }}",
        user_id_column="{{ params.user_id_column }}",
        default_region="{{ params.region }}",
        bare_digits="{{ params.bare_digits }}",
        template_id="{{ params.template_id }}",
        template_id_column="{{ params.template_id_column }}",
        param_columns="{{ params.param_columns | tojson }}",
        sender_id="{{ params.sender_id }}",
        sender_id_column="{{ params.sender_id_column }}",
        campaign_id="{{ params.campaign | replace('{date}', " + DATE + ") }}",
        dry_run="{{ params.dry_run }}",
        max_recipients="{{ params.max_recipients }}",
        # Safe: a retry sends only what surely reached nobody. It also waits for a table that is late.
        retries=2,
        retry_delay=timedelta(minutes=10),
    )
    # [END howto_operator_send_batch_sms]
