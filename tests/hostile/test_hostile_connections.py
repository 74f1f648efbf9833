# SPDX-License-Identifier: Apache-2.0
"""Connections that make no sense: each works, or is refused by the name of its field; the secret is told to nobody."""

from __future__ import annotations

import ipaddress
import json
import traceback
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.api.client_config import ClientConfig
from airflow_provider_uspeedo.api.http.messages import HttpRequest
from airflow_provider_uspeedo.api.http.transport import Transport
from airflow_provider_uspeedo.errors import ConfigurationError, LedgerError, NotSent, OutcomeUnknown
from airflow_provider_uspeedo.hooks import ledger_connection as ledgers
from airflow_provider_uspeedo.hooks import ledger_url
from tests.hostile.corners import deep

SECRET = "canary-5ecret"
FIELDS = ("login", "password", "host", "schema", "extra", "'account_id'", "'api'", "'timeout'", "'verify'", "'proxies'")

texts = st.sampled_from(
    [
        "", " ", "true", "False", "0", "-1", "nan", "inf", "-Infinity", "1e999", "5", "9" * 5_000, "[]", "{",
        '{"a": 1}', "[" * 5_000,
        "\0", "\ud800", "\n", "rest", "ACTION", "/dev/null", "/", "x" * 5_000, "\N{GRINNING FACE}", "\u202e",
        "http://proxy.example",
        f"http://me:{SECRET}@proxy.example:3128", f"me:{SECRET}@proxy", f'{{"https": "http://me:{SECRET}@["}}',
        '{"https": 1}', '{"no_proxy": "*", "all": "socks5h://x"}', '{"no_proxy": "1.2.3.4/99,/,::1/200"}', "\u0665",
    ]
)  # fmt: skip
any_text = st.text(st.characters(exclude_categories=()), max_size=8)
UNFIT = ["\0", "\n", "\t", "\x1b", "\x7f", "\x85", "\ud800", "\udfff"]
huge = st.sampled_from([400, 5_000]).map(lambda digits: 10**digits)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | any_text | huge
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2))
# A free text is no proxy here: it might be the name of a machine that exists.
proxies = st.fixed_dictionaries(
    {}, optional={**dict.fromkeys(["http", "https", "all", "", "\0", "\ud800"], texts), "no_proxy": texts | any_text}
)
extras = st.fixed_dictionaries(
    {},
    optional={
        "account_id": values, "api": values, "timeout": values, "verify": values, "proxies": values | proxies,
        "allow_http": values, "__extra__": values, "unknown": values,
    },
)  # fmt: skip
hosts = st.sampled_from(
    [
        "", "api.uspeedo.com", "https://api.uspeedo.com/api/", "http://127.0.0.1:1", "http://[::1]", "::1",
        "localhost", "http://LOCALHOST",
        "http://api.uspeedo.com", "http://127.0.0.1.evil.example", "http://127.1", "http://2130706433",
        "http://localhost.evil.example",
        "http://localhost\\.evil.example", "http://evil.example\\@localhost", "http://localhost#@evil.example",
        "http://0.0.0.0",
        "http://[::ffff:127.0.0.1]", "http://[::1%25lo]", "http://[::1]evil.example",
        "http://127.0.0.1%2eevil.example", "//localhost",
        "file:///etc/passwd", "ftp://localhost", "javascript:alert(1)", "https://", "https:///x", "https://a:b",
        "https://a:99999",
        f"https://me:{SECRET}@api.example", f"https://api.example/?secret={SECRET}", f"https://api.example/#{SECRET}",
        "https://api.example\n.evil.example", "https://api.example\r\nX-Header: 1", "https://a\0b",
        "https://b\u00fccher.example",
        "https://\u202eelpmaxe.ipa", "https://\uff41pi.example", "https://a..b", "https://" + "a" * 300,
        "https://[::1", "https://\ud800",
        "http://\uff4cocalhost", "http://localhost\u3002evil.example", "https://a/%zz/../..",
        "  https://api.example  ", "https://a b",
    ]
)  # fmt: skip
ports = st.none() | st.sampled_from([0, 1, 443, 65535, 65536, -1, 10**9])
keys = st.sampled_from(["id", "", None, " ", "a:b", "a\nb", "\u00e9", "\0", "x" * 10_000])
secrets = st.sampled_from([SECRET, SECRET * 1_000, f"{SECRET}\u00e9", f"{SECRET}\n", f"\0{SECRET}", f" {SECRET} "])


def everything_shown(error: BaseException) -> str:
    """All that a log may show of an error: its text, its repr, and its chain."""
    return "".join(traceback.format_exception(error)) + f"{error!r}"


def is_this_machine(url: str) -> bool:
    """Told from the URL by other means than the package's."""
    host = (urlsplit(url).hostname or "").partition("%")[0]
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@given(host=hosts, port=ports, login=keys, password=secrets, schema=st.none() | texts, extra=extras)
@settings(max_examples=250)
@example(host="", port=None, login="id", password=SECRET, schema=None, extra={"verify": "x" * 5_000})
@example(host="https://a\nb", port=None, login="id", password=SECRET, schema=None, extra={})
@example(host="http://localhost\\.evil.example", port=None, login="id", password=SECRET, schema=None, extra={})
def test_a_connection_works_or_is_refused_by_the_name_of_its_field(**pieces):
    """Nothing else is ever raised, the secret is never quoted, and plain http stays on this machine."""
    try:
        config = ClientConfig.from_connection(**pieces)
        Transport(config).close()
    except ConfigurationError as error:
        refusal = str(error)
        shown = everything_shown(error)
    else:
        refusal, shown = "", repr(config)
        assert config.allow_http or config.base_url.startswith("https://") or is_this_machine(config.base_url)
        assert 0 < config.timeout <= 3600
        assert config.base_url.isprintable()
    assert SECRET not in shown
    assert not refusal or any(field in refusal for field in (*FIELDS, "'allow_http'"))


@pytest.mark.parametrize("name", ["account_id", "api", "timeout", "verify", "proxies", "allow_http"])
@pytest.mark.parametrize("value", [10**5_000, deep(5_000), {"a": deep(900)}], ids=["huge", "deep", "nested"])
def test_an_extra_that_python_cannot_write_out_is_refused_by_name(name, value):
    """Numbers of thousands of digits and lists without a floor have no text at all."""
    with pytest.raises(ConfigurationError, match=f"'{name}'"):
        ClientConfig.from_connection(login="id", password=SECRET, extra={name: value})


@pytest.mark.parametrize("unfit", UNFIT)
@pytest.mark.parametrize(
    ("field", "pieces"),
    [
        ("host", lambda text: {"host": text}),
        ("host", lambda text: {"host": f"https://{text}"}),
        ("schema", lambda text: {"host": "api.example", "schema": text}),
        ("login", lambda text: {"login": text}),
        ("password", lambda text: {"password": text}),
        ("'account_id'", lambda text: {"extra": {"account_id": text}}),
        ("'api'", lambda text: {"extra": {"api": text}}),
        ("'timeout'", lambda text: {"extra": {"timeout": text}}),
        ("'allow_http'", lambda text: {"extra": {"allow_http": text}}),
        ("'verify'", lambda text: {"extra": {"verify": f"/{text}"}}),
        ("'proxies'", lambda text: {"extra": {"proxies": f"http://{text}"}}),
        ("'proxies'", lambda text: {"extra": {"proxies": {"https": text}}}),
        ("'proxies'", lambda text: {"extra": {"proxies": {"no_proxy": text}}}),
        ("'proxies'", lambda text: {"extra": {"proxies": {text: "http://proxy.example"}}}),
        ("'proxies'", lambda text: {"extra": {"proxies": json.dumps({"no_proxy": text})}}),
    ],
)
def test_an_unfit_character_is_refused_by_the_name_of_its_field(field, pieces, unfit):
    """The operating system and the libraries never get it, and the text around it is quoted nowhere."""
    with pytest.raises(ConfigurationError, match=f"^Connection (extra )?{field}") as raised:
        ClientConfig.from_connection(**{"login": "id", "password": SECRET, **pieces(f"a{SECRET}{unfit}b")})
    assert SECRET not in everything_shown(raised.value)


@pytest.mark.parametrize("field", ["base_url", "access_key_id", "access_key_secret", "verify"])
def test_a_config_without_a_connection_is_checked_alike(field):
    """Python code may make it directly."""
    given = {"access_key_id": "id", "access_key_secret": SECRET, field: "https://a\0b"}
    with pytest.raises(ConfigurationError, match=r"holds a control character \(U\+0000\): enter it again without it"):
        ClientConfig(**given)


@pytest.mark.parametrize("extra", ["[]", "7", '"text"', ["a"], 7, "null"])
def test_extras_that_are_no_object_are_refused(extra):
    """The text of an object would be read by Airflow; here it is none."""
    with pytest.raises(ConfigurationError, match="Connection extra must be a JSON object"):
        ClientConfig.from_connection(login="id", password=SECRET, extra=extra)


@given(host=hosts, extra=st.fixed_dictionaries({"proxies": proxies | texts}))
@settings(max_examples=60)
@example(host="http://127.0.0.1:1", extra={"proxies": {"no_proxy": "\0"}})
@example(host="http://127.0.0.1:1", extra={"proxies": {"no_proxy": "\ud800"}})
@example(host="http://127.0.0.1:1", extra={"proxies": '{"no_proxy": "a\\u0000"}'})
def test_what_a_connection_cannot_reach_is_an_error_of_ours(host, extra):
    """A proxy or a host that is accepted may still be nonsense: the send ends in an error of ours, and quickly."""
    try:
        config = ClientConfig.from_connection(
            login="id", password=SECRET, host=host, extra={**extra, "timeout": 0.2, "allow_http": True}
        )
    except ConfigurationError:
        return
    if not _stays_here(config):
        return
    transport = Transport(config)
    with pytest.raises((NotSent, OutcomeUnknown)) as raised:
        transport.send(HttpRequest("POST", f"{config.base_url}/api", {"X": "y"}, b"{}"))
    transport.close()
    assert SECRET not in everything_shown(raised.value)


def _stays_here(config: ClientConfig) -> bool:
    """No test asks for somebody else's machine: names that may exist are left out, and numbers, which are addresses."""
    there = [config.base_url, *(config.proxies or {}).values()]
    named = any("example" in one or "uspeedo" in one or "evil" in one for one in there)
    return not named and not any(one.rpartition("/")[2].partition(":")[0].isdigit() for one in there)


# -- where the results go -----------------------------------------------------------------------------------------


class Connection:
    """What Airflow gives: fields as somebody has typed them."""

    def __init__(self, **fields: Any) -> None:
        known = dict.fromkeys(["conn_type", "host", "login", "password", "schema", "port"]) | {"extra_dejson": {}}
        self.__dict__.update(known | fields)


def assert_quiet_and_named(error: ConfigurationError) -> None:
    assert SECRET not in everything_shown(error)
    assert "'lake'" in str(error) or "SQLite ledger" in str(error)


driver_extras = st.dictionaries(
    st.sampled_from(
        [
            "connect_timeout", "read_timeout", "tcp_user_timeout", "ssl", "sslmode", "charset", "init_command", "host",
            "autocommit", "cursorclass", "no_such_argument", "options", "unix_socket", "iam", "",
        ]
    ),
    values,
    max_size=3,
)  # fmt: skip


@given(
    kind=st.sampled_from(["postgres", "mysql", "MariaDB", "sqlite", "oracle", "", None]),
    host=texts | hosts,
    schema=st.none() | texts,
    port=ports,
    extra=driver_extras,
)
@settings(max_examples=150)
@example(kind="postgres", host="", schema="\ud800", port=None, extra={})
@example(kind="sqlite", host="/tmp/\0", schema="", port=None, extra={})
@example(kind="mysql", host="db", schema="", port=None, extra={"ssl": '{"ca": "\\u0000"}'})
def test_a_results_connection_works_or_is_refused_by_its_name(kind, host, schema, port, extra):
    """The address of the ledger is made, or the connection is named; the password is quoted by nobody."""
    connection = Connection(
        conn_type=kind, host=host, schema=schema, port=port, login="me", password=SECRET, extra_dejson=extra
    )
    try:
        url, arguments = ledger_url.url_of(connection, "lake")
    except ConfigurationError as error:
        assert_quiet_and_named(error)
        return
    assert SECRET not in repr(url)
    for name, value in arguments.items():
        assert not name.endswith("_timeout") or (isinstance(value, int) and value >= 0)


@pytest.mark.parametrize("unfit", UNFIT)
@pytest.mark.parametrize("kind", ["postgres", "mysql"])
@pytest.mark.parametrize(
    ("named", "pieces"),
    [
        ("Host of", lambda text: {"host": text}),
        ("Schema of", lambda text: {"schema": text}),
        ("Login of", lambda text: {"login": text}),
        ("Password of", lambda text: {"password": text}),
        ("Extra 'sslrootcert' of", lambda text: {"extra_dejson": {"sslrootcert": text}}),
        ("Extra 'ssl' of", lambda text: {"extra_dejson": {"ssl": {"ca": [text]}}}),
        ("Extra 'ssl' of", lambda text: {"extra_dejson": {"ssl": json.dumps({text: "/ca.pem"})}}),
        ("Extra 'connect_timeout' of", lambda text: {"extra_dejson": {"connect_timeout": text}}),
        ("The name of an extra of", lambda text: {"extra_dejson": {text: 1}}),
    ],
)
def test_an_unfit_character_never_reaches_a_driver(named, pieces, kind, unfit):
    """The refusal names the field of the results connection, and what stands in it is quoted nowhere."""
    fields = {"conn_type": kind, "host": "db.example", "password": SECRET, **pieces(f"a{SECRET}{unfit}b")}
    with pytest.raises(ConfigurationError, match=f"^{named} connection 'lake' holds a ") as raised:
        ledger_url.url_of(Connection(**fields), "lake")
    assert SECRET not in everything_shown(raised.value)


@pytest.mark.parametrize("field", ["host", "schema"])
@pytest.mark.parametrize("unfit", UNFIT)
def test_an_unfit_character_is_in_no_path_of_a_sqlite_file(field, unfit, tmp_path):
    """Whichever of its fields names the file."""
    with pytest.raises(ConfigurationError, match=f"^{field.capitalize()} of connection 'lake' holds a "):
        ledger_url.url_of(Connection(conn_type="sqlite", **{field: f"{tmp_path}/{unfit}.db"}), "lake")


def test_a_statement_in_an_extra_may_have_lines_and_nothing_worse():
    """``init_command`` is SQL, not a name."""
    fields = {"conn_type": "mysql", "host": "db.example"}
    lines = "SET time_zone = '+00:00',\r\n\tsql_mode = ''"
    _, arguments = ledger_url.url_of(Connection(**fields, extra_dejson={"init_command": lines}), "lake")
    assert arguments["init_command"] == lines
    with pytest.raises(ConfigurationError, match=r"^Extra 'init_command' of connection 'lake' holds a control"):
        ledger_url.url_of(Connection(**fields, extra_dejson={"init_command": f"{lines}\0"}), "lake")


@pytest.mark.parametrize("backend", ["postgresql", "mysql"])
@pytest.mark.parametrize(
    ("port", "extra"),
    [
        (None, {"no_such_argument": SECRET}),
        (None, {"charset": SECRET, "client_encoding": SECRET}),
        (None, {"ssl": {"ca": f"/{SECRET}"}, "sslrootcert": f"/{SECRET}", "sslmode": "verify-full"}),
        (10**9, {}),
        (None, {"init_command": ["a"], "options": {"a": SECRET}}),
        (None, {"cursorclass": SECRET, "connection_factory": SECRET}),
    ],
)
def test_what_the_driver_does_not_take_is_an_error_of_ours(backend, port, extra, monkeypatch):
    """Drivers raise anything at all for a wrong extra; nobody listens at the address, so none gets further."""
    from airflow_provider_uspeedo.ledger.ledger import Ledger
    from airflow_provider_uspeedo.ledger.store.engine import open_engine

    fields = {"host": "127.0.0.1", "port": port or 1, "login": "me", "password": SECRET, "extra_dejson": extra}
    url, arguments = ledger_url.server_url(Connection(**fields), "lake", backend)
    ledger = Ledger(ledgers._guarded(open_engine(url, connect_args=arguments), "Connection 'lake'"), timeout=0)
    with pytest.raises((ConfigurationError, LedgerError)) as raised:
        ledger.exists()
    assert SECRET not in everything_shown(raised.value)
    ledger.close()


@pytest.mark.parametrize(
    "path", ["/\0", "/tmp/\ud800.db", "/" + "x" * 5_000, "/" + "x/" * 3_000 + "y", "/", "/no/such/folder/x.db"]
)
def test_a_path_that_cannot_be_a_file_is_refused(path):
    """And not tried for a minute."""
    from airflow_provider_uspeedo.ledger.ledger import Ledger
    from airflow_provider_uspeedo.ledger.store.engine import open_engine

    def prepare() -> None:
        url, _ = ledger_url.url_of(Connection(conn_type="sqlite", host=path), "lake")
        Ledger(ledgers._guarded(open_engine(url), "Connection 'lake'"), timeout=0).prepare()

    with pytest.raises((ConfigurationError, LedgerError)):
        prepare()


def test_json_extras_of_airflow_reach_the_client_as_they_are(tmp_path: Path):
    """A CA bundle that is a folder, a device or no certificate at all ends in an error of ours."""
    nonsense = tmp_path / "ca.pem"
    nonsense.write_text("no certificate")
    for verify in (str(tmp_path), str(nonsense), "/dev/null"):
        extra = json.loads(json.dumps({"verify": verify, "timeout": 0.2}))
        config = ClientConfig.from_connection(login="id", password=SECRET, host="https://127.0.0.1:1", extra=extra)
        transport = Transport(config)
        with pytest.raises(NotSent) as raised:
            transport.send(HttpRequest("POST", "https://127.0.0.1:1/api", {}, b"{}"))
        transport.close()
        assert SECRET not in everything_shown(raised.value)
