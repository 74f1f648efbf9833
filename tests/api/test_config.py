# SPDX-License-Identifier: Apache-2.0
"""The settings of a connection."""

from __future__ import annotations

import pytest

from airflow_provider_uspeedo.api.client_config import ClientConfig
from airflow_provider_uspeedo.errors import ConfigurationError


def connect(**pieces):
    return ClientConfig.from_connection(**{"login": "id", "password": "secret"} | pieces)


@pytest.mark.parametrize(
    ("pieces", "base_url"),
    [
        ({}, "https://api.uspeedo.com"),
        ({"host": "api.example"}, "https://api.example"),
        ({"host": "http://127.0.0.1:8025"}, "http://127.0.0.1:8025"),
        ({"host": "http://127.0.0.1", "port": 8025}, "http://127.0.0.1:8025"),
        ({"host": "127.0.0.1", "port": 8025, "schema": "http"}, "http://127.0.0.1:8025"),
        ({"host": "localhost", "schema": "HTTP"}, "http://localhost"),
        ({"host": "https://api.example:444", "port": 8025}, "https://api.example:444"),
        ({"host": "https://gate.example/sms/", "port": 444}, "https://gate.example:444/sms"),
        ({"host": "https://api.uspeedo.com/api"}, "https://api.uspeedo.com"),
        ({"host": "::1", "port": 8025, "schema": "http"}, "http://[::1]:8025"),
        ({"host": "http://[::1]:8025"}, "http://[::1]:8025"),
        ({"host": "http://10.0.0.1", "extra": {"allow_http": "True"}}, "http://10.0.0.1"),
    ],
)
def test_the_base_url_is_put_together_from_what_the_connection_has(pieces, base_url):
    """Scheme and port are added where the host lacks them, and a path is kept."""
    assert connect(**pieces).base_url == base_url


@pytest.mark.parametrize(
    ("pieces", "named"),
    [
        ({"login": ""}, "login"),
        ({"password": None}, "password"),
        ({"login": "a b"}, "login"),
        ({"password": "a\nb"}, "password"),
        ({"host": "http://api.example"}, "allow_http"),
        ({"host": "http://127.0.0.1.example"}, "allow_http"),
        ({"host": "ftp://api.example"}, "host"),
        ({"host": "https://user:word@api.example"}, "host"),
        ({"host": "https://api.example?x=1"}, "host"),
        ({"host": "https://api.example#x"}, "host"),
        ({"host": "https://"}, "host"),
        ({"host": "https://[::1"}, "host"),
        ({"host": "https://api.example:port"}, "host"),
        ({"host": "api example"}, "host"),
        ({"host": "api.example", "schema": "smtp"}, "schema"),
        ({"extra": {"api": "soap"}}, "'api'"),
        ({"login": "a:b", "extra": {"api": "rest"}}, "login"),
        ({"extra": {"timeout": "0"}}, "'timeout'"),
        ({"extra": {"timeout": "nan"}}, "'timeout'"),
        ({"extra": {"timeout": "soon"}}, "'timeout'"),
        ({"extra": {"timeout": 1e9}}, "'timeout'"),
        ({"extra": {"account_id": "abc"}}, "'account_id'"),
        ({"extra": {"account_id": -1}}, "'account_id'"),
        ({"extra": {"allow_http": "perhaps"}}, "'allow_http'"),
        ({"extra": {"proxies": "no url"}}, "'proxies'"),
        ({"extra": {"proxies": "{broken"}}, "'proxies'"),
        ({"extra": {"proxies": {"https": 1}}}, "'proxies'"),
    ],
)
def test_a_wrong_setting_is_refused_with_the_name_of_its_field(pieces, named):
    """The message names the field of the connection that has to be changed, and quotes no secret."""
    with pytest.raises(ConfigurationError) as raised:
        connect(**pieces)
    assert named in str(raised.value)
    assert "word" not in str(raised.value).replace("password", "")


def test_extras_may_be_texts():
    """A connection form or a URI gives texts; they mean what they say, in whatever case."""
    config = connect(
        extra={
            "account_id": "5",
            "api": "REST",
            "timeout": "2.5",
            "verify": "False",
            "allow_http": "1",
            "proxies": '{"https": "http://proxy.example:3128"}',
        }
    )
    assert (config.account_id, config.api, config.timeout, config.verify) == (5, "rest", 2.5, False)
    assert config.allow_http
    assert config.proxies == {"https": "http://proxy.example:3128"}


def test_empty_extras_count_as_not_given():
    """A form that was left empty gives the defaults."""
    empty = dict.fromkeys(["account_id", "api", "timeout", "verify", "allow_http", "proxies"], "")
    assert connect(extra=empty) == connect()


def test_verify_may_be_a_path_and_proxies_one_url():
    """A CA bundle is named by its path; one proxy may serve for everything."""
    config = connect(extra={"verify": "/etc/ssl/ours.pem", "proxies": "http://proxy.example:3128"})
    assert config.verify == "/etc/ssl/ours.pem"
    assert config.proxies == {"all": "http://proxy.example:3128"}


def test_no_secret_shows():
    """The repr holds neither the secret nor a proxy's password."""
    config = connect(password="hush-hush", extra={"proxies": "http://me:hush-hush@proxy.example"})
    assert "hush" not in repr(config)


def test_settings_are_checked_however_they_are_made():
    """A config made without a connection is held to the same rules."""
    with pytest.raises(ConfigurationError, match="account_id"):
        ClientConfig(access_key_id="id", access_key_secret="s", account_id=True)
