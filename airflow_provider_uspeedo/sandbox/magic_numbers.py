# SPDX-License-Identifier: Apache-2.0
"""Magic numbers: the last five digits of a phone decide how its message is treated.

All of them begin with 9999, so that one ordinary number in twelve thousand meets one by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ReasonPlace = Literal["phone", "group", "digits", "nowhere"]
"""Where the answer gives the reason of a failure: on the phone, on its group only, on the phone written as bare digits,
or nowhere (the phone is not listed at all)."""
FinalReceipt = Literal["Success", "Fail", "SubmitFail", "Unknow", ""]
"""The final receipt; ``""`` if the phone never shows up in the receipts."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """How one message is treated.

    :param reason: why the message is rejected; ``""`` if it is accepted.
    :param place: where the answer gives the reason.
    :param receipt: how an accepted message ends.
    """

    reason: str = ""
    place: ReasonPlace = "phone"
    receipt: FinalReceipt = "Success"


BLACK_LIST = "phone in the black list"
ORDINARY = Treatment()
MAGIC = {
    "99991": Treatment(reason=BLACK_LIST),
    "99992": Treatment(reason=BLACK_LIST, place="group"),
    "99993": Treatment(receipt="Fail"),
    "99994": Treatment(receipt="Unknow"),
    "99995": Treatment(receipt="SubmitFail"),
    "99996": Treatment(receipt=""),
    "99997": Treatment(reason=BLACK_LIST, place="digits"),
    "99998": Treatment(reason=BLACK_LIST, place="nowhere"),
}


def treatment_of(phone: str) -> Treatment:
    """Return how a message to this phone is treated.

    >>> treatment_of("(852)55399993").receipt
    'Fail'
    """
    return MAGIC.get(phone[-5:], ORDINARY)
