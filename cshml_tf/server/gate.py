"""What every request passes before it is answered: who asks, from where, how much, and the record of it."""

import asyncio
import datetime
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException

from cshml_tf.server.audit import AuditLog
from cshml_tf.server.keys import Keys
from cshml_tf.server.metrics import Metrics

# Under these, requests need a key and may not come from another site's page.
_PROTECTED = ("/v1/", "/metrics")
_PEOPLE = "/v1/people/"
_LOOPBACK_NAMES = frozenset(("localhost", "127.0.0.1", "::1"))
# A client that is refused while it is still sending would not read why; so much is read and forgotten.
_FORGOTTEN_BYTES = 2**26
_FORGOTTEN_SECONDS = 2
_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        b"media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


@dataclass(frozen=True)
class Policy:
    """Who may ask, and how much.

    Attributes:
        keys: of the API.
        only_localhost: whether requests must name localhost as their host. Otherwise a page on the web could give
            its own name this machine's address, and read a server that asks for no key.
        most_bytes: of a request's body.
        most_waiting: requests with a body that are in work or wait.
        body_seconds: within which a body must have arrived.
    """

    keys: Keys
    only_localhost: bool
    most_bytes: int
    most_waiting: int
    body_seconds: float = 60.0


class Refusal(HTTPException):
    """A request is refused.

    Args:
        status: of HTTP.
        sentence: why.
        headers: further headers of the answer.
    """

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(status, sentence, headers or None)


class Gate:
    """ASGI middleware around the whole application.

    Args:
        app: the application.
        policy: see `Policy`.
        audit: the log of requests.
        seconds_per_task: function that returns how long one request takes, for Retry-After.
    """

    def __init__(
        self, app: Any, policy: Policy, audit: AuditLog, seconds_per_task: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.app = app
        self.policy = policy
        self.audit = audit
        self._seconds_per_task = seconds_per_task
        self.metrics: Metrics | None = None
        self.waiting = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        await _Request(self, scope, receive, send).answer()

    def retry_after(self) -> str:
        """Return the seconds after which a place should be free."""
        return str(max(1, math.ceil(self.waiting * self._seconds_per_task())))


class _Request:
    """One request on its way through the gate."""

    def __init__(self, gate: Gate, scope: Any, receive: Any, send: Any) -> None:
        self._gate, self._scope, self._receive, self._send = gate, scope, receive, send
        self._policy = gate.policy
        self._started = time.perf_counter()
        self._deadline = self._started + self._policy.body_seconds
        self._received = 0
        self._status: int | None = None
        self._is_received = scope["method"] in ("GET", "HEAD")
        self._is_silenced = False
        self._who: str | None = None
        self._headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            self._headers.setdefault(name, value)

    async def answer(self) -> None:
        is_counted = False
        try:
            self._check()
            if self._scope["method"] not in ("GET", "HEAD"):
                self._check_length()
                if self._gate.waiting >= self._policy.most_waiting:
                    raise Refusal(
                        503, "the server is busy: try again later", **{"retry-after": self._gate.retry_after()}
                    )
                self._gate.waiting += 1
                is_counted = True
            await self._gate.app(self._scope, self._bounded_receive, self._recorded_send)
        except Refusal as refusal:
            await self._refuse(refusal)
        finally:
            self._gate.waiting -= is_counted
            if self._gate.metrics is not None:
                route = getattr(self._scope.get("route"), "path", "other") or "page"
                seconds = time.perf_counter() - self._started
                self._gate.metrics.answered(self._scope["method"], route, self._status or 500, seconds)

    def _check(self) -> None:
        """Refuse a request of another site's page, and one without a key; prepare the path of a person."""
        scope, path = self._scope, self._scope["path"]
        if not path.isprintable():
            raise Refusal(404, "there is nothing at this address")
        host = self._headers.get(b"host", b"").decode("latin-1")
        if self._policy.only_localhost and _host_name(host) not in _LOOPBACK_NAMES:
            raise Refusal(403, "the server answers only to localhost: the Host header names another host")
        if not path.startswith(_PROTECTED):
            return
        origin = self._headers.get(b"origin")
        site = self._headers.get(b"sec-fetch-site", b"none")
        if site not in (b"none", b"same-origin") or (
            origin is not None and origin.decode("latin-1").partition("://")[2].lower() != host.lower()
        ):
            raise Refusal(403, "requests from the pages of other sites are refused")
        if self._policy.keys:
            self._who = self._policy.keys.fingerprint(self._headers.get(b"authorization", b""))
            if self._who is None:
                raise Refusal(
                    401,
                    "expected the header Authorization: Bearer KEY with a valid key",
                    **{"www-authenticate": "Bearer"},
                )
        raw = scope.get("raw_path") or b""
        if path.startswith(_PEOPLE) and raw.startswith(_PEOPLE.encode()):
            # Routed as it was sent: a person's name may contain a slash, sent as %2F.
            scope["path"] = raw.decode("ascii", "replace")

    def _check_length(self) -> None:
        length = self._headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:20]) > self._policy.most_bytes:
            raise self._too_long()

    def _too_long(self) -> Refusal:
        return Refusal(413, f"expected a request of at most {self._policy.most_bytes} bytes, got more")

    async def _bounded_receive(self) -> Any:
        """Receive a part of the body, unless it is too long or too late."""
        if self._is_received or self._status is not None:
            return await self._receive()
        try:
            async with asyncio.timeout(max(0.0, self._deadline - time.perf_counter())):
                message = await self._receive()
        except TimeoutError:
            raise Refusal(
                408, f"expected the whole request within {self._policy.body_seconds:g} seconds"
            ) from None
        self._received += len(message.get("body", b""))
        self._is_received = not message.get("more_body")
        if self._received > self._policy.most_bytes:
            raise self._too_long()
        return message

    async def _recorded_send(self, message: Any) -> None:
        """Send a part of the answer; nothing of it before the request is in the log."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            if not self._is_received and self._status != 408:
                await self._forget_body()
            if not self._record():
                self._is_silenced = True
                await self._send_refusal(Refusal(503, "the audit log cannot be written"))
                return
            known = {name for name, _ in message["headers"]}
            own = [header for header in _HEADERS if header[0] not in known]
            message = message | {"headers": [*message["headers"], *own]}
        if not self._is_silenced:
            await self._send(message)

    async def _refuse(self, refusal: Refusal) -> None:
        if self._status is not None:
            return  # Too late: the answer has begun.
        self._status = refusal.status_code
        if not self._is_received and refusal.status_code != 408:
            await self._forget_body()
        self._record()
        await self._send_refusal(refusal)

    async def _send_refusal(self, refusal: Refusal) -> None:
        self._status = refusal.status_code
        body = json.dumps({"error": refusal.detail}).encode()
        length = str(len(body))
        headers = {"content-type": "application/json", "content-length": length, **(refusal.headers or {})}
        shown = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        await self._send(
            {"type": "http.response.start", "status": refusal.status_code, "headers": [*shown, *_HEADERS]}
        )
        await self._send({"type": "http.response.body", "body": body})

    async def _forget_body(self) -> None:
        """Read the rest of the body and forget it, within bounds: a client that still sends reads no answer."""
        if self._headers.get(b"expect", b"").lower() == b"100-continue" and not self._received:
            return
        try:
            async with asyncio.timeout(_FORGOTTEN_SECONDS):
                while self._received <= _FORGOTTEN_BYTES:
                    message = await self._receive()
                    self._received += len(message.get("body", b""))
                    if not message.get("more_body"):
                        self._is_received = True
                        return
        except TimeoutError:
            return

    def _record(self) -> bool:
        """Write the request to the audit log; return whether that worked."""
        client = self._scope.get("client")
        told = self._scope.get("state", {}).get("audit", {})
        entry = {
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            "key": self._who,
            "address": client[0] if client else None,
            "method": self._scope["method"],
            "path": self._scope["path"],
            "status": self._status,
            "seconds": round(time.perf_counter() - self._started, 3),
            **told,
        }
        try:
            self._gate.audit.write(entry)
        except OSError as error:
            print(f"error: audit log: {error.strerror or error}", file=sys.stderr, flush=True)
            return False
        return True


def _host_name(host: str) -> str:
    """Return the name in a Host header, without the port and without the brackets of IPv6."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
