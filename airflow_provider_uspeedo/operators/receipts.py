# SPDX-License-Identifier: Apache-2.0
"""The operator that collects delivery receipts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseSensorOperator, conf

from airflow_provider_uspeedo.core.exit_policy import End
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.what_to_do import what_to_do
from airflow_provider_uspeedo.errors import (
    CallError,
    CampaignHalted,
    ConfigurationError,
    LedgerError,
    LedgerUnavailable,
    Refused,
)
from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation
from airflow_provider_uspeedo.hooks.page_address import announce_runbook
from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook
from airflow_provider_uspeedo.links.campaign_links import CampaignLink, ResultsQueryLink
from airflow_provider_uspeedo.operators.arguments import text_or_none
from airflow_provider_uspeedo.operators.lineage import LineageDataset, ReportsLineage, dataset_of_results
from airflow_provider_uspeedo.operators.observability import describe_outlets
from airflow_provider_uspeedo.operators.receipt_arguments import collection_config_of
from airflow_provider_uspeedo.operators.rendering import TextRendering
from airflow_provider_uspeedo.operators.unexpected_error import log_unexpected
from airflow_provider_uspeedo.operators.unrendered import refuse_unrendered
from airflow_provider_uspeedo.operators.waiting import reschedule, time_trigger
from airflow_provider_uspeedo.operators.without_airflow import with_task_instance

if TYPE_CHECKING:
    from airflow_provider_uspeedo.ledger.results.receipt_ledger import ReceiptLedger
    from airflow_provider_uspeedo.receipts.collection import Collection
    from airflow_provider_uspeedo.receipts.collection_config import CollectionConfig

DEFAULT_DEFERRABLE = conf.getboolean("operators", "default_deferrable", fallback=False)
RESCHEDULE = "reschedule"


class CollectSMSReceiptsOperator(TextRendering, ReportsLineage, BaseSensorOperator):
    """Collects the delivery receipts of a campaign into its results, until every message has a final one.

    It asks only for messages without a final receipt, first some minutes after they were sent, then at growing
    intervals. All times count from the last answer in the ledger, so that a retry restarts none of them. It sends
    nothing, and two of them at once do no harm.

    It is a sensor so that Airflow can reschedule it; the arguments ``poke_interval``, ``timeout`` and ``soft_fail`` of
    sensors have no effect. With ``mode="poke"`` it keeps its worker slot.

    :param campaign_id: the campaign, as the task that sent it names it.
    :param session_nos: only these sessions, such as ``send.output["session_nos"]``; without ``campaign_id``, the
        requests of all campaigns are looked through for them.
    :param results_conn_id: the connection of the ledger, as the task that sends has it; by default the setting
        ``[uspeedo] results_conn_id``, else the SQLite file.
    :param results_table: the relation of the results; likewise.
    :param uspeedo_conn_id: the connection to USpeedo.
    :param first_after: when to ask first, counted from the last answer to a request; a timedelta, or seconds.
    :param deadline: when to stop, counted likewise; what has no final receipt then is ``pending``.
    :param until: the share of messages with a final receipt that is enough, such as ``0.98``.
    :param min_delivery_rate: fails at the end if less than this share of the messages with a final receipt was
        delivered, or none has one. ``None``: never.
    :param deferrable: sleeps in the triggerer between two queries.
    :returns: counts by result and country, the delivery rate, segments and the most frequent reasons; see *Operator*.
    """

    template_fields: Sequence[str] = (
        "campaign_id", "session_nos", "results_conn_id", "results_table", "uspeedo_conn_id", "first_after", "deadline",
        "until", "min_delivery_rate",
    )  # fmt: skip
    ui_color = "#d5e8f0"
    operator_extra_links = (CampaignLink(), ResultsQueryLink())

    def __init__(
        self,
        *,
        campaign_id: str | None = None,
        session_nos: Any = None,
        results_conn_id: str | None = None,
        results_table: str | None = None,
        uspeedo_conn_id: str = USpeedoHook.default_conn_name,
        first_after: timedelta | float | str = timedelta(minutes=5),
        deadline: timedelta | float | str = timedelta(hours=12),
        until: float | str = 1.0,
        min_delivery_rate: float | str | None = None,
        deferrable: bool = DEFAULT_DEFERRABLE,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("mode", RESCHEDULE)
        super().__init__(**kwargs)
        if campaign_id is None and session_nos is None:
            raise ConfigurationError("Neither campaign_id nor session_nos is given: name the campaign to ask for.")
        self.campaign_id = campaign_id
        self.session_nos = session_nos
        self.results_conn_id = results_conn_id
        self.results_table = results_table
        self.uspeedo_conn_id = uspeedo_conn_id
        self.first_after = first_after
        self.deadline = deadline
        self.until = until
        self.min_delivery_rate = min_delivery_rate
        self.deferrable = deferrable
        self._killed = _Killed()
        self._messages: int | None = None

    def execute(self, context: Any) -> dict[str, Any]:
        """Asks for receipts, now or when it is time, until there is nothing left to wait for.

        :raises AirflowException: a retry can succeed.
        :raises AirflowFailException: it needs manual action.
        """
        return self._collect(context)

    def resume(self, context: Any, event: Any = None) -> dict[str, Any]:  # noqa: ARG002 - the time that was waited for
        """Goes on after a sleep in the triggerer: everything is read again."""
        return self._collect(context)

    def on_kill(self) -> None:
        """Ends a wait; a call that is out only reads."""
        self._killed.set()

    def lineage_outputs(self) -> Sequence[LineageDataset]:
        """The results relation, whose columns of receipts are filled."""
        return (dataset_of_results(LedgerLocation.of(self.results_conn_id, self.results_table), self._messages),)

    def _collect(self, context: Any) -> dict[str, Any]:
        announce_runbook()
        try:
            return self._run(with_task_instance(self, context))
        except LedgerUnavailable as error:
            raise AirflowException(f"{error} What was recorded stays. {what_to_do('ledger-away')}") from None
        except CampaignHalted as error:
            raise AirflowFailException(f"{error} {what_to_do(error.section)}") from None
        except Refused as error:
            raise AirflowFailException(f"{error} {what_to_do('receipts-refused')}") from None
        except CallError as error:
            raise AirflowException(f"{error} {what_to_do('receipts-refused')}") from None
        except (ConfigurationError, LedgerError) as error:
            raise AirflowFailException(f"{error} {what_to_do('receipts-refused')}") from None
        except AirflowException:
            raise
        except Exception as error:  # noqa: BLE001 - the edge: an unexpected error may quote a phone
            raise AirflowException(f"{log_unexpected(self.log, error)} {what_to_do('unforeseen')}") from None

    def _run(self, context: Any) -> dict[str, Any]:
        from airflow_provider_uspeedo.ledger.results.receipt_ledger import ReceiptLedger

        refuse_unrendered(self)
        config = collection_config_of(self)
        ledger = LedgerLocation.of(self.results_conn_id, self.results_table).open_ledger()
        hook = USpeedoHook(text_or_none(self.uspeedo_conn_id) or USpeedoHook.default_conn_name)
        try:
            return self._ask_until_done(context, config, ReceiptLedger(ledger), hook)
        finally:
            hook.close()
            ledger.close()

    def _ask_until_done(
        self, context: Any, config: CollectionConfig, ledger: ReceiptLedger, hook: USpeedoHook
    ) -> dict[str, Any]:
        from airflow_provider_uspeedo.receipts.collection import Collection, report
        from airflow_provider_uspeedo.receipts.schedule import Schedule

        requests = ledger.sent_requests(config.campaign_id, config.session_nos)
        known = {name for request in requests for name in request.session_nos}
        strangers = [name for name in config.session_nos or () if name not in known]
        collection = Collection(ledger, hook.client.ask_receipts, requests, strangers)
        answered = [request.settled_at for request in requests if request.settled_at is not None]
        schedule = Schedule(
            max(answered).replace(tzinfo=UTC) if answered else _now(), config.first_after, config.deadline
        )
        self._wait_until(schedule.first(_now()), collection, config)
        while strangers or not collection.totals.is_complete(config.until):
            strangers = []  # asked for once, and not waited for
            failed = self._ask(collection, report)
            if collection.totals.is_complete(config.until):
                break
            if schedule.is_over(_now()):
                if failed is not None:
                    raise failed
                break
            self._wait_until(schedule.following(_now()), collection, config)
        return self._conclude(context, config, ledger, collection)

    def _ask(self, collection: Collection, report: Any) -> CallError | None:
        """Asks once. An API that does not answer is asked again later; that is no reason to fail yet."""
        from airflow_provider_uspeedo.process_settings import process_settings

        try:
            with process_settings():
                asked = collection.ask()
            report(asked)
        except Refused:
            raise
        except CallError as error:
            self.log.warning("Receipts could not be asked for now: %s", error)
            return error
        return None

    def _wait_until(self, moment: datetime, collection: Collection, config: CollectionConfig) -> None:
        """Returns at that moment, or leaves the worker and never returns."""
        from airflow_provider_uspeedo.receipts.conclusion import describe

        if collection.totals.is_complete(config.until) or moment <= _now():
            return
        said = f"{describe(collection.totals)} Receipts are asked for at {moment:%Y-%m-%d %H:%M:%S} UTC"
        if self.deferrable:
            self.log.info("%s; until then the task is deferred.", said)
            self.defer(trigger=time_trigger()(moment=moment), method_name="resume")
        if self.mode == RESCHEDULE:
            self.log.info("%s; until then the task is rescheduled.", said)
            reschedule(moment)
        self.log.info(
            "%s; until then the task waits in its worker slot, since its mode is %r. With deferrable=True or "
            "mode='reschedule' it needs none.",
            said,
            self.mode,
        )
        while (left := (moment - _now()).total_seconds()) > 0:
            if self._killed.wait(left):
                self._stopped()

    def _stopped(self) -> NoReturn:
        raise AirflowException(f"The task was stopped; what was recorded stays. {what_to_do('stopped')}")

    def _conclude(
        self, context: Any, config: CollectionConfig, ledger: ReceiptLedger, collection: Collection
    ) -> dict[str, Any]:
        """Returns the totals, or pushes them and fails the task."""
        from airflow_provider_uspeedo.receipts.conclusion import conclude, describe_not_asked

        campaigns = {request.campaign_id: request.campaign_no for request in collection.requests}
        name = config.campaign_id or (next(iter(campaigns)) if len(campaigns) == 1 else None)
        found = collection.totals.to_xcom(name, ledger.reasons(collection.requests))
        if contradicted := ledger.contradicted(collection.requests):
            self.log.warning(
                "Receipts say that the carrier had %s that are rejected: they stay so. %s",
                counted(contradicted, "message"),
                what_to_do("receipts-contradict"),
            )
        for number_ in sorted(campaigns.values()) if config.session_nos is None else ():
            if said := describe_not_asked(ledger.not_to_be_asked(number_)):
                self.log.warning("%s", said)
        about = f"Campaign {name!r}." if name else f"{len(config.session_nos or ()):,} sessions."
        self._messages = found["messages"]
        describe_outlets(context, self.outlets, {key: value for key, value in found.items() if key != "reasons"})
        conclusion = conclude(collection.totals, config, about)
        if conclusion.end is End.SUCCESS:
            self.log.log(logging.WARNING if conclusion.warns else logging.INFO, "%s", conclusion.message)
            return found
        context["ti"].xcom_push(key="return_value", value=found)
        raise AirflowFailException(conclusion.message)


class _Killed(threading.Event):
    """Set when the task is killed. Airflow 3.0 copies the tasks of a DAG to test it, and a lock cannot be copied."""

    def __deepcopy__(self, _memo: dict[int, Any]) -> _Killed:
        return _Killed()


def _now() -> datetime:
    return datetime.now(UTC)
