# SPDX-License-Identifier: Apache-2.0
"""The notifier: texts a few on-call numbers when a task or a DAG run has failed, at most once for each event."""

from __future__ import annotations

import copy
import logging
import traceback
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseNotifier

from airflow_provider_uspeedo.core.exit_policy import describe
from airflow_provider_uspeedo.core.masking import mask_digits
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.errors import ConfigurationError, USpeedoError
from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook
from airflow_provider_uspeedo.notifications.notified_event import NotifiedEvent, event_of
from airflow_provider_uspeedo.notifications.on_call import check_params, check_phones, is_template, phones_in
from airflow_provider_uspeedo.operators.arguments import text_or_none
from airflow_provider_uspeedo.operators.policy_arguments import HiddenPhones, with_queries_read
from airflow_provider_uspeedo.operators.rendering import TextRendering
from airflow_provider_uspeedo.operators.threads import result_of, run_query

if TYPE_CHECKING:
    from airflow_provider_uspeedo.campaign.report import Report
    from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
    from airflow_provider_uspeedo.ledger.ledger import Ledger

MAX_TIMEOUT = 10.0
"""Seconds for one call of the API, and for a database that does not answer: task or DAG processor wait meanwhile."""
SETTLE_TIMEOUT = 60.0
"""Seconds for which an answer is offered to a database that stays away."""
ATTEMPTS = 3
"""Calls that are made in place of one that surely was not accepted, or of a query."""


class USpeedoNotifier(TextRendering, BaseNotifier):
    """Texts a few people when a task or a DAG run has failed, was retried, skipped, or has succeeded.

    Each phone gets at most one text for each DAG run, task, map index, try number and event, however often Airflow
    calls it: the text is claimed in the ledger, as those of a campaign are. Without a ledger nothing is sent.

    What goes wrong is logged, with phones masked, and raised nowhere.

    :param to: 1 to 20 phones with their country codes: a list, a text with commas between them, or a template that
        gives one, such as ``{{ var.value.on_call }}``. They are shown nowhere.
    :param template_id: the template of the text.
    :param template_params: one text for each variable ``{1}``, ``{2}``, ... of the template, in order.
    :param sender_id: at most 11 characters; ``""`` for none.
    :param uspeedo_conn_id: the connection to USpeedo. A contact policy of it holds here, too.
    :param results_conn_id: the connection of the ledger; ``None``: the setting ``[uspeedo] results_conn_id``, then the
        SQLite file in ``AIRFLOW_HOME``, only where every task runs on one machine.
    :param results_table: the relation of the results; ``None``: the setting, then ``uspeedo_results``.
    :param context: given by Airflow, for deadlines.
    :raises ConfigurationError: when the DAG is parsed: ``to`` or ``template_params`` is no list of texts, or there are
        too many phones.
    """

    template_fields: Sequence[str] = (
        "template_id", "template_params", "sender_id", "uspeedo_conn_id", "results_conn_id", "results_table",
    )  # fmt: skip

    def __init__(
        self,
        *,
        to: Sequence[str] | str,
        template_id: str,
        template_params: Sequence[str] = (),
        sender_id: str = "",
        uspeedo_conn_id: str = USpeedoHook.default_conn_name,
        results_conn_id: str | None = None,
        results_table: str | None = None,
        context: Any = None,
    ) -> None:
        super().__init__()
        self.context: Any = context or {}  # before Airflow 3.1 the base class has none
        if not is_template(to):
            check_phones(phones_in(to))
        self._to = HiddenPhones(to)
        self._given: USpeedoNotifier = self
        self.template_id = template_id
        self.template_params = check_params(template_params)
        self.sender_id = sender_id
        self.uspeedo_conn_id = uspeedo_conn_id
        self.results_conn_id = results_conn_id
        self.results_table = results_table

    def __repr__(self) -> str:
        """Airflow logs it, and may store it with a DAG: it is the same in every process and shows no phone."""
        return f"{type(self).__name__}(to={self._to}, template_id={self.template_id!r})"

    def serialize(self) -> str:
        """The text that Airflow stores for it."""
        return repr(self)

    def __call__(self, *args: Any) -> None:
        """Renders, and sends; see :meth:`notify`."""
        try:
            super(USpeedoNotifier, self._for_one_call()).__call__(*args)
        except Exception as error:  # noqa: BLE001 - a notification must not break what it is about
            self._log_failure(error)

    def __await__(self) -> Generator[Any, None, None]:
        """The same in Airflow's triggerer, with the context that was given to the constructor."""
        return self._for_one_call().render_and_notify().__await__()

    def _for_one_call(self) -> USpeedoNotifier:
        """A copy to render: tasks of one process share the notifier of their DAG's ``default_args``."""
        return copy.copy(self)

    async def render_and_notify(self) -> None:
        """What is awaited; see :meth:`notify`."""
        try:
            self._update_context(self.context)
            self.render_template_fields(self.context)
        except Exception as error:  # noqa: BLE001 - as above
            self._log_failure(error)
        else:
            await self.async_notify(self.context)

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """Renders the template fields, and ``to``, as text, also in a DAG that renders native objects."""
        from jinja2 import TemplateError

        dag = context.get("dag")  # the serialized one, in `airflow dags test`, makes no environment
        makes_env = hasattr(dag, "get_template_env")
        env = jinja_env or (dag.get_template_env(force_sandboxed=True) if makes_env else self.get_template_env())
        try:
            self._do_render_template_fields(self, self.template_fields, context, env, set())
            self._to = HiddenPhones(self.render_template(self._to.rows, context, env))
        except TemplateError as error:
            raise ConfigurationError(
                f"a template of the notifier cannot be rendered ({type(error).__name__}: {mask_digits(str(error))}). "
                "Nothing was sent."
            ) from None

    def notify(self, context: Any) -> None:
        """Sends one text to each phone that has not had one about this event; raises nothing but an interruption."""
        try:
            self._notify(event_of(context, self._given))
        except Exception as error:  # noqa: BLE001 - as above
            self._log_failure(error)

    async def async_notify(self, context: Any) -> None:
        """The same in a thread, which waits for the database and the API."""
        from asgiref.sync import sync_to_async

        await sync_to_async(self.notify, thread_sensitive=False)(context)

    def _notify(self, event: NotifiedEvent) -> None:
        from airflow_provider_uspeedo.hooks.ledger_connection import default_file
        from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation

        phones = check_phones(phones_in(self._to.rows))
        hook = USpeedoHook(text_or_none(self.uspeedo_conn_id) or USpeedoHook.default_conn_name)
        location = LedgerLocation.of(self.results_conn_id, self.results_table)
        ledger = location.open_ledger()
        try:
            ledger.database.timeout, ledger.settle_timeout = MAX_TIMEOUT, SETTLE_TIMEOUT
            location.refuse_left_behind(event.campaign_id, ledger)
            report = self._send(event, phones, hook, ledger)
        finally:
            ledger.close()
        file = "" if location.conn_id else str(default_file())
        summary = replace(report.summary, results_conn_id=location.conn_id, ledger_file=file)
        self._log_report(replace(report, summary=summary))

    def _send(self, event: NotifiedEvent, phones: Sequence[str], hook: USpeedoHook, ledger: Ledger) -> Report:
        """One attempt of a campaign, as the operator makes it, with shorter waits."""
        from airflow_provider_uspeedo.api.client import USpeedoClient
        from airflow_provider_uspeedo.api.http.backoff import Backoff
        from airflow_provider_uspeedo.campaign.campaign import Campaign
        from airflow_provider_uspeedo.campaign.config import CampaignConfig
        from airflow_provider_uspeedo.campaign.preflight import prepare
        from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
        from airflow_provider_uspeedo.core.rows import Columns

        stop_signal = StopSignal()
        company = hook.config.policy
        rules = with_queries_read(
            company, lambda query, conn_id: run_query(query, conn_id, stop_signal, argument="policy: suppress")
        )
        params = check_params(self.template_params)
        row: dict[str, Any] = {"params": list(params)} if params else {}
        if rules.time_zone_column:
            row[rules.time_zone_column] = None  # none: the country of the phone decides
        config = CampaignConfig(
            campaign_id=event.campaign_id,
            columns=Columns(phone="phone", params_list="params" if params else None),
            template_id=(text_or_none(self.template_id) or "").strip(),
            sender_id=text_or_none(self.sender_id) or "",
            concurrency=1,
            max_failure_ratio=None,
            max_invalid_ratio=None,
            part=f"notifier {event.part}",
            attempt_name=event.campaign_id,
            rules=rules,
        )
        backoff = Backoff(attempts=ATTEMPTS, max_wait=2.0, max_asked_wait=MAX_TIMEOUT)
        http = replace(hook.config, timeout=min(hook.config.timeout, MAX_TIMEOUT))
        client = USpeedoClient(http, query_backoff=backoff)
        try:
            table = [{"phone": phone, **row} for phone in phones]
            reading = prepare(config, table, lambda ids: client.query_templates(ids, must_exist=True), ledger=ledger)
            ledger.prepare()
            campaign = Campaign(
                config, reading, ledger, client.send_written, stop_signal, in_flight_timeout=0.0, backoff=backoff
            )
            return _run(campaign.run, stop_signal)
        finally:
            client.close()

    def _log_report(self, report: Report) -> None:
        """Says what was sent, at the level ERROR where a text may be missing."""
        summary = report.summary
        reached = summary[Status.ACCEPTED] + summary[Status.DUPLICATE] == summary.rows
        said = [describe(summary)]
        if isinstance(report.cause, USpeedoError):
            said.append(str(report.cause))
        elif report.cause is not None:
            said.append(self._unexpected(report.cause))
        said += [f"{one.phone}: {one.status}, {one.reason}." for one in summary.failures]
        if report.by_time.hours:
            waiting = counted(report.by_time.hours, "text")
            said.append(f"The connection's policy excludes {waiting} for its hours; a notifier does not wait for them.")
        if report.elsewhere:
            said.append("Another process has a request of this event in flight.")
        self.log.log(logging.INFO if reached else logging.ERROR, "USpeedoNotifier: %s", " ".join(said))

    def _log_failure(self, error: BaseException) -> None:
        text = str(error) if isinstance(error, USpeedoError) else self._unexpected(error)
        self.log.error("USpeedoNotifier: %s The task or DAG run that it is about is not affected.", text)

    def _unexpected(self, error: BaseException) -> str:
        """The traceback of an error without its text, which may hold a phone."""
        where = "".join(traceback.format_tb(error.__traceback__))
        return f"Unexpected {type(error).__name__} at\n{where}"


def _run(work: Any, stop_signal: StopSignal) -> Report:
    """Runs a campaign in a thread: on Airflow 2 a termination is raised in the main one."""
    threads = ThreadPoolExecutor(1, thread_name_prefix="uspeedo-notify")
    running = threads.submit(work)
    threads.shutdown(wait=False)
    found: Report = result_of(running, stop_signal)
    return found
