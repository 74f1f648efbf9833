# SPDX-License-Identifier: Apache-2.0
"""The hook: makes a client of the API from an Airflow connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_uspeedo.core.contact_rules import NO_RULES
from airflow_provider_uspeedo.core.content import Target, TaskContent
from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.errors import CallError, ConfigurationError, Refused, USpeedoError
from airflow_provider_uspeedo.hooks.form import CONNECTION_FIELDS, UI_FIELD_BEHAVIOUR

if TYPE_CHECKING:
    import pandas as pd

    from airflow_provider_uspeedo.api.client import USpeedoClient
    from airflow_provider_uspeedo.api.client_config import ClientConfig
    from airflow_provider_uspeedo.api.response.receipt_answers import SessionReceipts
    from airflow_provider_uspeedo.api.response.send_answer import SendAnswer
    from airflow_provider_uspeedo.api.response.templates import Template

__all__ = ["Target", "TaskContent", "USpeedoHook"]


class USpeedoHook(BaseHook):
    """Talks to USpeedo with an Airflow connection.

    :param uspeedo_conn_id: a connection of type ``uspeedo``: login is the AccessKeyId, password the AccessKeySecret,
        host the base URL, extra may hold ``account_id``, ``api``, ``timeout``, ``verify``, ``proxies``, ``allow_http``,
        ``policy``.
    """

    conn_name_attr = "uspeedo_conn_id"
    default_conn_name = "uspeedo_default"
    conn_type = "uspeedo"
    hook_name = "USpeedo"

    def __init__(self, uspeedo_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.uspeedo_conn_id = uspeedo_conn_id

    @cached_property
    def config(self) -> ClientConfig:
        """The connection, checked.

        :raises ConfigurationError: there is no such connection, or a field of it is wrong; the message names it.
        """
        from airflow_provider_uspeedo.api.client_config import ClientConfig

        try:
            connection = self.get_connection(self.uspeedo_conn_id)
        except AirflowNotFoundException:
            from airflow_provider_uspeedo.hooks.ledger_connection import unknown_connection

            raise unknown_connection("uspeedo_conn_id", self.uspeedo_conn_id) from None
        try:
            return ClientConfig.from_connection(
                login=connection.login,
                password=connection.password,
                host=connection.host,
                port=connection.port,
                schema=connection.schema,
                extra=connection.extra_dejson,
                conn_id=self.uspeedo_conn_id or "",
            )
        except ConfigurationError as error:
            raise ConfigurationError(f"Connection {self.uspeedo_conn_id!r}: {error}") from None

    @cached_property
    def client(self) -> USpeedoClient:
        """The client; threads may share it."""
        from airflow_provider_uspeedo.api.client import USpeedoClient

        return USpeedoClient(self.config)

    def get_conn(self) -> USpeedoClient:
        """The client, under the name that Airflow's hooks use."""
        return self.client

    def close(self) -> None:
        """Closes the connections, if any were made."""
        if "client" in self.__dict__:
            self.client.close()

    def send_batch(self, task_content: Sequence[TaskContent | Mapping[str, object]]) -> SendAnswer:
        """Sends up to 1000 messages with one call, without a ledger.

        A second call sends them again; use
        :class:`~airflow_provider_uspeedo.operators.sms.SendBatchSMSOperator`
        where a task may run twice. Only a call that was surely not accepted is repeated.

        :param task_content: groups of targets, each with one template and one sender; at most 1000 phones over all
            groups, none twice. :class:`.TaskContent`, or mappings as the API's documents write them.
        :raises ConfigurationError: the content must not be sent, or the connection has a contact policy: who was texted
            when, and who may not be texted, is known only to the operator.
        :raises NotSent: no message was sent, after several attempts; it is safe to repeat the call.
        :raises Refused: the API refused the call as a whole; no message was sent.
        :raises OutcomeUnknown: it may have been accepted: do not repeat it.
        """
        return self._send_without_ledger("send_batch", task_content)

    def send_sms(self, phone: str, template_id: str, params: Sequence[str] = (), sender_id: str = "") -> SendAnswer:
        """Sends one message, without a ledger.

        A second call sends it again, and so does a task that runs twice: for a message that must not come twice, use
        :class:`~airflow_provider_uspeedo.operators.sms.SendBatchSMSOperator` with a table of one row, or
        :class:`~airflow_provider_uspeedo.notifications.sms.USpeedoNotifier`. Only a call that was surely not accepted
        is repeated.

        :param phone: with its country code, such as ``+85255311111`` or ``(852)55311111``.
        :param template_id: an approved template.
        :param params: one text for each variable ``{1}``, ``{2}``, ... of the template, in order.
        :param sender_id: at most 11 characters, or ``""`` for none.
        :returns: the answer; a message that was rejected is in its ``failures``, with the reason.
        :raises ConfigurationError: an argument cannot be sent, or the connection has a contact policy; nothing was
            sent. The text of the error does not hold the phone or a parameter.
        :raises NotSent: no message was sent, after several attempts; it is safe to repeat the call.
        :raises Refused: the API refused the call as a whole; no message was sent.
        :raises OutcomeUnknown: it may have been accepted: do not repeat it.
        """
        from airflow_provider_uspeedo.hooks.one_message import one_message

        return self._send_without_ledger("send_sms", [one_message(phone, template_id, params, sender_id)])

    def _send_without_ledger(
        self, method: str, task_content: Sequence[TaskContent | Mapping[str, object]]
    ) -> SendAnswer:
        """One call of the API, repeated only where it was surely not accepted.

        :param method: the public method, for messages.
        """
        from airflow_provider_uspeedo.api.http.backoff import retry_not_sent

        if self.config.policy != NO_RULES:
            raise ConfigurationError(
                f"Connection {self.uspeedo_conn_id!r} has a contact policy, and {method} has no ledger to keep it "
                "by. Nothing was sent: use SendBatchSMSOperator, or a connection without the extra 'policy'."
            )
        answer: SendAnswer = retry_not_sent()(self.client.send_batch, task_content)
        return answer

    def get_receipts(self, session_nos: Sequence[str]) -> list[SessionReceipts]:
        """The carriers' delivery receipts of any number of sessions, queried 100 at a time, in the order given.

        :raises CallError: after several attempts, if a call got no usable answer.
        """
        return self.client.get_receipts(session_nos)

    def query_templates(self, template_ids: Sequence[str]) -> list[Template]:
        """The templates with these ids; one that does not exist is missing from the list.

        :raises CallError: after several attempts, if a call got no usable answer.
        """
        return self.client.query_templates(template_ids)

    def get_results_df(
        self,
        campaign_id: str,
        results_conn_id: str | None = None,
        results_table: str | None = None,
        statuses: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """The outcome of every row of a campaign, as a DataFrame with the columns of the results table.

        It holds phones: do not push it to XCom.

        :param results_conn_id: the connection of the ledger; not given: the setting ``[uspeedo] results_conn_id``, then
            the SQLite file in ``AIRFLOW_HOME``.
        :param results_table: likewise; then ``uspeedo_results``.
        :param statuses: only rows with these, such as ``["rejected", "unknown"]``; by default all.
        :raises ConfigurationError: ``statuses`` has another word, the ledger cannot be opened, or a setting leads to
            another ledger than the SQLite file that holds the campaign.
        """
        import pandas as pd

        if statuses is not None and (isinstance(statuses, str) or not set(statuses) <= set(STATUSES)):
            raise ConfigurationError(f"statuses must be a list of some of {', '.join(STATUSES)}.")
        from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation
        from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS

        location = LedgerLocation.of(results_conn_id, results_table)
        ledger = location.open_queries()
        try:
            location.refuse_left_behind(campaign_id, ledger)
            rows = [row for portion in ledger.results(campaign_id, statuses) for row in portion]
        finally:
            ledger.close()
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        whole = dict.fromkeys(("row_number", "ret_code", "cost_count"), "Int64")
        times = {
            name: pd.to_datetime(frame[name], utc=True).dt.as_unit(
                "us"
            )  # the same type in every pandas, with rows or without
            for name in ("claimed_at", "settled_at", "receipt_at")
        }
        return frame.astype(whole).assign(**times).sort_values("row_number", ignore_index=True)

    def test_connection(self) -> tuple[bool, str]:
        """Sends a query without effect: true if the API answers it with this key. The message holds no secret."""
        try:
            return self._send_query()
        except USpeedoError as error:
            return False, str(error)

    def _send_query(self) -> tuple[bool, str]:
        try:
            self.client.query_templates(["connection-test"])
        except Refused as refused:
            from airflow_provider_uspeedo.api.response.codes import refuses_every_call

            if refuses_every_call(refused.ret_code):
                raise
        except CallError as error:
            place = self.config.place
            return False, str(error) if place in str(error) else f"{place} does not answer like USpeedo: {error}"
        return True, f"{self.config.place} answers and accepts the key."

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """The standard fields of the form, for Airflow 2 (Airflow 3 reads the provider's metadata)."""
        return {name.replace("-", "_"): value for name, value in UI_FIELD_BEHAVIOUR.items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The extra fields of the form, for Airflow 2 (Airflow 3 reads the provider's metadata)."""
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
        from flask_babel import lazy_gettext
        from wtforms import BooleanField, StringField

        def field(name: str, about: Mapping[str, Any]) -> Any:
            label, description = lazy_gettext(about["label"]), about["description"]
            if name == "allow_http":
                return BooleanField(label, description=description)
            return StringField(label, widget=BS3TextFieldWidget(), description=description)

        return {name: field(name, about) for name, about in CONNECTION_FIELDS.items()}
