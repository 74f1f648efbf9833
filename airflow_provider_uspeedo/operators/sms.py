# SPDX-License-Identifier: Apache-2.0
"""The operator: texts the people of a table, each of them at most once per campaign."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseOperator

from airflow_provider_uspeedo.core.exit_policy import End, decide, describe
from airflow_provider_uspeedo.errors import (
    CampaignHalted,
    ConfigurationError,
    LedgerError,
    LedgerUnavailable,
    SourceNotFound,
    USpeedoError,
)
from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook
from airflow_provider_uspeedo.operators import arguments
from airflow_provider_uspeedo.operators.arguments import Rows

if TYPE_CHECKING:
    from airflow_provider_uspeedo.campaign.campaign import Report
    from airflow_provider_uspeedo.campaign.config import CampaignConfig
    from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
    from airflow_provider_uspeedo.core.summary import Summary
    from airflow_provider_uspeedo.ledger.ledger import Ledger

RESULTS_TABLE = "uspeedo_results"


def slices(count: int) -> list[str]:
    """The slices of a table, for ``SendBatchSMSOperator.partial(...).expand(slice=slices(8))``.

    :param count: how many mapped tasks share the table, 1 to 1024. Another number on a later try is safe.

    >>> slices(3)
    ['1/3', '2/3', '3/3']
    """
    return [f"{number}/{count}" for number in range(1, count + 1)]


class SendBatchSMSOperator(BaseOperator):
    """Texts the people of a table through USpeedo, **each of them at most once per campaign**.

    Every try of the task, every second copy of it and every task with the same ``campaign_id`` shares one ledger: a
    request that may have arrived is never repeated. Afterwards the results table says what became of every row.

    :param recipients: the table: path or URI of Parquet (file, folder or glob), a pandas or polars DataFrame, an Arrow
        table, a list of dicts, or the output of a task that is one of these.
    :param template_id: the template of all rows.
    :param template_id_column: the column that names each row's template, instead of ``template_id``.
    :param sender_id: the sender of all rows, at most 11 characters; ``""`` for none.
    :param sender_id_column: the column that names each row's sender, instead of ``sender_id``.
    :param phone_column: the column that holds the phones.
    :param param_columns: one column for each variable ``{1}``, ``{2}``, ... of the template, in order.
    :param params_column: a column that holds lists of parameters, instead of ``param_columns``.
    :param user_id_column: the column with your own mark of each person (at most 32 characters), echoed in failures.
    :param extend_code_column: the column with extend codes (digits).
    :param default_region: ISO 3166 alpha-2, such as ``HK``: reads phones without a country code.
    :param key_columns: what makes a recipient one recipient; left out, the normalised phone does.
    :param campaign_id: names the intention to text these people; whoever is texted under it is not texted again.
    :param chunk_size: recipients in one request, 1 to 1000.
    :param concurrency: requests in flight at once, per task instance.
    :param requests_per_second: no more than this many, per task instance; ``None``: no limit.
    :param max_recipients: a table with more recipients is refused before the first message.
    :param max_failure_ratio: stops the campaign once a larger share of the recipients answered so far was rejected,
        such as ``0.05``; judged as if at least 20 were answered (more for a small share).
    :param canary: so many recipients go first and alone; the others only if these are accepted.
    :param slice: which slice of the table this task instance sends, ``"1/8"`` to ``"8/8"``, chosen by the recipients'
        keys; map over :func:`slices`.
    :param results_conn_id: connection (``postgres``, ``mysql`` or ``sqlite``) of the database that holds the ledger
        and the results; ``None``: a SQLite file in ``AIRFLOW_HOME``, only where every try runs on one machine.
    :param results_table: the relation with one row per source row, ``name`` or ``schema.name``.
    :param dry_run: reads the table and the ledger, sends and writes nothing, returns the same summary.
    :param uspeedo_conn_id: the connection to USpeedo.
    :returns: the summary, see *Operator* in the documents; also pushed before a failure is raised.
    """

    template_fields: Sequence[str] = (
        "recipients", "template_id", "template_id_column", "sender_id", "sender_id_column", "phone_column",
        "param_columns",
        "params_column", "user_id_column", "extend_code_column", "default_region", "key_columns", "campaign_id",
        "chunk_size",
        "concurrency", "requests_per_second", "max_recipients", "max_failure_ratio", "canary", "slice",
        "results_conn_id", "results_table", "dry_run",
        "uspeedo_conn_id",
    )  # fmt: skip
    ui_color = "#d5f0e3"

    def __init__(
        self,
        *,
        recipients: Any,
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
        key_columns: Sequence[str] | str | None = None,
        campaign_id: str = "{{ dag.dag_id }}/{{ task.task_id }}/{{ run_id }}",
        chunk_size: int | str = 1000,
        concurrency: int | str = 4,
        requests_per_second: float | str | None = None,
        max_recipients: int | str | None = None,
        max_failure_ratio: float | str | None = None,
        canary: int | str | None = None,
        slice: str | Sequence[int] | None = None,  # noqa: A002 - what Airflow's users map over is named for what it is
        results_conn_id: str | None = None,
        results_table: str = RESULTS_TABLE,
        dry_run: bool | str = False,
        uspeedo_conn_id: str = USpeedoHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.recipients = recipients
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
        self.key_columns = key_columns
        self.campaign_id = campaign_id
        self.chunk_size = chunk_size
        self.concurrency = concurrency
        self.requests_per_second = requests_per_second
        self.max_recipients = max_recipients
        self.max_failure_ratio = max_failure_ratio
        self.canary = canary
        self.slice = slice
        self.results_conn_id = results_conn_id
        self.results_table = results_table
        self.dry_run = dry_run  # type: ignore[assignment, method-assign] # a template field needs its argument's name
        self.uspeedo_conn_id = uspeedo_conn_id
        self._halt: StopSignal | None = None
        self._told_to_end = False

    @property
    def recipients(self) -> Any:
        """The table as it was given. Rows are wrapped: Airflow writes template fields to its database and pages."""
        return self._recipients

    @recipients.setter
    def recipients(self, given: Any) -> None:
        self._recipients = Rows.hiding(given)

    def execute(self, context: Any) -> dict[str, Any]:
        """Sends what is not sent yet.

        :raises AirflowException: a later try can mend it.
        :raises AirflowFailException: only a person can.
        """
        try:
            return self._execute(context)
        except (SourceNotFound, LedgerUnavailable) as error:
            page = (
                "docs/runbook.md#table-not-there"
                if isinstance(error, SourceNotFound)
                else "docs/runbook.md#ledger-away"
            )
            text = f"{error} Nothing more was sent; a later try may find it mended. See {page}."
            raise AirflowException(text) from None
        except CampaignHalted as error:
            raise AirflowFailException(f"{error} See docs/runbook.md#{error.section}.") from None
        except (ConfigurationError, LedgerError) as error:
            raise AirflowFailException(f"{error} See docs/runbook.md#refused-before-sending.") from None
        except AirflowException:
            raise
        except Exception as error:  # noqa: BLE001 - the edge: what nobody foresaw may quote the row it met
            raise AirflowException(f"{self._unforeseen(error)} See docs/runbook.md#unforeseen.") from None

    def _execute(self, context: Any) -> dict[str, Any]:
        from airflow_provider_uspeedo.campaign.process_settings import tuned
        from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
        from airflow_provider_uspeedo.hooks.ledger_connection import open_ledger

        self._halt = StopSignal()
        if self._told_to_end:  # while Airflow was still preparing the task: it does not tell it twice
            self._told_to_end = False
            self._halt.stop()
        order = arguments.order_of(self, context)
        ledger = open_ledger(
            arguments.text_or_none(self.results_conn_id), arguments.text_or_none(self.results_table) or RESULTS_TABLE
        )
        hook = USpeedoHook(arguments.text_or_none(self.uspeedo_conn_id) or USpeedoHook.default_conn_name)
        try:
            if arguments.switch("dry_run", self.dry_run):
                return self._finish(context, self._rehearse(order, ledger, hook))
            with tuned():
                report = self._campaign(order, ledger, hook, self._halt)
            return self._conclude(context, order, report)
        finally:
            hook.close()
            ledger.close()

    def _rehearse(self, order: CampaignConfig, ledger: Ledger, hook: USpeedoHook) -> Summary:
        from airflow_provider_uspeedo.campaign.dry_run import rehearse
        from airflow_provider_uspeedo.campaign.preflight import prepare

        reading = prepare(order, Rows.unwrap(self.recipients), hook.query_templates)
        summary = self._placed(rehearse(order, reading, ledger))
        self.log.info("Dry run, nothing was sent. %s", describe(summary))
        return summary

    def _campaign(self, order: CampaignConfig, ledger: Ledger, hook: USpeedoHook, halt: StopSignal) -> Report:
        """Runs the campaign in a thread of its own: on Airflow 2 a termination is raised in the main one."""
        from airflow_provider_uspeedo.campaign.campaign import Campaign
        from airflow_provider_uspeedo.campaign.preflight import prepare

        reading = prepare(order, Rows.unwrap(self.recipients), hook.query_templates)
        ledger.prepare()
        campaign = Campaign(order, reading, ledger, hook.client.send_written, halt, patience=hook.config.timeout)
        with ThreadPoolExecutor(1, thread_name_prefix="uspeedo-campaign") as thread:
            running = thread.submit(campaign.run)
            try:
                return running.result()
            except BaseException:
                halt.stop()  # leaving the block waits until what is in flight has been settled
                raise

    def _conclude(self, context: Any, order: CampaignConfig, report: Report) -> dict[str, Any]:
        """Tells the summary, then fails the task if it must."""
        found = self._placed(report.summary)
        summary = self._finish(context, found)
        decision = decide(
            found,
            phone_column=order.columns.phone,
            cause=self._in_words(report.cause),
            halted=report.cause.section if isinstance(report.cause, CampaignHalted) else "",
            stopped=report.stopped,
            elsewhere=report.elsewhere,
            complete=report.complete,
            sliced=not order.slice_.is_whole,
        )
        if decision.end is End.SUCCESS:
            self.log.info("%s", decision.message)
            return summary
        context["ti"].xcom_push(key="return_value", value=summary)
        raise (AirflowException if decision.end is End.RETRY else AirflowFailException)(decision.message)

    def _placed(self, summary: Summary) -> Summary:
        """The summary, with the connection under which its results are found."""
        return replace(summary, results_conn_id=arguments.text_or_none(self.results_conn_id))

    def _finish(self, context: Any, summary: Summary) -> dict[str, Any]:
        told = summary.to_xcom()
        for key in ("session_nos", "failures"):
            context["ti"].xcom_push(key=key, value=told[key])
        return told

    def _in_words(self, cause: BaseException | None) -> str:
        if cause is None or isinstance(cause, USpeedoError):
            return str(cause or "")
        return self._unforeseen(cause)

    def _unforeseen(self, error: BaseException) -> str:
        """Logs where an error came from, and not its text, which may hold a phone."""
        where = "".join(traceback.format_tb(error.__traceback__))
        self.log.error("Unforeseen %s:\n%s", type(error).__name__, where)
        return f"Unforeseen {type(error).__name__}; the log says where."

    def on_kill(self) -> None:
        """Stops before the next request; what is in flight is settled as its answers come in."""
        if self._halt is None:
            self._told_to_end = True
        else:
            self._halt.stop()
