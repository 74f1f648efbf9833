# SPDX-License-Identifier: Apache-2.0
"""One HTTP request, over real sockets: a response, *not sent*, or *unknown*."""

from __future__ import annotations

import gc
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_uspeedo.api.http.messages import HttpRequest
from airflow_provider_uspeedo.api.http.transport import Transport
from airflow_provider_uspeedo.errors import ConfigurationError, NotSent, OutcomeUnknown

SECRET = "85255311111"
BODY = json.dumps({"Phone": SECRET}).encode()


@pytest.fixture
def send(make_config):
    """Send one call to a URL; the transport is closed in the end."""
    transports = []

    def once(base_url, body=BODY, **settings):
        limits = {"max_response_bytes": settings.pop("limit")} if "limit" in settings else {}
        transports.append(Transport(make_config(base_url, **settings), **limits))
        return transports[-1].send(HttpRequest("POST", f"{base_url}/api", {"Content-Type": "application/json"}, body))

    yield once
    for transport in transports:
        transport.close()
    transports.clear()
    gc.collect()  # so that a socket left open is reported here


def good(peer):
    while True:
        peer.request()
        peer.answer({"RetCode": 0})


def silent(peer):
    peer.request()
    peer.server.stopped.wait(10)


def drop(peer):
    peer.request()


def reset(peer):
    peer.request()
    peer.reset()


def reset_early(peer):
    peer.sock.recv(10)
    peer.reset()


def raw(text):
    def handler(peer):
        peer.request()
        peer.sock.sendall(text)

    return handler


def drip(text):
    """Send the first line at once and the rest byte by byte, over some seconds."""

    def handler(peer):
        peer.request()
        first, rest = text.split(b"\n", 1)
        peer.sock.sendall(first + b"\n")
        for byte in rest:
            if peer.server.stopped.wait(0.05):
                return
            peer.sock.sendall(bytes([byte]))

    return handler


def quiet(error):
    """Everything that a log could show of an error."""
    shown = [error]
    while shown[-1].__cause__ or shown[-1].__context__:
        shown.append(shown[-1].__cause__ or shown[-1].__context__)
    text = " ".join(f"{one} {one!r}" for one in shown)
    return SECRET not in text and "/api" not in text and len(shown) == 1


def test_a_complete_answer_is_handed_over(serve, send):
    """Status, headers in lower case, body; the request arrives as it was built."""
    server = serve(good)
    answer = send(server.url)
    assert (answer.status, answer.headers["content-length"]) == (200, "14")
    assert json.loads(answer.body) == {"RetCode": 0}
    first, headers, body = server.requests[0]
    assert (first, headers["content-type"], body) == ("POST /api HTTP/1.1", "application/json", BODY)


@pytest.mark.parametrize("status", ["400 Bad", "429 Slow down", "500 Oh", "503 Busy"])
def test_any_status_is_an_answer(serve, send, status):
    """What it means is decided elsewhere, and nothing is sent again."""

    def handler(peer):
        peer.request()
        peer.answer(b"no", status, Retry_After="0")

    server = serve(handler)
    assert send(server.url).status == int(status[:3])
    assert len(server.requests) == 1


def test_a_redirect_is_not_followed(serve, send):
    """The answer is the redirect itself; its body is read like any other and its target is never asked."""
    target = serve(good)

    def handler(peer):
        peer.request()
        peer.answer(b"elsewhere", "307 Temporary Redirect", Location=target.url)

    assert send(serve(handler).url).status == 307
    assert target.connections == 0


def test_a_refused_connection_never_left(send, free_port):
    """No server listens."""
    with pytest.raises(
        NotSent, match=rf"No connection to 127\.0\.0\.1:{free_port}: the connection is refused"
    ) as raised:
        send(f"http://127.0.0.1:{free_port}")
    assert quiet(raised.value)


def test_a_name_that_does_not_resolve_never_left(send):
    """There is no such host."""
    with pytest.raises(
        NotSent, match=r"No connection to no-such-host\.invalid:443: the name cannot be resolved; nothing"
    ):
        send("https://no-such-host.invalid")


def test_a_connect_time_out_never_left(send):
    """A listener whose queue is full never completes a connection; the time-out reaches the socket."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(address)
        with pytest.raises(NotSent, match=r"it did not answer in 0\.3 s"):
            send(f"http://127.0.0.1:{address[1]}", timeout=0.3)
        for sock in waiting:
            sock.close()


def test_tls_with_a_plain_port_never_left(serve, send):
    """The handshake fails before the request is written."""

    def plain(peer):
        peer.server.requests.append(("", {}, peer.sock.recv(65536)))
        peer.answer(b"speak HTTP", "400 Bad")

    server = serve(plain)
    with pytest.raises(NotSent, match="TLS failed: is it the right port") as raised:
        send(server.url.replace("http:", "https:"))
    assert quiet(raised.value)
    assert [SECRET.encode() in taken for _, _, taken in server.requests] == [False]


@pytest.mark.parametrize("handler", [silent, reset_early])
def test_a_handshake_that_is_not_answered_never_left(serve, send, handler):
    """Neither silence nor a reset in the handshake can have carried the request."""
    with pytest.raises(NotSent):
        send(serve(handler).url.replace("http:", "https:"), timeout=0.3)


def test_an_untrusted_certificate_never_left(serve, send, tls):
    """Certificates are checked."""
    server = serve(good, tls=tls)
    with pytest.raises(NotSent):
        send(server.url)
    assert server.requests == []


def test_a_trusted_certificate_works(serve, send, tls, certificate):
    """With a CA bundle of one's own."""
    assert send(serve(good, tls=tls).url, verify=str(certificate)).status == 200


@pytest.mark.parametrize("handler", [silent, drop, reset, raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")])
def test_tls_that_breaks_after_the_request_is_unknown(serve, send, tls, certificate, handler):
    """The same exceptions as in a handshake, and the opposite meaning."""
    server = serve(handler, tls=tls)
    with pytest.raises(OutcomeUnknown) as raised:
        send(server.url, verify=str(certificate), timeout=0.3)
    assert quiet(raised.value)
    assert len(server.requests) == 1


def test_a_tls_record_that_is_garbage_is_unknown(serve, send, tls, certificate):
    """A TLS error in mid-answer comes after the request was taken."""

    def handler(peer):
        peer.request()
        socket.socket.sendall(peer.sock, b"\x17\x03\x03\x00\x10" + b"garbage-" * 2)
        peer.server.stopped.wait(10)

    server = serve(handler, tls=tls)
    with pytest.raises(OutcomeUnknown):
        send(server.url, verify=str(certificate))


@pytest.mark.parametrize(
    "handler",
    [
        silent,
        drop,
        reset,
        reset_early,
        raw(b"garbage " + SECRET.encode() + b"\r\n\r\n"),
        raw(b"HTTP/1.1 abc\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n{}"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
        raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n{}"),
        raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n{}"),
    ],
)
def test_no_complete_answer_is_unknown(serve, send, handler):
    """Silence, a lost connection, garbage, an answer cut short in any framing: it may have arrived, once."""
    server = serve(handler)
    with pytest.raises(OutcomeUnknown) as raised:
        send(server.url, timeout=0.5)
    assert quiet(raised.value)
    assert server.connections == 1


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 60\r\n\r\n" + b" " * 60,
        b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 10 + b"0\r\n\r\n",
        b"HTTP/1.1 200 OK\n" + b"Some-Header: and its value\r\n" * 4 + b"Content-Length: 0\r\n\r\n",
    ],
)
def test_an_answer_that_drips_is_given_up(serve, send, text):
    """Each byte comes in time; the whole does not."""
    with pytest.raises(OutcomeUnknown):
        send(serve(drip(text)).url, timeout=0.3)


def test_a_server_that_does_not_read_is_given_up(serve, send):
    """A request that is taken only in part may have arrived."""

    def handler(peer):
        peer.sock.recv(10)
        peer.server.stopped.wait(10)

    with pytest.raises(OutcomeUnknown):
        send(serve(handler).url, body=b"x" * 30_000_000, timeout=0.3)


@pytest.mark.parametrize("framing", ["Content-Length: 3000", "Transfer-Encoding: chunked", "Connection: close"])
def test_an_answer_over_the_limit_is_not_read(serve, send, framing):
    """A server cannot fill the memory; what it said stays unknown."""
    body = b"x" * 3000
    if "chunked" in framing:
        body = b"bb8\r\n" + body + b"\r\n0\r\n\r\n"
    with pytest.raises(OutcomeUnknown, match="larger than 2000"):
        send(serve(raw(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode() + body)).url, limit=2000)


def test_a_compressed_answer_counts_by_what_it_unpacks_to(serve, send):
    """Small as it is sent, large in memory: over the limit."""

    def handler(peer):
        peer.request()
        peer.answer(gzip.compress(b"x" * 3000), Content_Encoding="gzip")

    with pytest.raises(OutcomeUnknown, match="larger"):
        send(serve(handler).url, limit=2000)


def test_a_chunked_answer_is_read(serve, send):
    """Both framings of HTTP/1.1 are known."""
    text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    assert send(serve(raw(text)).url).body == b"{}"


def test_an_answer_that_ends_with_the_connection_is_read(serve, send):
    """And so is the framing of HTTP/1.0."""
    assert send(serve(raw(b"HTTP/1.0 200 OK\r\n\r\n{}")).url).body == b"{}"


def test_an_answer_before_the_end_of_the_request_is_read(serve, send):
    """A server may refuse a large request without reading it."""

    def handler(peer):
        peer.sock.recv(100)
        peer.answer({"RetCode": 153}, "429 Slow down", Connection="close")
        while peer.sock.recv(65536):
            pass

    assert send(serve(handler).url, body=b"x" * 300_000).status == 429


def test_a_connection_is_used_again(serve, make_config):
    """One connection serves the calls of a thread."""
    server = serve(good)
    transport = Transport(make_config(server.url))
    for _ in range(3):
        transport.send(HttpRequest("POST", f"{server.url}/api", {}, BODY))
    transport.close()
    assert (server.connections, len(server.requests)) == (1, 3)


def test_a_connection_that_was_idle_is_not_used_again(serve, make_config):
    """After the limit a new one is made: an old one may be half dead."""
    server = serve(good)
    transport = Transport(make_config(server.url), max_idle=-1.0)
    transport.send(HttpRequest("POST", f"{server.url}/api", {}, BODY))
    transport.send(HttpRequest("POST", f"{server.url}/api", {}, BODY))
    transport.close()
    assert server.connections == 2


def test_a_connection_that_the_server_closed_is_not_used_again(serve, make_config):
    """A connection whose end has arrived is replaced before the request is given to it."""
    closed = threading.Event()

    def once(peer):
        peer.request()
        peer.answer({"RetCode": 0})
        peer.sock.close()
        closed.set()

    server = serve(once, good)
    transport = Transport(make_config(server.url))
    transport.send(HttpRequest("POST", f"{server.url}/api", {}, BODY))
    assert closed.wait(5)
    assert transport.send(HttpRequest("POST", f"{server.url}/api", {}, BODY)).status == 200
    transport.close()


def test_every_thread_has_its_own_connection(serve, make_config):
    """Threads share a transport but no session."""
    server = serve(good)
    transport = Transport(make_config(server.url))
    together = threading.Barrier(4)

    def one(_):
        together.wait(5)
        status = transport.send(HttpRequest("POST", f"{server.url}/api", {}, BODY)).status
        together.wait(5)
        return status

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(4))) == [200] * 4
    assert server.connections == 4
    transport.close()
    transport.close()
    assert transport.send(HttpRequest("POST", f"{server.url}/api", {}, BODY)).status == 200
    transport.close()


def test_a_netrc_changes_nothing(serve, send, tmp_path, monkeypatch):
    """The file of the user who runs the worker must not replace our credentials."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password word\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server = serve(good)
    send(server.url)
    assert "authorization" not in server.requests[0][1]


def test_cookies_are_not_sent_back(serve, make_config):
    """Nothing of one answer gets into the next request."""

    def handler(peer):
        while True:
            peer.request()
            peer.answer({}, Set_Cookie="a=b; Path=/")

    server = serve(handler)
    transport = Transport(make_config(server.url))
    for _ in range(2):
        transport.send(HttpRequest("POST", f"{server.url}/api", {}, BODY))
    transport.close()
    assert "cookie" not in server.requests[1][1]


def test_a_ca_bundle_that_is_not_there_is_refused(make_config):
    """Before anything is sent, naming the extra."""
    with pytest.raises(ConfigurationError, match="'verify'"):
        Transport(make_config(verify="/no/such/bundle.pem"))


def test_what_cannot_become_a_request_never_left(send):
    """The libraries refuse some headers and URLs before they connect."""
    with pytest.raises(NotSent):
        send("https://" + "a" * 70 + ".example")


# Proxies


def tunnel(then):
    """A proxy that grants CONNECT and then is the server itself."""

    def handler(peer):
        peer.request()
        peer.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        then(peer)

    return handler


def inside(tls, then):
    def handler(peer):
        peer.sock = tls.wrap_socket(peer.sock, server_side=True)
        then(peer)
        peer.sock.close()

    return handler


@pytest.mark.parametrize(
    "handler",
    [
        raw(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
        raw(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"),
        drop,
        reset,
        silent,
        raw(b"garbage\r\n\r\n"),
        tunnel(reset_early),
        tunnel(raw(b"garbage")),
        tunnel(silent),
        drip(b"HTTP/1.1 200 OK\n" + b"X: y\r\n" * 90),
    ],
)
def test_what_fails_on_the_way_through_a_proxy_never_left(serve, send, handler):
    """Neither the CONNECT nor the handshake behind it carries anything of the request."""
    proxy = serve(handler)
    with pytest.raises(NotSent) as raised:
        send("https://api.example", proxies={"https": proxy.url}, timeout=0.3)
    assert quiet(raised.value)
    assert all(first.startswith("CONNECT api.example:443 ") for first, _, _ in proxy.requests[:1])
    assert all(SECRET.encode() not in body for _, _, body in proxy.requests)


def test_a_proxy_that_is_not_there_never_left(send, free_port):
    """For both schemes."""
    proxies = {"all": f"http://127.0.0.1:{free_port}"}
    for url in ("https://api.example", "http://127.0.0.1:1"):
        with pytest.raises(NotSent):
            send(url, proxies=proxies)


def test_a_request_lost_behind_a_proxy_is_unknown(serve, send, tls, certificate):
    """Once the tunnel carried it, the loss of the answer is the loss of an answer."""
    for then in (drop, reset, silent):
        proxy = serve(tunnel(inside(tls, then)))
        with pytest.raises(OutcomeUnknown):
            send("https://127.0.0.1:9", proxies={"https": proxy.url}, verify=str(certificate), timeout=0.5)
        assert len(proxy.requests) == 2


def test_a_request_through_a_proxy_is_answered(serve, send, tls, certificate):
    """A tunnel for https, forwarding for http."""
    proxy = serve(tunnel(inside(tls, good)))
    answer = send("https://127.0.0.1:9", proxies={"https": proxy.url}, verify=str(certificate))
    assert answer.status == 200
    forward = serve(good)
    assert send("http://127.0.0.1:9", proxies={"http": forward.url}).status == 200
    assert forward.requests[0][0] == "POST http://127.0.0.1:9/api HTTP/1.1"


@pytest.mark.parametrize("handler", [drop, reset, silent])
def test_a_request_lost_by_a_forwarding_proxy_is_unknown(serve, send, handler):
    """The proxy has it, and what it did with it is not known."""
    with pytest.raises(OutcomeUnknown):
        send("http://127.0.0.1:9", proxies={"http": serve(handler).url}, timeout=0.3)


def test_proxies_of_the_environment_are_used_but_not_for_this_machine(serve, send, monkeypatch):
    """A proxy on the network has no business with a sandbox on loopback."""
    proxy, server = serve(drop), serve(good)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert send(server.url).status == 200
    assert proxy.connections == 0
    with pytest.raises(NotSent):
        send("https://api.example")
    assert proxy.connections == 1


def test_no_proxy_among_the_proxies_is_heeded(serve, send):
    """Hosts that are named there are reached directly."""
    proxy, server = serve(drop), serve(good)
    assert send(server.url, proxies={"http": proxy.url, "no_proxy": "127.0.0.1"}).status == 200
    assert proxy.connections == 0


def test_verify_off_accepts_any_certificate(serve, send, tls):
    """Only if asked for; the library warns."""
    with pytest.warns(Warning, match="Unverified HTTPS"):
        assert send(serve(good, tls=tls).url, verify=False).status == 200


FROZEN = """
import sys
from airflow_provider_uspeedo.api.client_config import ClientConfig
from airflow_provider_uspeedo.api.http.messages import HttpRequest
from airflow_provider_uspeedo.api.http.transport import Transport

config = ClientConfig(sys.argv[1], "id", "secret", timeout=0.5)
print(len(Transport(config).send(HttpRequest("POST", sys.argv[1] + "/api", {}, b"{}")).body))
"""


def test_an_answer_that_came_while_the_client_was_frozen_is_read(serve):
    """A client stopped for longer than its whole deadline finds its answer in the socket and takes it."""
    frozen = threading.Event()

    def answer_when_frozen(peer):
        peer.request()
        frozen.wait(10)
        peer.answer(b"x" * 100_000)  # more than one read

    server = serve(answer_when_frozen)
    child = subprocess.Popen([sys.executable, "-c", FROZEN, server.url], stdout=subprocess.PIPE, text=True)
    while not server.requests:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGSTOP)
    frozen.set()
    time.sleep(1.5)
    os.kill(child.pid, signal.SIGCONT)
    assert child.communicate(timeout=20)[0].strip() == "100000"


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (silent, "it did not answer in 0.4 s"),
        (drop, "it closed the connection"),
        (reset, "it closed the connection"),
        (
            lambda peer: (peer.request(), peer.sock.sendall(b"SSH-2.0-OpenSSH_9\r\n\r\n")),
            "what answers does not speak HTTP",
        ),
        (
            lambda peer: (
                peer.request(),
                peer.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"),
            ),
            "the answer breaks off",
        ),
    ],
)
def test_a_lost_answer_says_in_words_how_it_was_lost(serve, send, handler, words):
    """With host, port and connection, without a class of a library."""
    server = serve(handler)
    place = server.url.removeprefix("http://")
    with pytest.raises(OutcomeUnknown) as raised:
        send(server.url, timeout=0.4, conn_id="sms")
    text = f"No complete response from {place} (connection 'sms'): {words}; the request may have arrived."
    assert str(raised.value) == text
