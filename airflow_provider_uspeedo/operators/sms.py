# SPDX-License-Identifier: Apache-2.0
"""The operator: sends an SMS to each recipient in a table, at most once per campaign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseOperator, conf

from airflow_provider_uspeedo.core.attempt_log import dry_run_lines, end_lines
from airflow_provider_uspeedo.core.exit_policy import End, ExitDecision, decide
from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.core.what_to_do import what_to_do
from airflow_provider_uspeedo.errors import (
    ApiUnavailable,
    CampaignHalted,
    ConfigurationError,
    LedgerError,
    LedgerUnavailable,
    SourceNotFound,
    SourceUnavailable,
    USpeedoError,
)
from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation
from airflow_provider_uspeedo.hooks.page_address import announce_runbook
from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook
from airflow_provider_uspeedo.links.campaign_links import CampaignLink, ResultsQueryLink
from airflow_provider_uspeedo.operators.arguments import NOTSET, switch, text_or_none
from airflow_provider_uspeedo.operators.beginning import name_of_table
from airflow_provider_uspeedo.operators.campaign_arguments import config_of, slice_of
from airflow_provider_uspeedo.operators.campaign_run import CampaignRun
from airflow_provider_uspeedo.operators.hidden_rows import HiddenRows
from airflow_provider_uspeedo.operators.hidden_values import HidesValues
from airflow_provider_uspeedo.operators.lineage import (
    LineageDataset,
    ReportsLineage,
    dataset_of_path,
    dataset_of_results,
    tables_of_query,
)
from airflow_provider_uspeedo.operators.mapped_rows import HidesMappedRows
from airflow_provider_uspeedo.operators.observability import describe_outlets, report_rows, tags_of
from airflow_provider_uspeedo.operators.opening_hours import retried, time_to_wake
from airflow_provider_uspeedo.operators.policy_arguments import rules_of, with_queries_read
from airflow_provider_uspeedo.operators.query_arguments import hook_params_of, query_of
from airflow_provider_uspeedo.operators.rendering import TextRendering, refuse_native_name, warn_of_missing_value
from airflow_provider_uspeedo.operators.unexpected_error import log_unexpected
from airflow_provider_uspeedo.operators.unrendered import refuse_unrendered
from airflow_provider_uspeedo.operators.waiting import time_trigger
from airflow_provider_uspeedo.operators.without_airflow import with_task_instance

if TYPE_CHECKING:
    from airflow_provider_uspeedo.campaign.config import CampaignConfig
    from airflow_provider_uspeedo.campaign.report import Report
    from airflow_provider_uspeedo.core.summary import Summary

DEFAULT_DEFERRABLE = conf.getboolean("operators", "default_deferrable", fallback=False)
RETRIED: dict[type[USpeedoError], str] = {
    SourceNotFound: "table-not-there",
    SourceUnavailable: "query-failed",
    LedgerUnavailable: "ledger-away",
}
"""Errors before anything was read that a retry may be spared, each with its section of the runbook."""


def slices(count: int) -> list[str]:
    """The slices of a table, for ``SendBatchSMSOperator.partial(...).expand(slice=slices(8))``.

    :param count: the number of mapped tasks that share the table, 1 to 1024. A later attempt may use another number.

    >>> slices(3)
    ['1/3', '2/3', '3/3']
    """
    return [f"{number}/{count}" for number in range(1, count + 1)]


class SendBatchSMSOperator(HidesValues, HidesMappedRows, TextRendering, ReportsLineage, BaseOperator):
    """Sends an SMS to each recipient in a table through USpeedo, **at most once per campaign**.

    All attempts of the task, copies of it that run at the same time and all tasks with the same ``campaign_id`` share
    one ledger: a request that may have been accepted is never repeated. The results table records the outcome of every
    row.

    :param recipients: the table: path or URI of Parquet (file, folder or glob), a pandas or polars DataFrame, an Arrow
        table, a list of dicts, or the output of a task that is one of these.
    :param sql: a query that gives the table, instead of ``recipients``: text, or the path of a ``.sql`` file.
    :param sql_conn_id: the connection of its database; any whose hook is a ``DbApiHook``.
    :param parameters: for the placeholders of ``sql``, a list or a dict, as that database's driver takes them.
    :param sql_hook_params: arguments for the hook of ``sql_conn_id``.
    :param template_id: the template of all rows.
    :param template_id_column: the column that names each row's template, instead of ``template_id``.
    :param sender_id: the sender of all rows, at most 11 characters; ``""`` for none.
    :param sender_id_column: the column that names each row's sender, instead of ``sender_id``.
    :param phone_column: the column that holds the phones.
    :param param_columns: one column for each variable ``{1}``, ``{2}``, ... of the template, in order.
    :param params_column: a column that holds lists of parameters, instead of ``param_columns``.
    :param user_id_column: the column with your own id of each recipient (at most 32 characters), echoed in failures.
    :param extend_code_column: the column with extend codes (digits).
    :param default_region: ISO 3166 alpha-2, such as ``HK``: reads phones without a country code.
    :param bare_digits: ``"national"`` or ``"international"``: how a phone without ``+`` is read that is no valid number
        of ``default_region``, and a valid one with ``+``; by default such a row is invalid. Without ``default_region``,
        ``"international"`` reads all phones as if they began with ``+``.
    :param key_columns: the columns that identify a recipient; by default its normalised phone does.
    :param campaign_id: the name of the campaign; a recipient that was sent to under it is not sent to again.
    :param chunk_size: recipients in one request, 1 to 1000.
    :param concurrency: requests in flight at once, per task instance.
    :param requests_per_second: the maximum, per task instance; ``None``: no limit.
    :param max_recipients: a table with more recipients is refused before the first message.
    :param max_failure_ratio: stops the campaign once a larger share of the recipients answered in this attempt was
        rejected, such as ``0.05``: from 100 answers on while sending, from 20 at the end. ``None`` or ``1``: never.
    :param max_invalid_ratio: fails if a larger share of the rows is invalid, from 100 rows on; before the first message
        if the whole table (up to 65,000 rows) is read by then, else at the end. ``None`` or ``1``: never.
    :param max_unknown_requests: so many requests in a row without an answer stop the attempt; the next one goes on with
        a single recipient. ``None``: the circuit breaker is off.
    :param canary: the number of recipients that are sent first; the others follow only if these are accepted.
    :param same_table_as: the ``task_id`` of a task of this DAG that reads the same table for the same campaign before
        this one: its rows are in the results once, as this task found them. Without it, each task has rows of its own.
    :param slice: which slice of the table this task instance sends, ``"1/8"`` to ``"8/8"``, chosen by the recipients'
        keys; map over :func:`slices`.
    :param results_conn_id: connection (``postgres``, ``mysql`` or ``sqlite``) of the database that holds the ledger
        and the results; ``None``: the setting ``[uspeedo] results_conn_id``, then a SQLite file in ``AIRFLOW_HOME``,
        only where all attempts run on one machine.
    :param results_table: the relation with one row per row of the table, ``name`` or ``schema.name``; ``None``: the
        setting ``[uspeedo] results_table``, then ``uspeedo_results``.
    :param dry_run: reads the table and the ledger, sends and writes nothing; returns the same summary, and a ``plan``.
    :param plan: the output of a dry run of the same table, as a person has approved it: refused before the first
        message if what it covers has changed since.
    :param prices: the price of a segment in each country, ``{"HK": 0.05}`` or a table with the columns ``country``,
        ``price``, ``currency``.
    :param max_cost: a campaign that would cost more is refused before the first message; needs ``prices``.
    :param max_segments: a table with a longer message, in segments, is refused before the first message.
    :param policy: who may be texted, when, and how often: a :class:`~airflow_provider_uspeedo.policy.ContactPolicy` or
        a dict of its fields.
    :param deferrable: waits for the hours of the policy in the triggerer.
    :param uspeedo_conn_id: the connection to USpeedo.
    :returns: the summary, see *Operator* in the documents; also pushed before a failure is raised.
    """

    template_fields: Sequence[str] = (
        "recipients", "template_id", "template_id_column", "sender_id", "sender_id_column", "phone_column",
        "param_columns",
        "params_column", "user_id_column", "extend_code_column", "default_region", "bare_digits",
        "key_columns", "campaign_id",
        "chunk_size",
        "concurrency", "requests_per_second", "max_recipients", "max_failure_ratio",
        "max_invalid_ratio", "max_unknown_requests", "canary", "slice", "same_table_as",
        "results_conn_id", "results_table", "dry_run",
        "uspeedo_conn_id",
        "sql", "sql_conn_id", "parameters", "sql_hook_params",
        "plan", "prices", "max_cost", "max_segments", "policy",
    )  # fmt: skip
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql"}
    ui_color = "#d5f0e3"
    operator_extra_links = (CampaignLink(), ResultsQueryLink())

    def __init__(
        self,
        *,
        recipients: Any = None,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        parameters: Sequence[Any] | Mapping[str, Any] | str | None = None,
        sql_hook_params: Mapping[str, Any] | str | None = None,
        template_id: str | None = None,
        template_id_column: str | None = None,
        sender_id: str = "",
        sender_id_column: str | None = None,
        phone_column: str = "phone",
        param_columns: Sequence[str] | str | None = None,
        params_column: str | None = None,
        user_id_column: str | None = None,
        extend_code_column: str | None = None,
        default_region: str | None = None,
        bare_digits: str | None = None,
        key_columns: Sequence[str] | str | None = None,
        campaign_id: str = "{{ dag.dag_id }}/{{ task.task_id }}/{{ run_id }}",
        chunk_size: int | str = 1000,
        concurrency: int | str = 4,
        requests_per_second: float | str | None = None,
        max_recipients: int | str | None = None,
        max_failure_ratio: float | str | None = 0.5,
        max_invalid_ratio: float | str | None = 0.5,
        max_unknown_requests: int | str | None = 3,
        canary: int | str | None = None,
        slice: str | Sequence[int] | None = None,  # noqa: A002 - the best name for an argument that users map over
        results_conn_id: str | None = None,
        results_table: str | None = None,
        dry_run: bool | str = False,
        same_table_as: str | None = None,
        plan: Any = NOTSET,
        prices: Any = None,
        max_cost: float | str | None = None,
        max_segments: int | str | None = None,
        policy: Any = None,
        deferrable: bool = DEFAULT_DEFERRABLE,
        uspeedo_conn_id: str = USpeedoHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if recipients is None and sql is None:
            raise ConfigurationError("Neither recipients nor sql is given: pass the table, or a query that gives it.")
        self.recipients = recipients
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.parameters = parameters
        self.sql_hook_params = sql_hook_params
        self.template_id = template_id
        self.template_id_column = template_id_column
        self.sender_id = sender_id
        self.sender_id_column = sender_id_column
        self.phone_column = phone_column
        self.param_columns = param_columns
        self.params_column = params_column
        self.user_id_column = user_id_column
        self.extend_code_column = extend_code_column
        self.default_region = default_region
        self.bare_digits = bare_digits
        self.key_columns = key_columns
        self.campaign_id = campaign_id
        self.chunk_size = chunk_size
        self.concurrency = concurrency
        self.requests_per_second = requests_per_second
        self.max_recipients = max_recipients
        self.max_failure_ratio = max_failure_ratio
        self.max_invalid_ratio = max_invalid_ratio
        self.max_unknown_requests = max_unknown_requests
        self.canary = canary
        self.slice = slice
        self.same_table_as = same_table_as
        self.results_conn_id = results_conn_id
        self.results_table = results_table
        self.plan = plan
        self.prices = prices
        self.max_cost = max_cost
        self.max_segments = max_segments
        self.policy = policy
        self.deferrable = deferrable
        self.dry_run = dry_run  # type: ignore[assignment, method-assign] # a template field needs its argument's name
        self.uspeedo_conn_id = uspeedo_conn_id
        self._run: CampaignRun | None = None
        self._location: LedgerLocation | None = None
        # A list, which the copy shares that Airflow makes to execute: a signal may come while it makes it.
        self._killed_before_start: list[bool] = []
        self._rows: int | None = None
        self._tags: dict[str, str] = {}

    def execute(self, context: Any) -> dict[str, Any]:
        """Sends what has not been sent yet.

        :raises AirflowException: a retry can succeed.
        :raises AirflowFailException: it needs manual action.
        """
        return self._attempt(context)

    def execute_complete(self, context: Any, event: Any = None) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Goes on once the hours allow it: reads the table again and checks everything again, as :meth:`execute` does.

        :param event: the time that has come; it decides nothing.
        """
        return self._attempt(context)

    def _attempt(self, context: Any) -> dict[str, Any]:
        """One attempt, with each of its errors as what Airflow should do about it."""
        announce_runbook()
        try:
            return self._execute(with_task_instance(self, context))
        except (SourceNotFound, SourceUnavailable, LedgerUnavailable) as error:
            section = next(section for kind, section in RETRIED.items() if isinstance(error, kind))
            text = f"{error} Nothing more was sent; retry once the cause is fixed. {what_to_do(section)}"
            raise AirflowException(text) from None
        except ApiUnavailable as error:
            raise AirflowException(f"{error} {what_to_do('api-does-not-answer')}") from None
        except CampaignHalted as error:
            raise AirflowFailException(f"{error} {what_to_do(error.section)}") from None
        except (ConfigurationError, LedgerError) as error:
            raise AirflowFailException(f"{error} {what_to_do('refused-before-sending')}") from None
        except AirflowException:
            raise
        except Exception as error:  # noqa: BLE001 - the edge: an unexpected error may quote the row
            raise AirflowException(f"{log_unexpected(self.log, error)} {what_to_do('unforeseen')}") from None

    def _execute(self, context: Any) -> dict[str, Any]:
        self._run = run = CampaignRun(self._say)
        if self._killed_before_start:  # while Airflow was still preparing the task: it calls on_kill once
            self._killed_before_start.clear()
            run.stop()
        refuse_unrendered(self)
        config = config_of(self, context)
        warn_of_missing_value(config.campaign_id, self.log)
        self._tags, self._rows = tags_of(context), None
        if not config.slice_.is_whole and context.get("map_index_template") is None:
            # Airflow renders it in the end; of mapped slices its page then shows 1/4, 2/4 ...
            context["map_index_template"] = "{{ task.slice }}"
        query = query_of(self)
        self._location = LedgerLocation.of(self.results_conn_id, self.results_table)
        table = name_of_table(self.recipients, None if query is None else self.sql_conn_id)
        run.open(self._location, text_or_none(self.uspeedo_conn_id) or USpeedoHook.default_conn_name, table)

        def read_table() -> Any:
            return HiddenRows.unwrap(self.recipients) if query is None else run.read(query, str(self.sql_conn_id))

        try:
            self._location.refuse_left_behind(config.campaign_id, run.ledger)
            if self.rendered_natively:
                refuse_native_name(config.campaign_id, run.ledger)
            read_list = partial(run.read, argument="policy: suppress")
            config = replace(config, rules=with_queries_read(rules_of(self, run.hook.config.policy), read_list))
            if switch("dry_run", self.dry_run):
                return self._conclude_dry(context, run.dry_run(config, read_table))
            if self.deferrable and config.rules.windows:
                time_trigger()  # what cannot sleep later must not begin
            return self._conclude(context, config, run.send(config, read_table, self._tags))
        finally:
            run.close()

    def _say(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.log.info("%s", line)

    def _conclude_dry(self, context: Any, found: Summary) -> dict[str, Any]:
        """Returns the summary of a dry run, which succeeds."""
        summary = self._with_connection(found)
        self._say(dry_run_lines(summary))
        if summary.plan is not None:
            self.log.info("%s", summary.plan.markdown)
        return self._finish(context, summary)

    def _conclude(self, context: Any, config: CampaignConfig, report: Report) -> dict[str, Any]:
        """Returns the summary, or pushes it and fails the task."""
        found = self._with_connection(report.summary)
        summary = self._finish(context, found)
        report_rows(summary, self._tags)
        describe_outlets(context, self.outlets, _counts(summary))
        decision = decide(
            found,
            phone_column=config.columns.phone,
            cause=self._message_of(report.cause),
            halted=report.cause.section if isinstance(report.cause, CampaignHalted) else "",
            unavailable=report.cause.section if isinstance(report.cause, ApiUnavailable) else "",
            stopped=report.stopped,
            elsewhere=report.elsewhere,
            complete=report.complete,
            sliced=not config.slice_.is_whole,
            by_time=report.by_time,
        )
        self._say(end_lines(found, report.reasons, decision.section))
        if decision.end is End.SUCCESS:
            if decision.warning or (not found.rows and config.slice_.is_whole):
                self.log.warning("%s", decision.message)
            return summary
        context["ti"].xcom_push(key="return_value", value=summary)
        if decision.end is End.WAIT:
            decision = self._wait(context, decision)
        raise (AirflowException if decision.end is End.RETRY else AirflowFailException)(decision.message)

    def _wait(self, context: Any, decision: ExitDecision) -> ExitDecision:
        """Sleeps in the triggerer until the next window opens, or returns the failure that a retry may follow."""
        if self.deferrable and decision.until is not None:
            self.log.info("%s The task sleeps until then.", decision.message)
            moment = time_to_wake(decision.until, datetime.now(UTC))
            self.defer(trigger=time_trigger()(moment=moment), method_name="execute_complete")
        return retried(self, context["ti"], decision)

    def _with_connection(self, summary: Summary) -> Summary:
        """The summary, with the connection of the results, or the path of the local file."""
        from airflow_provider_uspeedo.hooks.ledger_connection import default_file

        conn_id = self._location.conn_id if self._location else None
        return replace(summary, results_conn_id=conn_id, ledger_file="" if conn_id else str(default_file()))

    def _finish(self, context: Any, summary: Summary) -> dict[str, Any]:
        self._rows = summary.rows
        xcom = summary.to_xcom()
        for key in (key for key in ("session_nos", "failures", "plan") if key in xcom):
            context["ti"].xcom_push(key=key, value=xcom[key])
        return xcom

    def _message_of(self, cause: BaseException | None) -> str:
        if cause is None or isinstance(cause, USpeedoError):
            return str(cause or "")
        return log_unexpected(self.log, cause)

    def lineage_inputs(self) -> Sequence[LineageDataset]:
        """The table, if it has a path, or those of the query."""
        if sql := self.lineage_sql():
            return tables_of_query(sql, str(self.sql_conn_id), hook_params_of(self), self._rows)
        is_whole = slice_of(self.slice) is None
        table = dataset_of_path(HiddenRows.unwrap(self.recipients), self._rows, whole=is_whole)
        return (table,) if table else ()

    def lineage_outputs(self) -> Sequence[LineageDataset]:
        """The results relation; a dry run writes nothing."""
        if switch("dry_run", self.dry_run):
            return ()
        return (dataset_of_results(LedgerLocation.of(self.results_conn_id, self.results_table), self._rows),)

    def lineage_sql(self) -> str | None:
        """The query, without its parameters."""
        return text_or_none(self.sql)

    def on_kill(self) -> None:
        """Stops before the next request; requests in flight are settled as their answers come in."""
        if self._run is None:
            self._killed_before_start.append(True)
        else:
            self._run.stop()


def _counts(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What an asset event says of a campaign."""
    return {key: summary[key] for key in ("campaign_id", "rows", *STATUSES, "accepted_now", "requests")}
