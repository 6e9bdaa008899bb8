"""What /metrics tells Prometheus: requests, times, what waits, faces by decision, the gallery's size."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_FACES = (0, 1, 2, 4, 8, 16, 32, 64, 128)
_METHODS = ("GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH")


class Metrics:
    """The server's figures, in a registry of their own.

    Args:
        waiting: function that returns how many requests are being worked on or wait.
        size: function that returns the numbers of people and of faces enrolled.
    """

    def __init__(self, waiting: Callable[[], int], size: Callable[[], tuple[int, int]]) -> None:
        self._size = size
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "cshml_requests", "Requests answered", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "cshml_request_seconds", "Time to the answer", ("route",), buckets=_SECONDS, registry=self.registry
        )
        self._batches = Histogram(
            "cshml_batch_faces", "Faces embedded together", buckets=_FACES, registry=self.registry
        )
        self._faces = Counter("cshml_faces", "Faces by decision", ("status",), registry=self.registry)
        Gauge("cshml_waiting_requests", "Requests in work or waiting", registry=self.registry).set_function(
            waiting
        )
        self._people = Gauge("cshml_gallery_people", "People enrolled", registry=self.registry)
        self._enrolled = Gauge("cshml_gallery_faces", "Faces enrolled", registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is a path with placeholders, so that names do not become labels."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def batch(self, faces: int, statuses: Sequence[str]) -> None:
        """Count a batch of faces, and the decisions on them."""
        self._batches.observe(faces)
        for status in statuses:
            self._faces.labels(status).inc()

    def text(self) -> bytes:
        """Return all figures in Prometheus's text format."""
        people, faces = self._size()
        self._people.set(people)
        self._enrolled.set(faces)
        return generate_latest(self.registry)
