"""Requests that are damaged at random: none is an internal error, and the server lives on."""

import contextlib
import os
import random
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import requests
from hardening.mutations import EXTREMES, LARGER_EXTREMES, mutate

from cshml_tf.server.client import Client

REQUESTS = int(os.environ.get("MUTANTS", "1000"))
CLIENTS = 16
# After these, a client takes it that the server waits for more of a request that was cut short.
SECONDS = 2
SEED = int(os.environ.get("SEED", "0"))
RED = (230, 20, 20)
METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"HEAD", b"TRACE", b"CONNECT", b"x")
PATHS = (
    *(b"/v1/identify?top=%d", b"/v1/people/%d/faces/%d", b"/v1/people?limit=%d&after=%%00", b"/v1/people/%%ff%d"),
    *(b"/..%%2f..%%2f%d", b"//%d", b"/%%00%d", b"/v1/people/%%2e%%2e", b"/v1/people/" + b"a" * 5000, b"*", b""),
    *(b"/v1/people/Ann/faces/%d", b"/v1/people/%%E0%%A4%%A/faces", b"/page/%d.js", b"/" + b"b" * 300, b"/\xff"),
)
HEADERS = (
    *(b"Content-Length: -1", b"Content-Length: 99999999999999999999", b"Transfer-Encoding: chunked"),
    *(b"Content-Type: application/json", b"Content-Type: multipart/form-data", b"Content-Type: \xff"),
    *(b"Content-Type: multipart/form-data; boundary=", b"Authorization: \x80", b"Origin: null", b"Expect: x"),
    *(b"Upgrade: websocket\r\nConnection: upgrade", b"Content-Encoding: gzip", b"Host: \xc3", b"Range: bytes=9-1"),
    *(b"Cookie: " + b"c" * 70_000, b"Content-Type: multipart/form-data; boundary=" + b"d" * 300),
)


def form(*parts):
    """Return the body of a form with the boundary "b", of (name, file's name or None, content)."""
    lines = []
    for name, file, content in parts:
        named = b'; filename="%s"' % file if file else b""
        lines += [b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n' % (name, named), content, b"\r\n"]
    return b"".join([*lines, b"--b--\r\n"])


def request(method, path, body=b"", more=()):
    """Return the bytes of a request."""
    head = [b"%s %s HTTP/1.1" % (method, path), b"Host: localhost", b"Connection: close"]
    if body:
        head += [b"Content-Type: multipart/form-data; boundary=b", b"Content-Length: %d" % len(body)]
    return b"\r\n".join([*head, *more, b"", body])


def mutants(picture, count, seed):
    """Yield requests, each a valid one that was damaged: its bytes, its body alone, its path or its headers."""
    rng = random.Random(seed)
    one, two = form((b"picture", b"a.png", picture)), form((b"first", b"a", picture), (b"second", b"b", picture))
    person = form((b"name", None, b"Eve"), (b"picture", b"a.png", picture))
    valid = [
        *((b"POST", b"/v1/identify", one), (b"POST", b"/v1/embed", one), (b"POST", b"/v1/compare", two)),
        *((b"POST", b"/v1/people", person), (b"POST", b"/v1/people/Eve/faces", one), (b"GET", b"/v1/people", b"")),
        *(
            (b"GET", b"/v1/people/Ann/faces/1", b""),
            (b"GET", b"/v1/gallery", b""),
            (b"DELETE", b"/v1/people/E", b""),
        ),
        *((b"GET", b"/metrics", b""), (b"GET", b"/docs", b""), (b"GET", b"/", b""), (b"GET", b"/healthz", b"")),
    ]
    for _ in range(count):
        method, path, body = rng.choice(valid)
        kind = rng.randrange(5)
        if kind == 0:
            yield mutate(request(method, path, body), "bytes", rng)
        elif kind == 1:
            yield request(method, path, mutate(body, "bytes", rng) if body else b"x")
        elif kind == 2:
            shape = rng.choice(PATHS)
            number = rng.choice(EXTREMES + LARGER_EXTREMES) - rng.choice((0, 0, 1, 2**64))
            yield request(method, shape % ((number,) * shape.count(b"%d")), body)
        elif kind == 3:
            yield request(method, path, body, rng.sample(HEADERS, rng.randint(1, 3)))
        else:
            yield request(rng.choice(METHODS), path, body)


def answer(address, sent):
    """Send bytes and return the status; None if the server hangs up or waits for more."""
    with socket.create_connection(address, timeout=SECONDS) as connection, contextlib.suppress(OSError):
        connection.sendall(sent)
        received = connection.recv(4096)
        return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.1 ") else None


def test_damaged_requests(place, networks, running, paint):
    with running(place, networks, body_seconds=0.5) as (server, _):
        host, _, port = server.removeprefix("http://").partition(":")
        sent = list(mutants(paint(RED), REQUESTS, SEED))
        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = list(pool.map(lambda each: answer((host, int(port)), each), sent))
        for number, status in enumerate(answers):
            assert status is None or status < 500 or status == 501, (
                f"seed {SEED}, request {number}: {sent[number][:500]!r}"
            )
        statuses = Counter(answers)
        # Both what is refused and what is still understood was tried.
        assert statuses[200] > REQUESTS / 50 and statuses[422] > REQUESTS / 50 and statuses[400] > REQUESTS / 50
        assert Client(server).identify(paint(RED))["faces"][0]["name"] == "Ann"
        assert 'status="500"' not in requests.get(server + "/metrics").text
        print(f"{REQUESTS} requests by status: {dict(statuses)}")
