# SPDX-License-Identifier: Apache-2.0
"""Text the people of a table or of a query. The Trigger form has every argument that a person would set.

Whoever is texted under a campaign's name is not texted again under it, so Clear, retries and a second run of the
same day are harmless: they send only what was not sent.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

# A run that was triggered without a date has the day on which it was triggered.
DATE = "((logical_date | default(dag_run.run_after, true)) | ds)"

# Only what is filled in: a policy that names a rule and leaves it empty is refused.
POLICY = """{{ dict({
    "suppress": params.opt_outs, "countries": params.countries, "hours": params.hours, "not_after": params.not_after,
    "at_most": params.most_texts and {"texts": params.most_texts, "days": params.days},
    "time_zone_column": params.time_zone_column,
}.items() | selectattr(1)) | tojson }}"""


def text(title: str, about: str, default: str | None = None, **rules: Any) -> Param:
    """A field that may be empty."""
    return Param(default, type=["null", "string"], title=title, description_md=about, **rules)


def whole(title: str, about: str, default: int | None = None, **rules: Any) -> Param:
    """A whole number that may be left out."""
    return Param(default, type=["null", "integer"], title=title, description_md=about, **rules)


def share(title: str, about: str, default: float | None = None, **rules: Any) -> Param:
    """A share of all, between 0 and 1."""
    rules = {"minimum": 0, "maximum": 1, **rules}
    return Param(default, type=["null", "number"], title=title, description_md=about, **rules)


def lines(title: str, about: str, default: list[str] | None = None, **rules: Any) -> Param:
    """Texts, one per line."""
    rules = {"items": {"type": "string", "minLength": 1}, **rules}
    return Param(default, type=["null", "array"], title=title, description_md=about, **rules)


TABLE = {
    "table": text(
        "Table",
        "Path or URI of Parquet: a file, a folder or a pattern. `{date}` stands for the run's date. Empty: a query "
        "gives the people.",
        "s3://lake/due/{date}/",
    ),
    "query": text(
        "Query",
        "SQL that gives the people, instead of a table. `{date}` stands for the run's date.",
        format="multiline",
    ),
    "query_connection": text("Connection of the query", "Any whose hook speaks SQL."),
    "phone_column": Param(
        "phone",
        type="string",
        minLength=1,
        title="Phone column",
        description_md="Phones such as `+852 5531 1111`, `0085255311111` or `(852)55311111`.",
    ),
    "region": text(
        "Region",
        "Two letters, such as `HK`: the country of phones that are written without a country code. Empty: such phones "
        "are invalid.",
        pattern="^[A-Z]{2}$",
        examples=["BR", "CN", "GB", "HK", "ID", "IN", "MY", "NG", "PH", "SG", "TH", "US", "VN"],
    ),
    "bare_digits": text(
        "Phones without +",
        "How digits are read that are no number of the region, and one of another country with `+`. Empty: such rows "
        "are invalid.",
        enum=[None, "national", "international"],
    ),
    "key_columns": lines(
        "Key columns",
        "The columns that make a recipient one recipient; one per line. Empty: the phone does, so nobody gets two "
        "messages of one campaign. With `phone` and `invoice` a person gets one for each invoice.",
    ),
    "user_id_column": text(
        "User id column", "Your own mark of each person, at most 32 characters. Failures and receipts repeat it."
    ),
    "extend_code_column": text("Extend code column", "Digits that follow the sender's number."),
}

TEXT = {
    "template_id": text(
        "Template",
        "The id of an approved template, for all rows. Empty: a column names each row's template.",
        "UTA_REMINDER",
    ),
    "template_id_column": text(
        "Template column", "The column that names each row's template. Only if *Template* is empty."
    ),
    "param_columns": lines(
        "Parameter columns",
        "One column for each variable `{1}`, `{2}`, ... of the template, in this order; one per line.",
        ["name", "amount"],
    ),
    "params_column": text("Column of lists", "A column that holds lists of parameters, instead of those columns."),
    "sender_id": text("Sender", "What the phone shows as the sender of all rows, at most 11 characters.", maxLength=11),
    "sender_id_column": text("Sender column", "The column that names each row's sender. Only if *Sender* is empty."),
}

CAMPAIGN = {
    "campaign": Param(
        "due invoices {date}",
        type="string",
        minLength=1,
        maxLength=200,
        title="Campaign",
        description_md="**Nobody is texted twice under one name.** `{date}` stands for the run's date. To text the "
        "same people once more, choose another name.",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        description_md="Reads the whole table and reports what would be sent. Sends and writes nothing.",
    ),
}

BRAKES = {
    "max_recipients": whole(
        "Most recipients",
        "A table with more is refused before the first message: it may be the wrong one. Empty: no limit.",
        100_000,
        minimum=0,
    ),
    "canary": whole(
        "Canary", "So many people are sent to first; the others follow only if these are accepted.", minimum=1
    ),
    "max_failure_ratio": share(
        "Most rejected", "The campaign stops once a larger share of the answered people is rejected. 1: never.", 0.5
    ),
    "max_invalid_ratio": share("Most invalid", "It fails if a larger share of the rows is invalid. 1: never.", 0.5),
    "max_unknown_requests": whole(
        "Requests without an answer", "So many in a row stop the attempt. Empty: never.", 3, minimum=1
    ),
    "prices": Param(
        None,
        type=["null", "object"],
        title="Prices",
        description_md='The price of a segment in each country: `{"HK": 0.05, "MO": 0.04}`.',
    ),
    "max_cost": Param(
        None,
        type=["null", "number"],
        exclusiveMinimum=0,
        title="Most that it may cost",
        description_md="A campaign that would cost more is refused before the first message. Needs *Prices*.",
    ),
    "max_segments": whole(
        "Most segments", "A table with a longer message is refused before the first message.", minimum=1
    ),
}

RULES = {
    "opt_outs": lines(
        "Opt-outs", "Paths or URIs of tables with a column `phone`: these people are not texted; one per line."
    ),
    "countries": lines(
        "Countries",
        "Only phones of these. Empty: of all.",
        items={"type": "string", "pattern": "^[A-Z]{2}$"},
        examples=["BR", "CN", "GB", "HK", "ID", "IN", "MO", "MY", "NG", "PH", "SG", "TH", "US", "VN"],
    ),
    "hours": lines(
        "Hours",
        "When the window opens and when it closes, on each recipient's own clock: `09:00` and `20:00`, one per line.",
        items={"type": "string", "pattern": "^[0-2]?[0-9]:[0-5][0-9]$"},
        maxItems=2,
    ),
    "time_zone_column": text(
        "Time zone column", "Names such as `Asia/Hong_Kong`. Empty: the country of the phone decides."
    ),
    "not_after": text(
        "Not after", "No request begins later: a reminder of tonight is of no use tomorrow.", format="date-time"
    ),
    "most_texts": whole("Most texts to one phone", "Over all campaigns of the ledger. Empty: no cap.", minimum=1),
    "days": Param(
        7, type="integer", minimum=1, maximum=3650, title="In so many days", description_md="See the field above."
    ),
}

SPEED_AND_PLACES = {
    "requests_per_second": Param(
        None,
        type=["null", "number"],
        exclusiveMinimum=0,
        title="Requests a second",
        description_md="At most, of this task. Empty: no limit.",
    ),
    "concurrency": Param(
        4, type="integer", minimum=1, title="Requests at once", description_md="More if the API is far away."
    ),
    "chunk_size": Param(
        1000,
        type="integer",
        minimum=1,
        maximum=1000,
        title="Recipients in one request",
        description_md="Fewer lose less where an answer is lost.",
    ),
    "uspeedo_connection": Param(
        "uspeedo_default",
        type="string",
        minLength=1,
        title="Connection to USpeedo",
        description_md="It has the key, and maybe a policy of its own: both hold.",
    ),
    "ledger": text(
        "Connection of the ledger",
        "The database that remembers who was texted: PostgreSQL, MySQL, MariaDB or SQLite. Empty: the setting "
        "`[uspeedo] results_conn_id`, then a file on this machine.",
    ),
    "results_table": text(
        "Results table", "`name` or `schema.name`. Empty: the setting, then `uspeedo_results`.", maxLength=100
    ),
}


def in_section(section: str, fields: dict[str, Param]) -> dict[str, Param]:
    """The same fields, under one heading of the form."""
    for field in fields.values():
        field.schema["section"] = section
    return fields


with DAG(
    dag_id="send_batch_sms",
    # A schedule sends what the form's own values say, from the day on which the DAG is switched on: replace them first,
    # then write "@daily".
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={
        **in_section("Table", TABLE),
        **in_section("Text", TEXT),
        **in_section("Campaign", CAMPAIGN),
        **in_section("Brakes", BRAKES),
        **in_section("Who, when, how often", RULES),
        **in_section("Speed and places", SPEED_AND_PLACES),
    },
    doc_md=__doc__,
    tags=["example", "uspeedo"],
) as dag:
    # [START howto_operator_send_batch_sms]
    SendBatchSMSOperator(
        task_id="send",
        recipients="{{ params.table | replace('{date}', " + DATE + ") }}",
        sql="{{ params.query | replace('{date}', " + DATE + ") }}",
        sql_conn_id="{{ params.query_connection }}",
        phone_column="{{ params.phone_column }}",
        default_region="{{ params.region }}",
        bare_digits="{{ params.bare_digits }}",
        key_columns="{{ params.key_columns | tojson }}",
        user_id_column="{{ params.user_id_column }}",
        extend_code_column="{{ params.extend_code_column }}",
        template_id="{{ params.template_id }}",
        template_id_column="{{ params.template_id_column }}",
        param_columns="{{ params.param_columns | tojson }}",
        params_column="{{ params.params_column }}",
        sender_id="{{ params.sender_id }}",
        sender_id_column="{{ params.sender_id_column }}",
        campaign_id="{{ params.campaign | replace('{date}', " + DATE + ") }}",
        dry_run="{{ params.dry_run }}",
        max_recipients="{{ params.max_recipients }}",
        canary="{{ params.canary }}",
        max_failure_ratio="{{ params.max_failure_ratio }}",
        max_invalid_ratio="{{ params.max_invalid_ratio }}",
        max_unknown_requests="{{ params.max_unknown_requests }}",
        prices="{{ params.prices | tojson }}",
        max_cost="{{ params.max_cost }}",
        max_segments="{{ params.max_segments }}",
        policy=POLICY,
        requests_per_second="{{ params.requests_per_second }}",
        concurrency="{{ params.concurrency }}",
        chunk_size="{{ params.chunk_size }}",
        uspeedo_conn_id="{{ params.uspeedo_connection }}",
        results_conn_id="{{ params.ledger }}",
        results_table="{{ params.results_table }}",
        # Safe: a retry sends only what surely reached nobody. It also waits for a table that is late.
        retries=2,
        retry_delay=timedelta(minutes=10),
    )
    # [END howto_operator_send_batch_sms]
