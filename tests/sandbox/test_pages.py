# SPDX-License-Identifier: Apache-2.0
"""The pages for people and the control interface for programs."""

from __future__ import annotations

import json

import pytest

from airflow_provider_uspeedo.sandbox.server import running


def test_the_inbox_shows_texts_and_masks_phones_until_asked(client):
    """The newest message comes first, with its parameters filled in; the number is shown on request only."""
    client.send({"Phone": "(852)55318642", "TemplateParams": ["Ann", "12.50"]}, template="UTA_REMINDER")
    page = client.http("GET", "/")
    assert "Dear Ann, your invoice of 12.50 is due this week." in page.text
    assert "(852)****8642" in page.text
    assert "55318642" not in page.text
    assert "(852)55318642" in client.http("GET", "/?numbers=1").text


def test_the_pages_escape_everything(client, target):
    """Markup in a parameter, a sender or an error message arrives as text."""
    attack = "<script>alert('x')</script>"
    client.send(target(TemplateParams=[attack]), template="UTA_CODE")
    client.action(
        "SendBatchUSMSMessage", TaskContent=[{"TemplateId": "UTA_PLAIN", "SenderId": "<b>&</b>", "Target": [target()]}]
    )
    page = client.http("GET", "/")
    assert "<script" not in page.text
    assert "&lt;script&gt;alert(&#39;x&#39;)" in page.text
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in page.text
    assert "<script" not in client.http("GET", "/requests").text
    bad = client.http("POST", "/faults", "kind=drop&params=%3Cscript%3E%3D1")
    assert (bad.status, "<script" in bad.text, "&lt;script&gt;" in bad.text) == (400, False, True)


def test_the_pages_load_nothing_from_elsewhere(client):
    """No script, no foreign address; the browser is instructed to allow neither."""
    for path in ("/", "/requests", "/faults"):
        page = client.http("GET", path)
        assert page.status == 200
        assert "://" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
    assert client.http("GET", "/style.css").headers["content-type"].startswith("text/css")


def test_the_inbox_is_paged_and_keeps_the_newest(client_of):
    """Fifty a page, newest first; what is over the limit is forgotten by the inbox but not by the journal."""
    with running(inbox_kept=60) as sandbox:
        client = client_of(sandbox.url)
        client.send(
            *({"Phone": f"(852)5000{n:04d}", "TemplateParams": [f"<{n}>"]} for n in range(100)), template="UTA_CODE"
        )
        first, second = (client.http("GET", f"/?page={page}").text for page in (1, 2))
        assert first.index("&lt;99&gt;") < first.index("&lt;50&gt;")
        assert "&lt;49&gt;" in second
        assert "&lt;39&gt;" not in second
        assert "Page 2 of 2" in second
        assert len(sandbox.journal()) == 100
        assert client.http("GET", "/?page=-3").status == 200


def test_the_requests_page_shows_each_outcome(sandbox, client, target):
    """Codes, faults and counts of the newest calls."""
    sandbox.fault("server_error")
    client.send(target())
    client.send(target(), target("99991"))
    newest, before = reversed(sandbox.requests()[-2:])
    assert (newest.accepted, newest.rejected, newest.ret_code, newest.fault) == (1, 1, 0, "")
    assert (before.accepted, before.ret_code, before.fault) == (0, None, "server_error")
    assert "server_error" in client.http("GET", "/requests").text


def test_a_fault_can_be_queued_by_hand(sandbox, client, target):
    """The form queues, the page lists, the button clears."""
    form = "kind=ret_code&on=send&at=1&times=1&params=code%3D18013+message%3Dno-balance"
    assert client.http("POST", "/faults", form, {"Origin": sandbox.url}).status == 303
    assert "code=18013" in client.http("GET", "/faults").text
    assert client.send(target()).body["Message"] == "no-balance"
    client.http("POST", "/faults", "kind=drop&at=every")
    client.http("POST", "/faults/clear")
    assert client.send(target()).body["RetCode"] == 0


@pytest.mark.parametrize(
    "form", ["", "kind=drop&at=soon", "kind=drop&params=colour", "kind=stall&params=seconds%3Dlong"]
)
def test_a_wrong_form_is_explained_on_the_page(client, form):
    """The page comes back with what is wrong; nothing breaks."""
    page = client.http("POST", "/faults", form)
    assert (page.status, 'role="alert"' in page.text) == (400, True)


def test_the_control_interface_queues_and_lists_faults(client, target):
    """JSON in, JSON out: one fault or several, the kinds with their parameters, and a reason for what is wrong."""
    reply = client.control("POST", "faults", [{"kind": "drop", "at": 2}, {"kind": "ret_code", "code": 18013}])
    assert (reply.status, len(reply.body["queued"])) == (201, 2)
    assert client.send(target()).body["RetCode"] == 18013
    listed = client.control("GET", "faults").body
    assert [each["kind"] for each in listed["queued"]] == ["drop"]
    assert listed["kinds"]["partial"]["params"] == {"count": 1, "shape": "phone", "code": 0}
    assert client.control("DELETE", "faults").body == {"queued": []}
    wrong = client.control("POST", "faults", {"kind": "nonsense"})
    assert (wrong.status, "must be one of" in wrong.body["error"]) == (400, True)


def test_the_control_interface_hands_out_the_journal(sandbox, client, target):
    """One JSON line per accepted number, from any entry on."""
    before = len(sandbox.journal())
    phones = [target() for _ in range(3)]
    client.send(*phones)
    lines = client.control("GET", f"journal?since={before + 1}").text.splitlines()
    assert [json.loads(line)["phone"] for line in lines] == [each["Phone"] for each in phones[1:]]
    assert client.control("GET", "journal?since=x").status == 400


def test_the_control_interface_adds_templates_and_ripens_receipts(client, target):
    """A template can be sent at once; receipts become final without waiting; counts go up."""
    counted = client.control("GET", "counters").body["accepted"]
    assert client.control("POST", "templates", {"id": "UTA_NEW", "text": "Hi {1} and {2}"}).status == 201
    session_no = client.send(target(TemplateParams=["a", "b"]), template="UTA_NEW").body["SessionNo"]
    assert client.control("POST", "receipts/ripen").status == 200
    assert client.receipts(session_no).body["Data"][0]["ReceiptSet"][0]["ReceiptResult"] == "Success"
    assert client.control("GET", "counters").body["accepted"] == counted + 1
    assert "UTA_NEW" in [each["TemplateId"] for each in client.control("GET", "templates").body["templates"]]
    assert client.control("GET", "requests").body["requests"][-1]["action"] == "receipts"
    for wrong in ({"id": "X", "text": "{2}"}, {"id": "", "text": "x"}, {"id": "X"}, {"id": "X", "text": "x" * 501}):
        assert client.control("POST", "templates", wrong).status == 400


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Host": "["}, {"Origin": "http://evil.example"}, {"Origin": "null"}]
)
@pytest.mark.parametrize("path", ["/", "/faults", "/sandbox/journal", "/sandbox/faults"])
def test_another_web_site_sees_and_does_nothing(client, headers, path):
    """A page elsewhere can neither read the inbox through a name of its own nor post a form to it."""
    assert client.http("GET", path, headers=headers).status == 403


def test_a_form_cannot_pose_as_json(client):
    """The control interface only takes JSON, which a plain form of another site cannot send."""
    reply = client.http("POST", "/sandbox/faults", '{"kind": "drop"}', {"Content-Type": "text/plain"})
    assert (reply.status, client.control("GET", "faults").body["queued"]) == (400, [])


def test_without_an_inbox_there_are_no_pages(client_of):
    """The API and the control interface are still there; no text is kept."""
    with running(inbox=False) as sandbox:
        client = client_of(sandbox.url)
        assert client.send({"Phone": "(852)55311111"}).body["RetCode"] == 0
        assert client.http("GET", "/").status == 404
        assert len(sandbox.journal()) == 1
