"""The start of a cluster: the chief waits at its meeting port, and the others come to it."""

import json
import socket
import struct
import time
from typing import TypedDict

import msgspec

from cshml_tf.training.cluster.place import Place

JOIN_SECONDS = 600.0
_HELLO = struct.Struct(">I")
_MOST_BYTES = 4096
_HELLO_SECONDS = 10.0
_RETRY_SECONDS = 0.2


class Hello(TypedDict):
    """The first words of a worker.

    Attributes:
        program: "cshml_tf".
        index: the worker's number.
        count: the number of workers that it expects.
        port: a port that is free on its machine, for the backend's own connections.
    """

    program: str
    index: int
    count: int
    port: int


def wait_for_others(
    place: Place, let_in: list[socket.socket], seconds: float = JOIN_SECONDS
) -> list[tuple[socket.socket, Hello]]:
    """Let every other worker in; called by the chief.

    Args:
        place: of the chief.
        let_in: receives the socket of each worker that comes, so that they can be told of an error.
        seconds: how long to wait for all of them.

    Returns:
        The socket and the first words of workers 1, 2, ...

    Raises:
        ValueError: a worker expects another number of workers, two have one number, or one does not come.
        OSError: the port cannot be used.
    """
    host, port = place.meeting
    found: dict[int, tuple[socket.socket, Hello]] = {}
    deadline = time.monotonic() + seconds
    with _listen(place) as listening:
        while len(found) < place.count - 1:
            listening.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                connected, _ = listening.accept()
            except TimeoutError:
                absent = [str(index) for index in range(1, place.count) if index not in found]
                raise ValueError(
                    f"strategy: expected {place.count} workers at {host}:{port} within {seconds / 60:g} minutes, "
                    f"got {len(found) + 1}; absent: {', '.join(absent)}"
                ) from None
            hello = _read_hello(connected)
            if hello is None:
                # Somebody else who tried the port.
                connected.close()
                continue
            let_in.append(connected)
            _check(hello, place, found)
            found[hello["index"]] = connected, hello
    return [found[index] for index in range(1, place.count)]


def go_to_chief(place: Place, seconds: float = JOIN_SECONDS) -> socket.socket:
    """Connect to the chief, which may start later; called by every other worker.

    Args:
        place: of this worker.
        seconds: how long to try.

    Returns:
        The connected socket.

    Raises:
        ValueError: the chief cannot be reached.
    """
    host, port = place.meeting
    deadline = time.monotonic() + seconds
    while True:
        try:
            connected = socket.create_connection((host, port), timeout=_HELLO_SECONDS)
            break
        except OSError as error:
            if time.monotonic() > deadline:
                raise ValueError(
                    f"strategy: expected worker 0 at {host}:{port} within {seconds / 60:g} minutes, got {error}"
                ) from None
            time.sleep(_RETRY_SECONDS)
    own = connected.getsockname()[0]
    hello: Hello = {
        "program": "cshml_tf",
        "index": place.index,
        "count": place.count,
        "port": free_port(own),
    }
    content = json.dumps(hello).encode()
    connected.sendall(_HELLO.pack(len(content)) + content)
    return connected


def free_port(host: str) -> int:
    """Return a port of this machine's address `host` that nobody uses now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def _listen(place: Place) -> socket.socket:
    host, port = place.meeting
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", port))
    except OSError as error:
        raise OSError(error.errno, f"the workers cannot meet there: {error.strerror}", f"{host}:{port}") from None


def _read_hello(connected: socket.socket) -> Hello | None:
    """Read the first words of whoever has connected; None if they are not those of a worker."""
    connected.settimeout(_HELLO_SECONDS)
    try:
        with connected.makefile("rb", buffering=0) as file:
            (size,) = _HELLO.unpack(file.read(_HELLO.size) or b"")
            content = b""
            while len(content) < min(size, _MOST_BYTES):
                piece = file.read(min(size, _MOST_BYTES) - len(content))
                if not piece:
                    return None
                content += piece
            hello = msgspec.json.decode(content, type=Hello)
    except (OSError, ValueError, struct.error):
        return None
    return hello if hello["program"] == "cshml_tf" else None


def _check(hello: Hello, place: Place, found: dict[int, tuple[socket.socket, Hello]]) -> None:
    index = hello["index"]
    if hello["count"] != place.count:
        raise ValueError(
            f"strategy: expected all workers to be of {place.count}, got worker {index} of {hello['count']}"
        )
    if not 1 <= index < place.count or index in found:
        raise ValueError(
            f"strategy: expected workers 1 to {place.count - 1} once each, got another worker {index}"
        )
