# SPDX-License-Identifier: Apache-2.0
"""The rows of one reading counted by status and request, without a look at each recipient where an index counts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from airflow_provider_uspeedo.ledger.results.row_status import ResultRows, own_status_counts, status_of
from airflow_provider_uspeedo.ledger.results.superseded_rows import ONE
from airflow_provider_uspeedo.ledger.store.lookups import looked_up


def tally_query(rows: ResultRows, campaign_no: int, attempt_no: int) -> Any:
    """Rows of one reading by status and request: ``status, rows, id, state, attempt_no, session_no``.

    Most requests have one outcome for all recipients that they hold, which an index counts. One statement, so that
    it sees one snapshot.
    """
    q, recipient = rows.request.c, rows.recipient.c
    count = sa.func.count().label("rows")
    mixed = _mixed_requests(rows, campaign_no)
    held = (
        sa.select(recipient.request_id, count)
        .where(recipient.first_attempt == attempt_no, recipient.request_id.not_in(mixed))
        .group_by(recipient.request_id)
        .subquery()
    )
    # A request of one outcome has no row in outcomes.
    status = status_of(sa.cast(sa.null(), sa.String(10)), q.state)
    uniform = sa.select(status.label("status"), q.id, held.c.rows).select_from(
        held.join(rows.request, q.id == held.c.request_id)
    )
    of_mixed = recipient.request_id.in_(mixed)
    each = rows.first_rows(campaign_no, attempt_no, rows.outcome.label("status"), q.id).where(of_mixed).subquery()
    # By name: a driver that binds values in the server makes another parameter of each value of a repeated case.
    by_each = sa.select(each.c.status, each.c.id, count).group_by(each.c.status, each.c.id)
    counts = sa.union_all(uniform, by_each, _other_rows_counted(rows, campaign_no, attempt_no)).subquery()
    about = (q.id, q.state, q.attempt_no, q.session_no, q.settled_at)
    number = sa.cast(sa.func.sum(counts.c.rows), sa.BigInteger).label("rows")
    return (
        sa.select(counts.c.status, number, *about)
        .select_from(counts.outerjoin(rows.request, q.id == counts.c.id))
        .group_by(counts.c.status, *about)
        .order_by(q.settled_at, q.id)
    )


def _other_rows_counted(rows: ResultRows, campaign_no: int, attempt_no: int) -> Any:
    """The other rows by status and request; each request is looked at once, and not for each of its rows."""
    row, recipient, outcome = rows.source_row.c, rows.recipient.c, rows.outcome_row.c
    points_at = sa.func.coalesce(recipient.proven_request_id, recipient.request_id)
    here = sa.and_(outcome.request_id == points_at, outcome.key == recipient.key)
    source = looked_up(rows.source_row, rows.recipient, rows.is_of_row(campaign_no), isouter=True)
    held = (
        sa.select(
            row.status.label("own"),
            outcome.status.label("outcome"),
            points_at.label("request_id"),
            sa.func.count().label("rows"),
        )
        .select_from(source.outerjoin(rows.outcome_row, here))
        .where(row.attempt_no == attempt_no)
        .group_by(row.status, outcome.status, points_at)
        .subquery()
    )
    outcome_of_recipient = status_of(held.c.outcome, rows.request.c.state)
    own = own_status_counts(held.c.own, outcome_of_recipient)
    status = sa.case((own, held.c.own), else_=outcome_of_recipient)
    requests = held.outerjoin(rows.request, rows.request.c.id == held.c.request_id)
    return sa.select(status.label("status"), rows.request.c.id, held.c.rows).select_from(requests)


def _mixed_requests(rows: ResultRows, campaign_no: int) -> Any:
    """Requests of which some recipients have an outcome of their own, or have left or returned."""
    requests, outcomes, past = rows.tables.requests.alias("mixed"), rows.tables.outcomes, rows.tables.past_requests
    ids = requests.c.id
    return sa.select(ids).where(
        requests.c.campaign_no == campaign_no,
        sa.or_(
            sa.exists(sa.select(ONE).where(outcomes.c.request_id == ids)),
            sa.exists(sa.select(ONE).where(past.c.request_id == ids)),
        ),
    )
