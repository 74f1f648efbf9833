# SPDX-License-Identifier: Apache-2.0
"""What Airflow's metrics, traces and assets get of a campaign: counts and durations, nothing of a recipient."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Stats

from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.errors import CallError, ConfigurationError, OutcomeUnknown

if TYPE_CHECKING:
    from airflow_provider_uspeedo.api.request.body import WrittenContent
    from airflow_provider_uspeedo.api.response.send_answer import SendAnswer

log = logging.getLogger(__name__)

REQUEST_DURATION = "uspeedo.request_duration"
"""A timer, milliseconds: one call that sends; tag ``outcome``."""
ROWS = "uspeedo.rows"
"""A gauge for each status, ``uspeedo.rows.accepted`` and so on: rows of the table at the end of an attempt."""
ACCEPTED_NOW = "uspeedo.accepted_now"
"""A counter: recipients that were accepted in an attempt."""
METRICS = (REQUEST_DURATION, *(f"{ROWS}.{status}" for status in STATUSES), ACCEPTED_NOW)
SPAN = "uspeedo.send_request"
ANSWERED, UNKNOWN, NOT_ACCEPTED = "answered", "unknown", "not_accepted"
"""The outcomes of a call: an answer for its recipients, none that can be relied on, or surely nothing accepted."""

EndSpan = Callable[["WrittenContent", str, "int | None"], None]


def observed(
    send: Callable[[WrittenContent], SendAnswer], tags: Mapping[str, str]
) -> Callable[[WrittenContent], SendAnswer]:
    """The same call, with a timer and a span for each request; called by several threads.

    :param tags: of the metrics: the DAG and the task.
    """
    start_span = _span_starter()

    def send_observed(content: WrittenContent) -> SendAnswer:
        outcome, ret_code, began = UNKNOWN, None, time.perf_counter()
        end_span = start_span()
        try:
            answer = send(content)
        except (CallError, ConfigurationError) as error:
            outcome = UNKNOWN if isinstance(error, OutcomeUnknown) else NOT_ACCEPTED
            raise
        else:
            outcome, ret_code = ANSWERED, answer.ret_code
            return answer
        finally:
            elapsed = (time.perf_counter() - began) * 1000
            with _never_failing("metrics"):
                Stats.timing(REQUEST_DURATION, elapsed, tags={**tags, "outcome": outcome})
            end_span(content, outcome, ret_code)

    return send_observed


def _span_starter() -> Callable[[], EndSpan]:
    """Returns what begins the span of a request, and returns what ends it."""
    from opentelemetry import context, trace

    # Threads of a campaign begin without a context: their spans would have no parent.
    parent = context.get_current()
    tracer = trace.get_tracer("airflow_provider_uspeedo")

    def start() -> EndSpan:
        span: trace.Span = trace.INVALID_SPAN
        with _never_failing("spans"):
            span = tracer.start_span(SPAN, parent, kind=trace.SpanKind.CLIENT)

        def end(content: WrittenContent, outcome: str, ret_code: int | None) -> None:
            with _never_failing("spans"):
                span.set_attribute("uspeedo.recipients", sum(len(group.targets) for group in content.groups))
                span.set_attribute("uspeedo.outcome", outcome)
                if ret_code is not None:
                    span.set_attribute("uspeedo.ret_code", ret_code)
                if outcome != ANSWERED:  # the error itself is not recorded: its text may quote a recipient
                    span.set_status(trace.StatusCode.ERROR)
                span.end()

        return end

    return start


def report_rows(summary: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    """Set the gauges of the statuses, and count what was accepted now.

    :param summary: as the task returns it.
    """
    with _never_failing("metrics"):
        for status in STATUSES:
            Stats.gauge(f"{ROWS}.{status}", summary[status], tags=dict(tags))
        Stats.incr(ACCEPTED_NOW, summary["accepted_now"], tags=dict(tags))


def describe_outlets(context: Any, outlets: Sequence[Any], facts: Mapping[str, Any]) -> None:
    """Give the events of the task's assets the counts of the campaign.

    :param facts: plain JSON; those that say nothing of a recipient.
    """
    with _never_failing("asset events"):
        events = context.get("outlet_events")
        for asset in outlets if events is not None else ():
            if getattr(asset, "uri", None):  # an alias has none: what it stands for the task does not know
                events[asset].extra.update(facts)


@contextmanager
def _never_failing(what: str) -> Iterator[None]:
    """What was sent is sent: that it could not be reported must not look like a failure of the campaign."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - and its text may hold what was to be reported
        log.warning("No %s are reported: %s.", what, type(error).__name__)


def tags_of(context: Any) -> dict[str, str]:
    """The tags that Airflow's own metrics of a task have."""
    ti = context["ti"]
    return {"dag_id": ti.dag_id, "task_id": ti.task_id}
