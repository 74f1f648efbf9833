# SPDX-License-Identifier: Apache-2.0
"""Magic numbers: the last five digits of a phone decide what becomes of its message.

All of them begin with 9999, so that one ordinary number in twelve thousand meets one by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Place = Literal["phone", "group", "digits", "nowhere"]
"""Where the answer gives the reason of a failure: on the phone, on its group only, on the phone written as bare digits,
or nowhere (the phone is not listed at all)."""
Receipt = Literal["Success", "Fail", "SubmitFail", "Unknow", ""]
"""The final receipt; ``""`` if the phone never shows up in the receipts."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one message.

    :param reason: why the message is rejected; ``""`` if it is accepted.
    :param place: where the answer says so.
    :param receipt: how an accepted message ends.
    """

    reason: str = ""
    place: Place = "phone"
    receipt: Receipt = "Success"


BLACK_LIST = "phone in the black list"
ORDINARY = Fate()
MAGIC = {
    "99991": Fate(reason=BLACK_LIST),
    "99992": Fate(reason=BLACK_LIST, place="group"),
    "99993": Fate(receipt="Fail"),
    "99994": Fate(receipt="Unknow"),
    "99995": Fate(receipt="SubmitFail"),
    "99996": Fate(receipt=""),
    "99997": Fate(reason=BLACK_LIST, place="digits"),
    "99998": Fate(reason=BLACK_LIST, place="nowhere"),
}


def fate_of(phone: str) -> Fate:
    """Return what becomes of a message to this phone.

    >>> fate_of("(852)55399993").receipt
    'Fail'
    """
    return MAGIC.get(phone[-5:], ORDINARY)
