# SPDX-License-Identifier: Apache-2.0
"""The tree of errors; each says what may be done next.

::

    USpeedoError
    ├── ConfigurationError      an argument, connection or template is wrong: change it; nothing was sent
    │   └── TableError          the table is wrong: carries the row and the column
    ├── SourceNotFound          the table is not there (yet): retry later
    ├── SourceUnavailable       a query failed, or its rows cannot be kept: retry later
    ├── DestinationUnavailable  a file cannot be written now: retry later
    ├── CampaignHalted          an operator or a guard stopped the campaign: it needs a decision
    ├── ApiUnavailable          the API does not answer: retry later
    ├── CallError               one call to the API failed: carries code, the vendor's request id, HTTP status
    │   ├── NotSent             it was surely not accepted: safe to send again
    │   ├── Refused             refused as a whole, for good: fix the cause first; no message was sent
    │   └── OutcomeUnknown      it may have been accepted: never repeat it
    └── LedgerError             the ledger cannot be used as it is
        ├── LedgerRightMissing  its database user lacks a right
        └── LedgerUnavailable   its database does not answer: retry later

No message holds a phone number, a template parameter or a secret. Texts of the vendor are masked in messages.
"""

from __future__ import annotations


class USpeedoError(Exception):
    """The base of all errors that this package raises."""


class ConfigurationError(USpeedoError):
    """An argument, a connection or a template is wrong; nothing was sent. Change what the message names."""


class TableError(ConfigurationError):
    """The table cannot be used.

    :param row_number: the row, counted from 1, or ``None`` if the whole column is wrong.
    :param column: the column's name, or ``None`` if the whole table is wrong.
    """

    def __init__(self, message: str, *, row_number: int | None = None, column: str | None = None) -> None:
        super().__init__(message)
        self.row_number = row_number
        self.column = column


class SourceNotFound(USpeedoError):
    """There is no table at the path; a late partition may still appear."""


class SourceUnavailable(USpeedoError):
    """A query failed for a cause that may pass, or there is no room for its rows."""


class DestinationUnavailable(USpeedoError):
    """A file cannot be written: its disk is full, or its storage does not answer. Nothing is left under its path."""


class CampaignHalted(USpeedoError):
    """An operator or a guard stopped the campaign. Retries do not resume it: it needs a decision.

    :param section: the section of the runbook that says what to do.
    """

    def __init__(self, message: str, *, section: str) -> None:
        super().__init__(message)
        self.section = section


class ApiUnavailable(USpeedoError):
    """The API does not answer, or something else answers at its address; a later attempt may find it well."""

    section = "api-does-not-answer"


class CallError(USpeedoError):
    """One call to the API failed.

    :param ret_code: the API's ``RetCode``, or ``None`` if it gave none.
    :param vendor_request_id: the vendor's id of the request, or ``""``.
    :param http_status: the HTTP status, or ``None`` if no answer came.
    """

    def __init__(
        self,
        message: str,
        *,
        ret_code: int | None = None,
        vendor_request_id: str = "",
        http_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.ret_code = ret_code
        self.vendor_request_id = vendor_request_id
        self.http_status = http_status


class NotSent(CallError):
    """No message was sent: the call never left, or was refused before submission. It is safe to repeat it.

    :param retry_after: seconds that the server asked to wait, or ``None``.
    :param sign_again: the timestamp was refused: repeat the call at most once, signed anew.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        sign_again: bool = False,
        ret_code: int | None = None,
        vendor_request_id: str = "",
        http_status: int | None = None,
    ) -> None:
        super().__init__(message, ret_code=ret_code, vendor_request_id=vendor_request_id, http_status=http_status)
        self.retry_after = retry_after
        self.sign_again = sign_again


class Refused(CallError):
    """The call was refused as a whole for a known, lasting reason; no message was sent."""


class OutcomeUnknown(CallError):
    """The call may have been accepted. Repeating it may send its messages twice."""


class LedgerError(USpeedoError):
    """The ledger cannot be used as it is: another version, other keys, a wrong database."""


class LedgerRightMissing(LedgerError):
    """The user of the ledger's database lacks a right that this needs."""


class LedgerUnavailable(LedgerError):
    """The ledger's database does not answer. Nothing is sent while it cannot be written."""
