# SPDX-License-Identifier: Apache-2.0
"""The sandbox as a command, and its settings."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys

import pytest

from airflow_provider_uspeedo.sandbox.journal import Journal
from airflow_provider_uspeedo.sandbox.server import running

MODULE = "airflow_provider_uspeedo.sandbox"


@contextlib.contextmanager
def _command(*arguments):
    """Start the command and yield it with the URL that it prints."""
    command = [sys.executable, "-m", MODULE, "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            yield child, child.stdout.readline().removeprefix("listening on ").strip()
        finally:
            child.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_and_stops_cleanly(client_of, tmp_path, number):
    """It says where it listens, answers, ends with code 0 even while a call is stalled, and leaves its journal."""
    journal = tmp_path / "journal.jsonl"
    with _command("--journal", str(journal), "--template", "UTA_HI=Hi {1}") as (child, url):
        client = client_of(url)
        assert (
            client.send({"Phone": "(852)55311111", "TemplateParams": ["Ann"]}, template="UTA_HI").body["RetCode"] == 0
        )
        client.control("POST", "faults", {"kind": "stall"})
        with subprocess.Popen([sys.executable, "-c", _STALLED, url]) as caller:
            while client.control("GET", "counters").body["faults"] == 0:
                assert caller.poll() is None
            child.send_signal(number)
            assert child.wait(timeout=10) == 0
            caller.wait(timeout=10)
        assert child.stderr.read() == ""
    assert [json.loads(line)["params"] for line in journal.read_text().splitlines()] == [["Ann"], []]


_STALLED = """
import base64, contextlib, http.client, json, sys
connection = http.client.HTTPConnection(sys.argv[1].removeprefix("http://"))
body = {"TaskContent": [{"TemplateId": "UTA_PLAIN", "SenderId": "", "Target": [{"Phone": "(852)55322222"}]}]}
token = base64.b64encode(b"sandbox:sandbox-secret").decode()
connection.request("POST", "/api/v1/usms/SendBatchUSMSMessage", json.dumps(body), {"Authorization": f"Basic {token}"})
with contextlib.suppress(http.client.HTTPException, OSError):
    connection.getresponse()
"""


def _fails(*arguments, before=""):
    """Run the command to its end; return exit code and what it wrote to stderr."""
    code = f"{before}\nimport runpy; runpy.run_module({MODULE!r}, run_name='__main__', alter_sys=True)"
    command = [sys.executable, "-c", code, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("name", ["uvicorn", "starlette", "jinja2"])
def test_a_missing_extra_says_what_to_install(name):
    """No traceback: the package that is missing, and the command that installs it."""
    code, said = _fails(before=f"import sys; sys.modules[{name!r}] = None")
    assert code == 2
    assert said.splitlines()[0].startswith(f"The sandbox needs {name}")
    assert "pip install 'airflow-provider-uspeedo[sandbox]'" in said
    assert "Traceback" not in said


def test_other_machines_are_kept_out_unless_asked_for():
    """Listening on all addresses needs a second word."""
    code, said = _fails("--host", "0.0.0.0")
    assert (code, "--allow-remote" in said) == (2, True)


def test_listening_for_others_is_warned_about(client_of):
    """It works with the second word and says so; others can send, but pages and journal stay closed to them."""
    with _command("--host", "0.0.0.0", "--allow-remote") as (child, url):
        assert url.startswith("http://0.0.0.0:")
        assert "warning: other machines can reach this sandbox" in child.stderr.readline()
        client = client_of(url.replace("0.0.0.0", _own_address()))
        assert client.send({"Phone": "(852)55311111"}).body["RetCode"] == 0
        assert [client.http("GET", path).status for path in ("/", "/sandbox/journal")] == [403, 403]


def _own_address():
    """Return an address of this machine that is not loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return probe.getsockname()[0]


def test_a_taken_port_and_a_wrong_template_are_explained(sandbox):
    """One line that says what is wrong, and exit code 2."""
    code, said = _fails("--port", sandbox.url.rpartition(":")[2])
    assert (code, "Traceback" in said, "in use" in said) == (2, False, True)
    assert _fails("--template", "UTA_X")[0] == 2
    code, said = _fails("--port", "0", "--template", "UTA_X=Hi {2}")
    assert (code, "without a gap" in said, "Traceback" in said) == (2, True, False)


def test_a_journal_goes_on_where_it_ended(tmp_path, client_of):
    """Two sandboxes after each other write one journal; a line torn by a kill is cut off, whole ones never."""
    path = tmp_path / "journal.jsonl"
    for phone in ("(852)55311111", "(852)55322222"):
        with running(journal=path) as sandbox:
            client_of(sandbox.url).send({"Phone": phone})
        with path.open("ab") as file:
            file.write(b'{"time": 1, "pho')
    with contextlib.closing(Journal(path)) as journal:
        assert [entry.phone for entry in journal.entries()] == ["(852)55311111", "(852)55322222"]
    assert path.stat().st_mode & 0o077 == 0


def test_one_account_only_if_it_is_set(client_of):
    """With an account of its own the sandbox refuses others, and calls that name none pass."""
    with running(account_id=7) as sandbox:
        codes = [
            client_of(sandbox.url).send({"Phone": "1111"}, **more).body["RetCode"]
            for more in ({}, {"AccountId": 7}, {"AccountId": 8})
        ]
    assert codes == [0, 0, 215399]


def test_any_template_takes_any_number_of_parameters(client_of):
    """An unknown id is accepted; asked for, it has no text to show."""
    with running(any_template=True) as sandbox:
        client = client_of(sandbox.url)
        for params in ({}, {"TemplateParams": ["a", "b", "c", "d"]}):
            assert client.send({"Phone": "(852)55311111", **params}, template="UTA20212831C85C").body["RetCode"] == 0
        [found] = client.action("QueryUSMSTemplate", TemplateId=["UTA20212831C85C"]).body["Data"]
    assert (found["Status"], "Template" in found) == (2, False)


def test_a_secret_of_its_own(client_of):
    """Another secret is another key: the default one is refused."""
    with running(access_key_secret="other") as sandbox:
        assert client_of(sandbox.url).send({"Phone": "(852)55311111"}).body["RetCode"] == 215394
        assert "other" not in repr(sandbox)
