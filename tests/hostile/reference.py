# SPDX-License-Identifier: Apache-2.0
"""A second reader of answers, slow and obvious, written from the vendor's documents; shares nothing with the first.

It gives for an answer what a careful person would: answered, refused, not sent or unknown; and for each person in the
request one status. Where the two readers differ, one of them is wrong.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

REFUSED = {160, 161, 170, 171, 172, 173, 174, *range(290, 300), 18013, 215392, 215393, 215394, 215396, 215397}
REFUSED |= {215398, 215399}
REFUSED_FOR_PHONES = {18014, 18016, 18017, 18018, 18019, 18023, 18033}
LATER = {150, 153, 215395}
UNCERTAIN = {0, 110, 130, 151, 200, 18004, 18007, 18046, 215400}
DOCUMENTED = REFUSED | REFUSED_FOR_PHONES | LATER | UNCERTAIN


@dataclass
class Person:
    """One recipient of the request: a phone as it was sent, and our own mark."""

    phone: str
    mark: str = ""


@dataclass
class Reading:
    """``answer``, ``refused``, ``not sent`` or ``unknown``; and for an answer one status for each person."""

    kind: str
    statuses: list[str]


def read(body: bytes, status: int, people: list[Person]) -> Reading:
    found = _object(body)
    if found is None:
        broken = body.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xfe\xff \t\r\n")[:1] in (b"{", b"[")
        return Reading("not sent" if status == 429 and not broken else "unknown", [])
    code = _number(found.get("RetCode"))
    if code is not None and abs(code) >= 2**31:
        code = None
    sessions, odd = _sessions(found.get("SessionNo"))
    count = found.get("SuccessCount")
    silent = count is None or count == "" or _number(count) == 0
    nothing_accepted = silent and not odd
    listed = _listed(found)
    if not sessions:
        verdict = _verdict(code, status, nothing_accepted=nothing_accepted, listed=bool(listed), text=_is_text(body))
        if verdict:
            return Reading(verdict, [])
        if not listed and (code == 0 or nothing_accepted):
            return Reading("unknown", [])
    fits = [_fitting(one, people) for one in listed]
    contradictions = {(marked, fit) for marked, fit in fits if marked and fit and not marked & fit}
    either = {number for marked, fit in contradictions for number in marked | fit}
    named = [_only(marked & fit or marked | fit) for marked, fit in fits if (marked, fit) not in contradictions]
    failed = {number for number in named if number is not None} - either
    certain = not odd and bool(sessions) and None not in named
    if count is None or count == "":
        certain = certain and code == 0
    else:
        certain = certain and _number(count) == len(people) - len(failed) - min(len(contradictions), len(either))
    others = "accepted" if certain else "unknown"
    statuses = ["rejected" if number in failed else others for number in range(len(people))]
    return Reading("answer", ["unknown" if number in either else one for number, one in enumerate(statuses)])


def _verdict(code: int | None, status: int, *, nothing_accepted: bool, listed: bool, text: bool) -> str:
    if nothing_accepted and code in REFUSED:
        return "refused"
    if nothing_accepted and code in REFUSED_FOR_PHONES and not listed:
        return "refused"
    if nothing_accepted and code in LATER:
        return "not sent"
    if nothing_accepted and not listed and text and status == 429 and code not in DOCUMENTED:
        return "not sent"
    return "unknown" if code is None or code == -1 else ""


class _Twice(Exception):
    """An object has a name twice."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise _Twice
    return dict(pairs)


def _is_text(body: bytes) -> bool:
    try:
        body.decode(json.detect_encoding(body))
    except UnicodeError:
        return False
    return True


def _decoded(body: bytes) -> str:
    """In the encoding that it seems to have; else as UTF-8, of which the ASCII part is right."""
    return body.decode(json.detect_encoding(body)) if _is_text(body) else body.decode("utf-8", "replace")


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(_decoded(body), object_pairs_hook=_pairs)
    except (ValueError, RecursionError, _Twice):
        return None
    return found if isinstance(found, dict) else None


def _number(value: Any) -> int | None:
    """A whole number, or the ASCII digits of one."""
    if value is True or value is False:
        return None
    if isinstance(value, str):
        digits = value.strip(" \t\r\n\f\v")
        digits = digits[1:] if digits[:1] in ("+", "-") else digits
        plain = 0 < len(digits) <= 32 and set(digits) <= set("0123456789")
        return int(value) if plain else None
    if isinstance(value, float):
        return int(value) if value % 1 == 0 else None  # of NaN and infinity the rest is NaN
    return value if isinstance(value, int) else None


def _text(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    return str(value).encode("utf-8", "replace").decode().replace("\0", "").strip()


def _sessions(value: Any) -> tuple[list[str], bool]:
    """What proves that something was accepted, and whether something else stands in its place."""
    proofs, odd, waiting = [], False, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, str):
            if _text(one):
                proofs.append(_text(one))
            elif one.strip():
                odd = True
        elif isinstance(one, int) and not isinstance(one, bool) and one > 0:
            proofs.append(str(one))
        elif isinstance(one, dict):
            odd = odd or one != {}
            for inner in one.values():
                inner_proofs, inner_odd = _sessions(inner)
                proofs += inner_proofs
                odd = odd or inner_odd
        elif one is not None and one is not False:
            odd = True
            proofs.append(_text(one))
    return proofs, odd


def _list(value: Any) -> list[Any]:
    if value is None or value in ("", {}):
        return []
    return value if isinstance(value, list) else [value]


def _listed(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Each failure as (phone, mark) as far as it has them."""
    listed = []
    for group in _list(found.get("FailContent")):
        if not isinstance(group, dict):
            listed.append(("", ""))
            continue
        if "Phone" in group:
            listed.append(_phone_and_mark(group))
        targets = _list(group.get("Target"))
        listed += [_phone_and_mark(target) for target in targets]
        if not targets and "Phone" not in group and ("Target" not in group or _text(group.get("FailureDetails"))):
            listed.append(("", ""))
    listed += [_phone_and_mark(target) for target in _list(found.get("FailedTargetPhones"))]
    return listed


def _phone_and_mark(target: Any) -> tuple[str, str]:
    if not isinstance(target, dict):
        return _text(target), ""
    phone = target.get("Phone")
    if isinstance(phone, float):
        phone = _number(phone)
    return _text(phone), _text(target.get("UserId"))


def _digits(text: str) -> str:
    return "".join(one for one in text if one.isdecimal())


def _fitting(failure: tuple[str, str], people: list[Person]) -> tuple[frozenset[int], frozenset[int]]:
    """The persons who have the mark, and those who have the phone."""
    phone, mark = failure
    marked = frozenset(number for number, one in enumerate(people) if _bare(mark) and _bare(one.mark) == _bare(mark))
    fit = frozenset(number for number, one in enumerate(people) if one.phone == phone)
    return marked, fit or frozenset(number for number, one in enumerate(people) if _is_phone_of(phone, one.phone))


def _only(numbers: frozenset[int]) -> int | None:
    return next(iter(numbers)) if len(numbers) == 1 else None


def _bare(mark: str) -> str:
    """A mark without spaces, invisible characters, case and leading zeros."""
    visible = (one for one in unicodedata.normalize("NFKC", mark) if not one.isspace() and one.isprintable())
    text = "".join(visible).lower()
    number = re.fullmatch(r"\+?(-?)0*([0-9]+)(\.0*)?", text)
    return number[1] + number[2] if number else text


def _is_phone_of(written: str, sent: str) -> bool:
    """All people of these tests have ``(country code)number``: the same digits, or without the country code."""
    digits = _digits(written).lstrip("0")
    national = sent.partition(")")[2].lstrip("0")
    international = written.lstrip().startswith(("+", "00", "("))
    return bool(digits) and (digits == _digits(sent).lstrip("0") or (not international and digits == national))
