# SPDX-License-Identifier: Apache-2.0
"""The API as one short method per action, for both of its generations."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypedDict

from airflow_provider_uspeedo.api.client_config import ClientConfig
from airflow_provider_uspeedo.api.http.backoff import QUERY_BACKOFF, Backoff, retry_query
from airflow_provider_uspeedo.api.http.messages import HttpRequest
from airflow_provider_uspeedo.api.http.transport import Transport
from airflow_provider_uspeedo.api.request import builders
from airflow_provider_uspeedo.api.request.body import WrittenContent
from airflow_provider_uspeedo.api.request.content_check import task_content_from
from airflow_provider_uspeedo.api.response.codes import NOT_FOUND
from airflow_provider_uspeedo.api.response.query_responses import read_query_response
from airflow_provider_uspeedo.api.response.receipt_answers import ReceiptsAnswer, SessionReceipts, read_receipts_answer
from airflow_provider_uspeedo.api.response.send_answer import SendAnswer, read_send_answer
from airflow_provider_uspeedo.api.response.templates import Template, read_templates
from airflow_provider_uspeedo.core.content import TaskContent
from airflow_provider_uspeedo.errors import CallError, OutcomeUnknown, Refused


class USpeedoClient:
    """Calls the API. Threads may share one; each uses its own connection.

    :param config: a checked configuration.
    :param query_backoff: how often receipts and templates are asked for if a call fails; a send is never repeated.
    """

    def __init__(self, config: ClientConfig, *, query_backoff: Backoff = QUERY_BACKOFF) -> None:
        self._config = config
        self._query_backoff = query_backoff
        self._transport = Transport(config)

    def send_batch(self, task_content: Sequence[TaskContent | Mapping[str, object]]) -> SendAnswer:
        """Send one request, exactly once; nothing is repeated and nothing is remembered.

        :param task_content: groups of targets, at most 1000 numbers over all groups and no phone twice.
        :raises ConfigurationError: the content must not be sent; nothing was.
        :raises NotSent: the request was surely not accepted; it is safe to send it again.
        :raises Refused: no message was sent; fix the cause first.
        :raises OutcomeUnknown: it may have been accepted: do not send it again.
        """
        return self.send_written(builders.write_content([task_content_from(group) for group in task_content]))

    def send_written(self, content: WrittenContent) -> SendAnswer:
        """Send one request whose content was checked and written beforehand; see :meth:`send_batch`."""
        request = builders.send_batch(self._config, content, **_stamp())
        return read_send_answer(self._transport.send(request), datetime.now(UTC))

    def get_receipts(self, session_nos: Sequence[str]) -> list[SessionReceipts]:
        """Ask for the receipts of any number of sessions, 100 in a call; one entry for each, in order.

        :raises CallError: after several attempts, if a call got no usable response.
        """
        return [receipts for answer in self.ask_receipts(session_nos) for receipts in answer.rows()]

    def ask_receipts(self, session_nos: Sequence[str]) -> Iterator[ReceiptsAnswer]:
        """Ask for the receipts of any number of sessions, one call after the other as the answers are taken.

        :raises CallError: after several attempts, if a call got no usable response.
        """
        return (self._receipts(some) for some in _portions(session_nos))

    def query_templates(self, template_ids: Sequence[str], *, must_exist: bool = False) -> list[Template]:
        """Ask for templates. One that does not exist is missing from the list.

        :param must_exist: it is an error if the API says that one does not exist; an answer may also just not list it.
        :raises Refused: it says so.
        :raises CallError: after several attempts, if a call got no usable response.
        """
        found: dict[str, Template] = {}
        wanted = list(dict.fromkeys(template_ids))
        for some in _portions(wanted):
            found |= self._templates(some, must_exist=must_exist and len(wanted) == 1)
        if len(wanted) > 1:
            # The document shows a single object in the response, and one wrong id may get the whole query refused.
            for missing in [one for one in wanted if one not in found]:
                found |= self._templates([missing], must_exist=must_exist)
        return [found[one] for one in wanted if one in found]

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def _receipts(self, session_nos: Sequence[str]) -> ReceiptsAnswer:
        body = self._query(lambda: builders.get_receipts(self._config, session_nos, **_stamp()))
        return read_receipts_answer(body, session_nos)

    def _templates(self, template_ids: Sequence[str], *, must_exist: bool) -> dict[str, Template]:
        try:
            body = self._query(lambda: builders.query_templates(self._config, template_ids, **_stamp()))
        except Refused as refused:
            if refused.ret_code == NOT_FOUND and not must_exist:
                return {}
            raise
        return {template.template_id: template for template in read_templates(body)}

    def _query(self, build: Callable[[], HttpRequest]) -> Mapping[str, object]:
        try:
            return retry_query(self._query_backoff)(
                lambda: read_query_response(self._transport.send(build()), datetime.now(UTC), self._config.place)
            )
        except OutcomeUnknown as lost:
            raise CallError(f"{lost} It was only a query, which changes nothing: repeat it later.") from None


class _Stamp(TypedDict):
    timestamp: int
    nonce: str


def _stamp() -> _Stamp:
    return {"timestamp": int(time.time()), "nonce": uuid.uuid4().hex}


def _portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + builders.MAX_IDS] for start in range(0, len(ids), builders.MAX_IDS))
