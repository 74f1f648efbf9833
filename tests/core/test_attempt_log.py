# SPDX-License-Identifier: Apache-2.0
"""The first and the last lines of an attempt's log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_uspeedo.core.attempt_log import Beginning, UnsentReason, dry_run_lines, end_lines, shortened
from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.core.summary import Summary

BEGINNING = Beginning(
    table="<Parquet file /lake/due.parquet>", rows=5000, template="UTA_REMINDER", template_column=None, sender="",
    sender_column=None, campaign_id="due 2026-11-22", slice_="", ledger="postgresql at db:5432, database 'sms'",
    results_table="uspeedo_results", results_conn_id="warehouse", api="api.uspeedo.com:443 (connection 'uspeedo')",
)  # fmt: skip


def test_the_beginning_names_table_template_and_places() -> None:
    """A line for each."""
    assert list(BEGINNING.lines()) == [
        "Table     <Parquet file /lake/due.parquet>, 5,000 rows",
        "Template  'UTA_REMINDER'",
        "Sender    none",
        "Campaign  'due 2026-11-22'",
        "Results   table uspeedo_results, connection 'warehouse'",
        "Ledger    postgresql at db:5432, database 'sms'",
        "USpeedo   api.uspeedo.com:443 (connection 'uspeedo')",
    ]


def test_what_is_not_known_or_named_by_columns_is_said_so() -> None:
    """Rows of a file that must be read for it, a slice, columns, the local file; a number as sender is masked."""
    other = replace(
        BEGINNING, rows=None, template="", template_column="t", sender_column="s", slice_="2/8", results_conn_id=None
    )
    lines = list(other.lines())
    assert lines[0].endswith("due.parquet>")
    assert lines[1:4] == ["Template  column 't'", "Sender    column 's'", "Campaign  'due 2026-11-22', slice 2/8"]
    assert lines[4] == "Results   table uspeedo_results, the local file"
    assert list(replace(BEGINNING, sender="85255311111").lines())[2] == "Sender    '****1111'"


def test_the_end_has_a_line_for_each_status_and_reason() -> None:
    """In the usual order; then where the rows are, and what to do."""
    counts = {"accepted": 4700, "rejected": 60, "not_sent": 240}
    summary = Summary("it's due", counts, accepted_now=4000, requests=5, results_table="sms.results")
    reasons = [UnsentReason(240, "not_sent", "hours: opens at 09:00"), UnsentReason(60, "rejected", "black list")]
    assert list(end_lines(summary, reasons, "not-sent")) == [
        "Of 5,000 rows (4,000 accepted now, by 5 requests):",
        "      4,700  accepted",
        "         60  rejected",
        "        240  not_sent",
        "The most frequent reasons of rows that were not accepted:",
        "        240  not_sent: hours: opens at 09:00",
        "         60  rejected: black list",
        "The results: SELECT row_number, status, reason FROM sms.results WHERE campaign_id = 'it''s due'",
        "What to do: `airflow-uspeedo explain not-sent`.",
    ]


def test_a_success_ends_without_anything_to_do() -> None:
    """Nor with reasons."""
    lines = list(end_lines(Summary("c", {"accepted": 1}, accepted_now=1, requests=1), ()))
    assert (lines[0], len(lines)) == ("Of 1 row (1 accepted now, by 1 request):", 3)


@pytest.mark.parametrize("size", [100, 5000])
def test_no_line_is_wider_than_a_screen(size: int) -> None:
    """Whatever a path, a reason or a list of countries is like; a new line in one makes no line of its own."""
    long = "x" * size
    begin = replace(BEGINNING, table=long, template=long, sender=long, ledger=long, api=long)
    counts = dict.fromkeys(STATUSES, 10**9)
    summary = Summary("c", counts, 1, 1, countries={str(code): 10**6 for code in range(20, 60)})
    lines = [*begin.lines(), *end_lines(summary, [UnsentReason(10**9, "rejected", f"{long}\n{long}")], "unknown")]
    assert max(map(len, lines)) <= 120
    assert not any("\n" in line for line in lines)


def test_of_a_long_path_the_end_is_shown_and_the_rows_are() -> None:
    """It tells two partitions apart."""
    line = next(iter(replace(BEGINNING, table=f"<Parquet file s3://{'deep/' * 50}day=22/part-0.parquet>").lines()))
    assert line.startswith("Table     <Parquet file s3://deep/")
    assert line.endswith("day=22/part-0.parquet>, 5,000 rows")


def test_a_dry_run_says_what_would_be_sent() -> None:
    """By the status that is *not_sent* in its counts."""
    assert list(dry_run_lines(Summary("c", {"accepted": 1, "not_sent": 2}, 0, 0))) == [
        "Dry run, nothing was sent. Of 3 rows:",
        "          1  accepted",
        "          2  would be sent",
    ]


def test_a_line_that_fits_is_left_as_it_is() -> None:
    """To the last character."""
    assert shortened("x" * 120) == "x" * 120
    assert shortened("x" * 121) == "x" * 116 + " ..."
