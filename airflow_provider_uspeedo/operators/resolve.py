# SPDX-License-Identifier: Apache-2.0
"""The operator that asks a person about unknown outcomes, and records the answer. Needs Airflow 3.1 or newer.

On an older Airflow, importing this module raises an ``ImportError`` that says what to use instead.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.what_to_do import what_to_do
from airflow_provider_uspeedo.errors import CampaignHalted, ConfigurationError, LedgerError, LedgerUnavailable
from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation
from airflow_provider_uspeedo.links.campaign_links import CampaignLink, ResultsQueryLink
from airflow_provider_uspeedo.operators.arguments import text_or_none
from airflow_provider_uspeedo.operators.human_input import (
    HAS_RESPONSE_TIMEOUT,
    WAITING,
    HITLOperator,
    ParamsDict,
    put_question,
)
from airflow_provider_uspeedo.operators.lineage import LineageDataset, ReportsLineage, dataset_of_results
from airflow_provider_uspeedo.operators.observability import describe_outlets
from airflow_provider_uspeedo.operators.rendering import TextRendering
from airflow_provider_uspeedo.operators.unexpected_error import log_unexpected
from airflow_provider_uspeedo.operators.unknown_question import (
    ALL_NOT_SENT,
    ALL_SENT,
    ASKED_AGAIN,
    LEAVE_ALL,
    Answers,
    ShownRequest,
    UnknownQuestion,
    body,
    subject,
)
from airflow_provider_uspeedo.operators.unrendered import refuse_unrendered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin

MAX_REQUESTS = 100
"""Requests that one question is about, the oldest."""
MAX_NAME = 200
"""Characters of a name that a ledger keeps."""
UNNAMED = "a user of Airflow without a name"


class ResolveUnknownOperator(TextRendering, ReportsLineage, HITLOperator):
    """Asks a person whether the unknown recipients of a campaign were sent a message, and records the answer.

    The question is a *Required Action* in Airflow's pages: how many recipients, in which requests, and what to ask
    USpeedo. Nothing is chosen beforehand. The answer is kept in the ledger with the name of the person. Without
    unknown recipients the task is skipped at once. While it waits it needs no worker.

    Only what was shown is decided on. If a request has changed since, or some are left unknown, the task fails and
    says so; clear it to be asked again. A retry repeats only what a machine has broken.

    :param campaign_id: the campaign, as the task that sent it names it.
    :param results_conn_id: the connection of the ledger, as the task that sends has it; by default the setting
        ``[uspeedo] results_conn_id``, else the SQLite file.
    :param results_table: the relation of the results; likewise.
    :param assigned_users: only these users of Airflow may answer: one ``{"id": ..., "name": ...}`` or a list of them.
    :param response_timeout: how long to wait for an answer; then nothing is recorded and the task fails. ``None``: for
        ever.
    :param kwargs: ``notifiers``, which say that a person is asked, and all that an operator takes.
    :returns: how many recipients were called what, and by whom; see *Resolving*.
    """

    ALL_SENT = ALL_SENT
    ALL_NOT_SENT = ALL_NOT_SENT
    LEAVE_ALL = LEAVE_ALL
    template_fields: Collection[str] = ("campaign_id", "results_conn_id", "results_table")
    ui_color = "#f0dfd5"
    operator_extra_links = (CampaignLink(), ResultsQueryLink())

    def __init__(
        self,
        *,
        campaign_id: str,
        results_conn_id: str | None = None,
        results_table: str | None = None,
        assigned_users: Any = None,
        response_timeout: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        if given := sorted({"subject", "body", "options", "defaults", "multiple"} & set(kwargs)):
            raise ConfigurationError(
                f"ResolveUnknownOperator makes {', '.join(given)} itself, of the ledger: leave it out."
            )
        if HAS_RESPONSE_TIMEOUT:
            kwargs["response_timeout"] = response_timeout
        super().__init__(
            subject="Unknown outcomes",
            options=[ALL_SENT, ALL_NOT_SENT, LEAVE_ALL],
            assigned_users=assigned_users,
            **kwargs,
        )
        self.campaign_id = campaign_id
        self.results_conn_id = results_conn_id
        self.results_table = results_table
        if not HAS_RESPONSE_TIMEOUT:
            self.response_timeout = response_timeout
        self._decided: int | None = None
        self.params = ParamsDict({})  # the form asks for nothing else: not for the params of the DAG either

    def execute(self, context: Any) -> None:
        """Asks, and leaves the worker until there is an answer.

        :raises AirflowSkipException: nothing is unknown.
        :raises AirflowException: a retry can succeed.
        :raises AirflowFailException: it needs manual action.
        """
        with self._airflow_errors(), self._ledger() as admin:
            question = self._ask(admin, context["task_instance"])
        if not HAS_RESPONSE_TIMEOUT and self.response_timeout is not None:
            self.execution_timeout = self.response_timeout
        try:
            super().execute(context)
        except WAITING as signal:
            wait: Any = signal
            wait.kwargs = {**(wait.kwargs or {}), "shown": question.to_json()}
            raise

    def execute_complete(
        self, context: Any, event: dict[str, Any], shown: Sequence[Sequence[Any]] | None = None
    ) -> dict[str, Any]:
        """Records the answer; runs in another process than the question, maybe days later.

        :param shown: the question, as Airflow kept it.
        :raises AirflowException: a retry can succeed: it asks about what is not recorded.
        :raises AirflowFailException: something is still unknown; the return value is pushed before.
        """
        question = UnknownQuestion.from_json(shown or [])
        self.options, self.multiple = question.options, question.single
        with self._airflow_errors():
            if not question.requests:
                raise ConfigurationError(f"Airflow did not keep what was asked. Nothing was recorded. {ASKED_AGAIN}")
            if "error" in event:
                self._refuse_without_answer(event, question)
            answers = question.read(list(event["chosen_options"] or ()))
            super().execute_complete(context, event)
            with self._ledger() as admin:
                return self._record(context, admin, answers, _name(event.get("responded_by_user")))

    def lineage_outputs(self) -> Sequence[LineageDataset]:
        """The results relation, with as many rows as were decided on."""
        return (dataset_of_results(LedgerLocation.of(self.results_conn_id, self.results_table), self._decided),)

    def _ask(self, admin: LedgerAdmin, task_instance: Any) -> UnknownQuestion:
        """Sets what Airflow shows, and returns what it shows indeed."""
        campaign_id = self._campaign()
        requests = admin.unknown_requests(campaign_id, limit=MAX_REQUESTS)
        if not requests:
            decided = admin.decisions(campaign_id)
            last = f" The last decision: {_described(decided[-1])}." if decided else ""
            raise AirflowSkipException(f"Campaign {campaign_id!r} has no unknown outcomes: nothing to resolve.{last}")
        question = UnknownQuestion.about(requests)
        self.subject = subject(campaign_id, question)
        self.body = body(campaign_id, requests, admin.count_unknown(campaign_id).recipients)
        self.options, self.multiple = question.options, question.single
        shown = put_question(self, task_instance)
        if shown not in (None, self.body):
            question = self._first_question(UnknownQuestion.in_body(shown), question)
        self.log.info(
            "Campaign %r: %s in %s may or may not have been sent a message; a person is asked.",
            campaign_id,
            counted(question.recipients, "recipient"),
            counted(len(question.requests), "request"),
        )
        return question

    def _first_question(self, first: UnknownQuestion, now: UnknownQuestion) -> UnknownQuestion:
        """After a retry or a Clear, Airflow shows the question that this task asked first: only that is answered.

        :raises ConfigurationError: there is nothing left to answer of it.
        """
        open_ = first.unchanged(now)
        if not open_.requests:
            raise ConfigurationError(
                f"Airflow shows the question that this task asked first, and none of its requests is unknown any more "
                f"as it says. {counted(now.recipients, 'recipient')} of other requests are: resolve them with "
                "`airflow-uspeedo resolve`, or with a new run of this DAG. Nothing was recorded."
            )
        if first != now:
            self.log.warning(
                "Airflow shows the question that this task asked first: about %s. An answer counts only for %s that "
                "are still unknown, as shown: %s.",
                counted(len(first.requests), "request"),
                counted(len(open_.requests), "request"),
                ", ".join(one.id for one in open_.requests),
            )
        self.options, self.multiple = first.options, first.single
        return first

    def _refuse_without_answer(self, event: Mapping[str, Any], question: UnknownQuestion) -> NoReturn:
        said = (
            f"Nobody answered within {self.response_timeout}"
            if event.get("error_type") == "timeout"
            else "Airflow did not pass the answer on"
        )
        raise AirflowFailException(
            f"{said}: nothing was recorded, and {counted(question.recipients, 'recipient')} of campaign "
            f"{self._campaign()!r} may or may not have been sent a message. {ASKED_AGAIN} {what_to_do('unknown')}"
        )

    def _record(self, context: Any, admin: LedgerAdmin, answers: Answers, by: str) -> dict[str, Any]:
        """Applies an answer request by request; each is one transaction, so that a repetition finds the rest."""
        campaign_id, changed = self._campaign(), 0
        counts = {"sent": 0, "not_sent": 0}
        for outcome, requests in (("sent", answers.sent), ("not_sent", answers.not_sent)):
            for request in requests:
                done = self._resolve(admin, request, outcome == "sent", by)
                counts[outcome] += done
                changed += request.recipients - done
        self._decided = sum(counts.values())
        unknown = admin.count_unknown(campaign_id).recipients
        left = sum(one.recipients for one in answers.left)
        found = {"campaign_id": campaign_id, **counts, "left": left, "changed": changed, "unknown": unknown, "by": by}
        said = (
            f"Recorded for campaign {campaign_id!r}, by {by}: {counted(counts['sent'], 'recipient')} sent, "
            f"{counts['not_sent']:,} not sent."
        )
        describe_outlets(context, self.outlets, {key: value for key, value in found.items() if key != "by"})
        if not unknown:
            self.log.info("%s No outcome is unknown any more.", said)
            return found
        context["ti"].xcom_push(key="return_value", value=found)
        why = f" The answer left {left:,} of them." if left else ""
        if changed:
            why += f" Requests with {counted(changed, 'recipient')} are not as shown, or may still arrive: see the log."
        raise AirflowFailException(
            f"{said} Still unknown: {counted(unknown, 'recipient')}.{why} {ASKED_AGAIN} {what_to_do('unknown')}"
        )

    def _resolve(self, admin: LedgerAdmin, request: ShownRequest, as_sent: bool, by: str) -> int:
        """Decides on one request if it is as it was shown; returns on how many recipients."""
        try:
            return admin.resolve(
                self._campaign(), as_sent=as_sent, by=by, request=request.id, expected=request.recipients
            )
        except ConfigurationError as error:
            self.log.warning("Request %s is not what was shown, or it may still be answered: %s", request.id, error)
            return 0

    def _campaign(self) -> str:
        name = (text_or_none(self.campaign_id) or "").strip()
        if not name:
            raise ConfigurationError("campaign_id is empty: name the campaign as the task that sent it does.")
        return name

    def _ledger(self) -> LedgerAdmin:
        from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin

        refuse_unrendered(self)
        return LedgerAdmin(LedgerLocation.of(self.results_conn_id, self.results_table).open_queries())

    @contextmanager
    def _airflow_errors(self) -> Iterator[None]:
        """Turns errors into Airflow's, which say whether a retry can help."""
        try:
            yield
        except LedgerUnavailable as error:
            raise AirflowException(f"{error} What was recorded stays. {what_to_do('ledger-away')}") from None
        except CampaignHalted as error:
            raise AirflowFailException(f"{error} {what_to_do(error.section)}") from None
        except (ConfigurationError, LedgerError) as error:
            raise AirflowFailException(f"{error} {what_to_do('unknown')}") from None
        except AirflowException:
            raise
        except Exception as error:  # noqa: BLE001 - the edge: an unexpected error may quote a phone
            raise AirflowException(f"{log_unexpected(self.log, error)} {what_to_do('unforeseen')}") from None


def _name(user: Any) -> str:
    """The name of the person who answered, as a ledger can keep it."""
    about = user if isinstance(user, Mapping) else vars(user) if hasattr(user, "__dict__") else {}
    written = str(about.get("name") or about.get("id") or "")
    return "".join(one for one in written if one.isprintable()).strip()[:MAX_NAME].strip() or UNNAMED


def _described(decision: Any) -> str:
    return (
        f"{counted(decision.recipients, 'recipient')} {decision.outcome}, by {decision.who} at "
        f"{decision.when:%Y-%m-%d %H:%M:%S} UTC"
    )
