# SPDX-License-Identifier: Apache-2.0
"""Receipts and templates as they are read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.api.response.receipt_answers import Receipt, SessionReceipts, read_receipts
from airflow_provider_uspeedo.api.response.templates import Template, read_templates

RECEIPT = {
    "Phone": "85255311111",
    "UserId": "u1",
    "CostCount": "2",
    "ReceiptResult": "Success",
    "ReceiptCode": "DELIVRD",
    "ReceiptDesc": "to 85255311111",
    "ReceiptTime": "1795348800",
    "CountryCode": "HK",
    "BrevityCode": "x",
}
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
names = st.sampled_from(["SessionNo", "ReceiptSet", *RECEIPT, "TemplateId", "Template", "Status"])
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4))


def test_a_receipt_is_read():
    """Numbers and times may be texts; times are aware."""
    [session] = read_receipts({"Data": [{"SessionNo": "s", "ReceiptSet": [RECEIPT]}]}, ["s"])
    at = datetime.fromtimestamp(1795348800, UTC)
    assert session.receipts == (Receipt("85255311111", "u1", 2, "Success", "DELIVRD", "to 85255311111", at, "HK", "x"),)
    assert session.final


def test_every_session_asked_for_has_an_entry_and_no_other():
    """Missing sessions have no receipts yet; strangers are passed over; parts of one session are joined."""
    data = [{"SessionNo": name, "ReceiptSet": [RECEIPT]} for name in ("b", "x", "b")]
    found = read_receipts({"Data": [*data, {"SessionNo": "c", "ReceiptSet": None}]}, ["a", "b", "c"])
    assert [(one.session_no, len(one.receipts), one.final) for one in found] == [
        ("a", 0, False),
        ("b", 2, True),
        ("c", 0, False),
    ]


@pytest.mark.parametrize("body", [{}, {"Data": None}, {"Data": []}, {"Data": {}}, {"Data": "none"}])
def test_no_data_means_no_receipts_yet(body):
    """Not final, rather than an error."""
    assert read_receipts(body, ["s"]) == [SessionReceipts("s", ())]


@pytest.mark.parametrize(
    ("result", "final"),
    [
        ("Success", True),
        ("Fail", True),
        ("SubmitFail", True),
        ("FAIL", True),
        ("Unknow", False),
        ("Unknown", False),
        (None, False),
        ("", False),
    ],
)
def test_only_three_results_are_final(result, final):
    """The vendor's spelling of the fourth does not matter."""
    receipt = {**RECEIPT, "ReceiptResult": result}
    [session] = read_receipts({"Data": {"SessionNo": "s", "ReceiptSet": [receipt, RECEIPT]}}, ["s"])
    assert session.receipts[0].final is session.final is final


@pytest.mark.parametrize(
    ("time", "at"),
    [
        (1795348800, datetime.fromtimestamp(1795348800, UTC)),
        (1795348800000, datetime.fromtimestamp(1795348800, UTC)),
        (0, None),
        ("", None),
        ("soon", None),
        (1e300, None),
        (float("nan"), None),
        (True, None),
        ("9" * 400, None),
    ],
)
def test_a_time_is_seconds_or_milliseconds_or_nothing(time, at):
    """Zero and nonsense are no time."""
    [session] = read_receipts({"Data": [{"SessionNo": "s", "ReceiptSet": {**RECEIPT, "ReceiptTime": time}}]}, ["s"])
    assert session.receipts[0].at == at


def test_a_receipt_shows_no_phone():
    """Not in its repr, nor in its session's."""
    [session] = read_receipts({"Data": [{"SessionNo": "s", "ReceiptSet": [RECEIPT]}]}, ["s"])
    assert "5531" not in repr(session) + repr(session.receipts[0])


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: [one]])
def test_a_template_is_read_as_object_or_list(wrap):
    """The document has one, the vendor's libraries have the other."""
    fields = {
        "TemplateId": "UTA1",
        "TemplateName": "due",
        "Template": "Hi {1}, {2} is due. {1}",
        "Purpose": "2",
        "Status": 2,
        "Remark": "r",
        "ErrDesc": "e",
        "CreateTime": 1795348800,
        "Instruction": "i",
    }
    [template] = read_templates({"Data": wrap(fields)})
    created = datetime.fromtimestamp(1795348800, UTC)
    assert template == Template("UTA1", "due", fields["Template"], 2, 2, "r", "e", "i", created)
    assert (template.variables, template.approved, template.status_name) == (2, True, "approved")


@pytest.mark.parametrize(
    ("text", "variables"), [("", 0), ("none {}", 0), ("{1}", 1), ("{3}", 3), ("{0}{1}", 2), ("{2}{2}", 2), ("{a}", 0)]
)
def test_variables_are_counted(text, variables):
    """By the highest one, which is what has to be filled."""
    assert Template("t", "", text, None, None).variables == variables


@pytest.mark.parametrize(("status", "name"), [(0, "pending"), (4, "disabled"), (9, "status 9"), (None, "unknown")])
def test_only_approved_templates_are_approved(status, name):
    """Every other status has a name for the message."""
    template = Template("t", "", "", None, status)
    assert (template.approved, template.status_name) == (False, name)


@given(anything)
def test_no_data_breaks_the_readers(data):
    """Any JSON gives receipts and templates, or none."""
    assert len(read_receipts({"Data": data}, ["s"])) == 1
    assert all(isinstance(one.variables, int) for one in read_templates({"Data": data}))
