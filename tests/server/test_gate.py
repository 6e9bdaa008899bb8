"""Who may ask, from where and how much, and what is written of it."""

import json
import socket
import threading
import time

import pytest
import requests

from cshml_tf.server.client import Client, ServerError

RED = (230, 20, 20)
KEY, OTHER = "a-key-of-sixteen-or-more", "another-key-of-24-letters"


def ask(server, request):
    """Send raw bytes and return all that comes back."""
    host, _, port = server.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def status_of(answer):
    return int(answer.split(b" ", 2)[1])


def test_keys(place, networks, running, paint, tmp_path):
    log = tmp_path / "audit.jsonl"
    with running(place, networks, (KEY, OTHER), log) as (server, _):
        assert requests.get(server + "/v1/people").status_code == 401
        for wrong in (KEY[:-1], KEY + "x", KEY.upper(), "é" * 20):
            with pytest.raises(ServerError, match="expected the header Authorization: Bearer KEY") as refused:
                Client(server, wrong.encode("utf-8").decode("latin-1")).people()
            assert refused.value.status == 401
        assert requests.get(server + "/metrics").status_code == 401
        assert requests.get(server + "/metrics", headers={"Authorization": f"bearer {OTHER}"}).ok
        assert [requests.get(server + path).status_code for path in ("/", "/docs", "/healthz")] == [200] * 3
        Client(server, KEY).identify(paint(RED))
        Client(server, OTHER).person("Ann")
        Client(server, KEY).enrol("Eve", paint(RED, number=1))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    *_, asked, looked, enrolled = lines
    assert (asked["method"], asked["path"], asked["status"]) == ("POST", "/v1/identify", 200)
    assert (asked["address"], asked["faces"], asked["named"]) == ("127.0.0.1", 1, 1)
    assert (looked["path"], looked["status"]) == ("/v1/people/Ann", 200)
    assert (enrolled["path"], enrolled["status"], enrolled["person"]) == ("/v1/people", 201, "Eve")
    assert enrolled["key"] == asked["key"]
    assert asked["key"] != looked["key"] and {len(asked["key"]), len(looked["key"])} == {8}
    assert [line["status"] for line in lines[:6]] == [401] * 6 and lines[0]["key"] is None
    assert KEY not in log.read_text() and log.stat().st_mode & 0o777 == 0o600


def test_pages_of_other_sites_are_refused(server):
    """A page on another site can make a browser send forms here, and can give its own host name our address."""
    files = {"picture": ("a.png", b"")}
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = requests.post(server + "/v1/people", data={"name": "Eve"}, files=files, headers=headers)
        assert (answer.status_code, answer.json()) == (
            403,
            {"error": "requests from the pages of other sites are refused"},
        )
    own = {"Origin": server, "Sec-Fetch-Site": "same-origin"}
    answer = requests.get(server + "/v1/people", headers=own)
    assert answer.ok and not [name for name in answer.headers if name.lower().startswith("access-control")]
    for host in ("evil.example", "evil.example:80", "localhost.evil.example", ""):
        for path in ("/v1/people", "/"):
            answer = ask(server, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            assert status_of(answer) == 403
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8000"):
        answer = ask(server, f"GET /v1/people HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert status_of(answer) == 200


def test_large_requests_are_refused_while_they_come(server, client, paint):
    """Announced or not, no more than the limit is kept; the client can read why."""
    answer = requests.post(server + "/v1/identify", files={"picture": b"x" * 300_000})
    assert (answer.status_code, answer.json()) == (
        413,
        {"error": "expected a request of at most 200000 bytes, got more"},
    )
    head = b"POST /v1/identify HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    announced = head + b"Content-Length: 99999999999999\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    assert status_of(ask(server, announced)) == 413

    def endless():
        yield b'--b\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n'
        for _ in range(100):
            yield b"x" * 10_000

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = requests.post(server + "/v1/identify", data=endless(), headers=headers)
    assert answer.status_code == 413
    assert client.identify(paint(RED))["faces"]


def test_a_slow_request_is_ended(place, networks, running, paint):
    with running(place, networks, body_seconds=0.3) as (server, _):
        head = (
            b"POST /v1/identify HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        )
        assert status_of(ask(server, head + b"Content-Length: 1000\r\nConnection: close\r\n\r\n--b\r\n")) == 408
        assert Client(server).identify(paint(RED))["faces"]


def test_a_full_queue_says_when_to_come_back(place, networks, running, paint):
    """Two requests are let in and wait for a worker that is kept busy; the third is told to wait."""
    with running(place, networks, most_waiting=2) as (server, service):
        release = threading.Event()
        service.engine.call(release.wait)
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(Client(server).identify(paint(RED)))) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 10
        while len(service.engine) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        with pytest.raises(ServerError, match="the server is busy") as refused:
            Client(server).identify(paint(RED))
        assert refused.value.status == 503 and refused.value.retry_after >= 1
        assert Client(server).people()
        release.set()
        for thread in threads:
            thread.join()
        assert [each["faces"][0]["name"] for each in answers] == ["Ann", "Ann"]
        assert Client(server).identify(paint(RED))["faces"]


def test_an_unwritable_audit_log_answers_nothing(place, networks, running, tmp_path):
    """What cannot be recorded is not shown."""
    with running(place, networks, audit="/dev/full") as (server, _):
        answer = requests.get(server + "/v1/people")
        assert (answer.status_code, answer.json()) == (503, {"error": "the audit log cannot be written"})
