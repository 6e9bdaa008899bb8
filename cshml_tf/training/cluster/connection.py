"""Messages between two workers over one socket, which also shows that the other one is alive."""

import json
import queue
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any, NoReturn

# A worker that sends nothing for so long is lost: halted, or cut off from the network. One that is killed is
# noticed at once, because its system closes the socket.
SILENCE_SECONDS = 30.0
_BEAT_SECONDS = 2.0
_HEADER = struct.Struct(">BQ")
_MESSAGE, _ARRAY, _BEAT, _BYE, _FAILURE = range(5)
_MOST_BYTES = 2**36
_PIECE = 2**20
_GOOD_BYE = object()


class Connection:
    """A connected socket; two threads keep it alive and read it.

    Args:
        connected: the socket.
        name: the other worker, for messages: "worker 1 (10.0.0.2:2222)".
        on_loss: function of a reason, called on the reading thread if the other worker vanishes.
        on_failure: function of the text that the other worker sent when it failed.
        silence: seconds without a sign of life after which the other worker is lost.
    """

    def __init__(
        self,
        connected: socket.socket,
        name: str,
        on_loss: Callable[["Connection", str], None],
        on_failure: Callable[[str], None],
        silence: float = SILENCE_SECONDS,
    ) -> None:
        self.name = name
        self._socket = connected
        self._on_loss, self._on_failure = on_loss, on_failure
        self._silence = silence
        self._received: queue.Queue[Any] = queue.Queue()
        self._sending = threading.Lock()
        self._closed = threading.Event()
        connected.settimeout(silence)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for work in (self._read, self._beat):
            threading.Thread(target=work, name=f"{work.__name__} {name}", daemon=True).start()

    def send(self, value: Any) -> None:
        """Send a value of JSON types."""
        self._send(_MESSAGE, json.dumps(value).encode())

    def send_bytes(self, content: bytes | memoryview) -> None:
        """Send bytes as they are."""
        self._send(_ARRAY, content)

    def receive(self) -> Any:
        """Return the next value or bytes, waiting for them."""
        received = self._received.get()
        if received is _GOOD_BYE:
            self._on_loss(self, "has ended")
            wait_for_the_end()
        return received

    def fail(self, text: str) -> None:
        """Tell the other worker why this one ends, if it can still be told."""
        self._send(_FAILURE, text.encode())

    def close(self) -> None:
        """Say good-bye and close."""
        self._send(_BYE, b"")
        self._closed.set()
        self._socket.close()

    def _send(self, kind: int, content: bytes | memoryview) -> None:
        try:
            with self._sending:
                self._socket.sendall(_HEADER.pack(kind, len(content)))
                # The time limit is that of each piece.
                for start in range(0, len(content), _PIECE):
                    self._socket.sendall(content[start : start + _PIECE])
        except OSError:
            # The reading thread sees the same, and knows whether it matters.
            pass

    def _beat(self) -> None:
        while not self._closed.wait(_BEAT_SECONDS):
            self._send(_BEAT, b"")

    def _read(self) -> None:
        try:
            while True:
                kind, content = self._frame()
                if kind == _BYE:
                    # Matters only to who still expects something.
                    self._received.put(_GOOD_BYE)
                    return
                if kind == _FAILURE:
                    self._on_failure(content.decode("utf-8", "replace"))
                elif kind == _MESSAGE:
                    self._received.put(json.loads(content))
                elif kind == _ARRAY:
                    self._received.put(content)
        except TimeoutError:
            self._lost(f"has sent nothing for {self._silence:g} seconds")
        except (OSError, ValueError):
            self._lost("has ended")

    def _lost(self, reason: str) -> None:
        if not self._closed.is_set():
            self._on_loss(self, reason)

    def _frame(self) -> tuple[int, bytes]:
        kind, size = _HEADER.unpack(self._exactly(_HEADER.size))
        if kind > _FAILURE or size > _MOST_BYTES:
            raise ValueError("expected a message of cshml_tf")
        return kind, self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        content = bytearray(size)
        view, done = memoryview(content), 0
        while done < size:
            count = self._socket.recv_into(view[done:], min(_PIECE, size - done))
            if not count:
                raise ConnectionError("closed")
            done += count
        return bytes(content)


def wait_for_the_end() -> NoReturn:
    """Wait for another thread to end the process."""
    while True:
        threading.Event().wait()
