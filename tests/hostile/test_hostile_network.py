# SPDX-License-Identifier: Apache-2.0
"""Hostile and broken servers: a send ends with the error that fits, and the key goes to no other server."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import logging
import ssl
import subprocess
import sys
import traceback
import zlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from airflow_provider_uspeedo.api.client import USpeedoClient
from airflow_provider_uspeedo.api.client_config import ClientConfig
from airflow_provider_uspeedo.api.response.outcomes import outcomes
from airflow_provider_uspeedo.core.content import Target, TaskContent
from airflow_provider_uspeedo.errors import NotSent, OutcomeUnknown

SECRET, PHONE, NAME = "canary-5ecret", "(852)55310001", "canary-Ann"
TARGETS = [Target(PHONE, (NAME,), user_id="canary-mark")]
CONTENT = [TaskContent("UTA1", "", TARGETS)]
ACCEPTED = json.dumps({"RetCode": 0, "SessionNo": "s", "SuccessCount": 1}).encode()
BOTH = pytest.mark.parametrize("api", ["action", "rest"])


@pytest.fixture
def text(caplog):
    """Send one message to a server, and check that no error shows the key or the recipient."""
    caplog.set_level(logging.DEBUG)
    clients = []

    def send(url, api="action", timeout=5.0, **settings):
        config = ClientConfig(
            url, access_key_id="canary-id", access_key_secret=SECRET, api=api, timeout=timeout, **settings
        )
        clients.append(USpeedoClient(config))
        try:
            return clients[-1].send_batch(CONTENT)
        except Exception as error:
            assert_quiet("".join(traceback.format_exception(error)), repr(error))
            raise

    yield send
    for client in clients:
        client.close()
    assert_quiet(caplog.text)


def assert_quiet(*shown):
    for canary in (SECRET, "55310001", NAME, "canary-mark"):
        assert not any(canary in one for one in shown)


def says(text):
    """A server that reads the request, answers with these bytes and closes the connection."""

    def handler(peer):
        peer.request()
        peer.sock.sendall(text)

    return handler


def goes_on(first, then, pause=0.0):
    """A server that reads the request, and then never ends: ``then`` again and again."""

    def handler(peer):
        peer.request()
        peer.sock.sendall(first)
        while not peer.server.stopped.wait(pause):
            peer.sock.sendall(then)

    return handler


def byte_by_byte(text):
    """A server that gives its whole, good answer, one byte each tenth of a second."""

    def handler(peer):
        peer.request()
        for byte in text:
            if peer.server.stopped.wait(0.1):
                return
            peer.sock.sendall(bytes([byte]))

    return handler


GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ACCEPTED), ACCEPTED)
ENDLESS = {
    "a drip": byte_by_byte(GOOD),
    "headers": goes_on(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n"),
    "one header": goes_on(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 4096),
    "one folded header": goes_on(b"HTTP/1.1 200 OK\r\nX: y\r\n", b" y\r\n", 0.01),
    "a status line": goes_on(b"HTTP/1.1 200 ", b"OK" * 4096),
    "a body": goes_on(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{", b" " * 65536),
    "a slow body": goes_on(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{", b" ", 0.05),
    "chunks": goes_on(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"4000\r\n" + b" " * 0x4000 + b"\r\n"),
    "a chunk's length": goes_on(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0" * 4096),
    "a chunk's extension": goes_on(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x=y;" * 1024),
    "trailers": goes_on(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-More: y\r\n", 0.01),
    "100 Continue": goes_on(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 with headers": goes_on(b"", b"HTTP/1.1 100 Continue\r\nX: " + b"y" * 1000 + b"\r\n\r\n"),
    "103 Early Hints": goes_on(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "nothing at all": goes_on(b"", b"", 0.05),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_given_up_as_unknown(serve, text, name):
    """Each wait is short and the whole has no end: the time-out is that of the whole request."""
    server = serve(ENDLESS[name])
    with pytest.raises(OutcomeUnknown):
        text(server.url, timeout=0.15)
    assert server.connections == 1


NONSENSE = {
    "HTTP/0.9": b"<html>hello</html>",
    "no version": b"200 OK\r\n\r\n" + ACCEPTED,
    "HTTP/9": b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "another protocol": b"220 mail.example ESMTP\r\n",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "an HTTP/2 frame": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18,
    "status 000": b"HTTP/1.1 000 Zero\r\n\r\n",
    "status -1": b"HTTP/1.1 -1 Less\r\n\r\n",
    "status 101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + ACCEPTED,
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 99\r\n\r\n" + ACCEPTED,
    "a length below zero": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: 0x40\r\nConnection: close\r\n\r\n{",
    "a length without end": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n{",
    "a chunk below zero": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n",
    "a chunk without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\n{",
    "a cut chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nff\r\n" + ACCEPTED,
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5000)) + b"\r\n{}",
    "not gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n{   }",
    "br": b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
    "no answer, then an answer": b"HTTP/1.1 204 No Content\r\n\r\n" + GOOD,
    "NUL in a header": b"HTTP/1.1 200 OK\r\nX\0: y\0\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("name", NONSENSE)
def test_an_answer_that_makes_no_sense_is_unknown(serve, text, name):
    """The request was given away, and what came back proves nothing."""
    with pytest.raises(OutcomeUnknown):
        text(serve(says(NONSENSE[name])).url)


@pytest.mark.parametrize("first", ["100 Continue", "102 Processing", "103 Early Hints", "199 Whatever"])
def test_what_comes_before_the_answer_is_not_the_answer(serve, text, first):
    """Nor is the answer left lying on the connection, where the next request would take it for its own."""
    answer = text(serve(says(b"HTTP/1.1 %s\r\nLink: </x>\r\n\r\n" % first.encode() + GOOD)).url)
    assert [one.status for one in outcomes(answer, TARGETS)] == ["accepted"]


def test_the_answer_to_one_request_is_never_that_to_the_next(serve):
    """A server that answers the first request too late, after an interim answer, gets a new connection."""

    def slow(peer):
        peer.request()
        peer.sock.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        peer.server.stopped.wait(0.9)
        peer.sock.sendall(GOOD)
        peer.server.stopped.wait(5)

    def refuse(peer):
        while True:
            peer.request()
            peer.answer({"RetCode": 153})

    server = serve(slow, refuse)
    client = USpeedoClient(ClientConfig(server.url, "canary-id", SECRET, timeout=0.3))
    with pytest.raises(OutcomeUnknown):
        client.send_batch(CONTENT)
    with pytest.raises(NotSent):
        client.send_batch(CONTENT)
    client.close()


# -- answers that unpack to more than there is room for -----------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, gzip", "gzip, gzip, gzip", "deflate, gzip"])
def test_a_bomb_does_not_go_off(serve, coding):
    """A child with little memory meets a few hundred bytes that would unpack to half a gigabyte."""
    packed = zlib.compress(bytes(1_000_000)) if coding.startswith("deflate") else gzip.compress(bytes(1_000_000))
    packed = b"".join([packed] * 500)
    if coding in ("gzip", "deflate"):
        compressor = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
        packed = b"".join(compressor.compress(bytes(1_000_000)) for _ in range(500)) + compressor.flush()
    for _ in coding.split(",")[1:]:
        packed = gzip.compress(packed)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    server = serve(says(head + packed))
    child = subprocess.run([sys.executable, "-c", BOMBED, server.url], capture_output=True, text=True, check=False)
    assert child.stdout.split() == ["OutcomeUnknown"], child.stderr


BOMBED = """
import resource, sys
from airflow_provider_uspeedo.api.client_config import ClientConfig
from airflow_provider_uspeedo.api.http.messages import HttpRequest
from airflow_provider_uspeedo.api.http.transport import Transport

transport = Transport(ClientConfig(sys.argv[1], "id", "secret", timeout=5))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 150_000_000,) * 2)
try:
    print(len(transport.send(HttpRequest("POST", sys.argv[1] + "/api", {}, b"{}")).body))
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize("coding", ["gzip, gzip", "deflate, gzip", "gzip,gzip", "br", "compress", "identity, gzip"])
def test_an_answer_packed_in_a_way_that_was_not_asked_for_is_not_unpacked(serve, text, coding):
    """Two packings on top of each other make a byte a million; older libraries unpack them without a limit."""
    packed = zlib.compress(ACCEPTED) if coding.startswith("deflate") else gzip.compress(ACCEPTED)
    packed = gzip.compress(packed) if coding.count("gzip") == 2 or coding.startswith("deflate") else packed
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    with pytest.raises(OutcomeUnknown, match="was not asked for"):
        text(serve(says(head + packed)).url)


def test_a_packed_answer_that_fits_is_read(serve, text):
    """Compression alone is no crime."""
    packed = gzip.compress(ACCEPTED)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: GZip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    assert text(serve(says(head + packed)).url).session_nos == ("s",)


# -- elsewhere ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "api"), [*[(status, "action") for status in (300, 301, 302, 303, 307)], (308, "rest")]
)
@pytest.mark.parametrize(
    "to", ["{other}/api", "//127.0.0.1:{port}/api", "{own}/api", "file:///etc/passwd", "\\\\evil", ""]
)
def test_a_redirect_is_never_followed(serve, text, api, status, to):
    """Neither key nor phones go elsewhere; whether the request was taken before it was sent on is unknown."""
    other = serve(says(GOOD))

    def redirect(peer):
        while True:
            peer.request()
            location = to.format(other=other.url, port=other.port, own=peer.server.url)
            peer.answer(b"moved", f"{status} Moved", Location=location, Refresh="0; url=" + other.url)

    server = serve(redirect)
    with pytest.raises(OutcomeUnknown) as raised:
        text(server.url, api)
    assert raised.value.http_status == status
    assert (len(server.requests), other.connections) == (1, 0)


@BOTH
def test_a_redirect_that_answers_is_an_answer(serve, text, api):
    """Its body is read like any other: the vendor's word counts at any status."""
    head = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: %d\r\n\r\n" % len(ACCEPTED)
    assert text(serve(says(head + ACCEPTED)).url, api).session_nos == ("s",)
    refused = b'{"RetCode": 153}'
    head = b"HTTP/1.1 302 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: %d\r\n\r\n" % len(refused)
    with pytest.raises(NotSent):
        text(serve(says(head + refused)).url, api)


@BOTH
@pytest.mark.parametrize("status", ["401 Unauthorized", "407 Proxy Authentication Required"])
def test_a_challenge_is_not_answered(serve, text, api, status):
    """A server that asks for a password gets none but the signature or the header it had."""

    def challenge(peer):
        while True:
            peer.request()
            peer.answer(b"who are you?", status, WWW_Authenticate='Basic realm="x"', Proxy_Authenticate="Basic")

    server = serve(challenge)
    with pytest.raises(OutcomeUnknown):
        text(server.url, api)
    assert len(server.requests) == 1


# -- TLS ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def made_for(tmp_path):
    """A server's TLS context whose certificate names another host or another time, and the authority to trust."""

    def make(name="127.0.0.1", days=(-1, 1)):
        key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        builder = builder.serial_number(1).not_valid_before(now + dt.timedelta(days=days[0]))
        builder = builder.not_valid_after(now + dt.timedelta(days=days[1]))
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        made = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(
            key, hashes.SHA256()
        )
        path, pem = tmp_path / "server.pem", serialization.Encoding.PEM
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(made.public_bytes(pem) + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context, str(path)

    return make


@pytest.mark.parametrize("wrong", [{"name": "api.example"}, {"days": (-9, -2)}, {"days": (2, 9)}])
def test_a_certificate_of_another_host_or_time_gets_nothing(serve, text, made_for, wrong):
    """Even if its authority is trusted: nothing has left."""
    context, authority = made_for(**wrong)
    server = serve(says(GOOD), tls=context)
    with pytest.raises(NotSent):
        text(server.url, verify=authority)
    assert server.requests == []


@pytest.mark.parametrize("pause", [0.0, 0.1])
def test_a_handshake_that_never_ends_has_sent_nothing(serve, text, pause):
    """A TLS record that comes byte by byte, or not at all."""
    record = b"\x16\x03\x03\x40\x00" + b"\x02\x00\x3f\xfc\x03\x03" + bytes(50)

    def drip(peer):
        peer.sock.recv(65536)
        for byte in record if pause else b"":
            if peer.server.stopped.wait(pause):
                return
            peer.sock.sendall(bytes([byte]))
        peer.server.stopped.wait(5)

    with pytest.raises(NotSent):
        text(serve(drip).url.replace("http:", "https:"), timeout=0.15)


def test_a_proxy_that_drips_has_sent_nothing(serve, text):
    """Its consent to the tunnel comes too late; the request was never given to it."""
    proxy = serve(byte_by_byte(b"HTTP/1.1 200 Connection established\r\nX: " + b"y" * 80 + b"\r\n\r\n"))
    with pytest.raises(NotSent):
        text("https://127.0.0.1:9", proxies={"https": proxy.url}, timeout=0.15)
    assert all(first.startswith("CONNECT") and not body for first, _, body in proxy.requests)
