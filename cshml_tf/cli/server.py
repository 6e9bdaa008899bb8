"""`cshml-serve`: serve a gallery over HTTP, as an API and a page."""

import contextlib
import signal
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cshml_tf.cli.errors import one_line_errors, print_lines
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.parser import read_settings
from cshml_tf.settings.server import ServeSettings

if TYPE_CHECKING:
    from cshml_tf.gallery.store import Gallery
    from cshml_tf.server.gate import Policy
    from cshml_tf.server.service import Service

DESCRIPTION = (
    "Serve a gallery over HTTP: identify, compare and embed faces, enrol and remove people. The page is at /, the "
    "API's description at /docs, figures for Prometheus at /metrics. Without a key, the server listens on the "
    "loopback only; for other machines, put a proxy with TLS in front of it."
)
# Seconds in which requests in work may end after the server was told to stop.
_GRACE = 30


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Serve until the process is told to stop.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(ServeSettings, argv, DESCRIPTION)
    _check_installed()
    from cshml_tf.server.audit import AuditLog

    policy = _policy(settings)
    with contextlib.closing(_listen(settings)) as listener:
        from cshml_tf.gallery.creation import open_gallery

        audit, gallery = AuditLog(settings.audit_log), open_gallery(settings.gallery)
        try:
            start_backend()
            from cshml_tf.server.app import create_app

            service = _service(settings, gallery)
        except BaseException:
            gallery.database.close()
            raise
        _run(create_app(service, policy, audit), listener, f"serving {gallery.name} on {_address(listener)}")


def _check_installed() -> None:
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ValueError(f"cshml-serve needs {error.name}: pip install 'cshml_tf[server]'") from error


def _policy(settings: ServeSettings) -> "Policy":
    from cshml_tf.server.gate import Policy
    from cshml_tf.server.keys import VARIABLE, read_keys

    keys = read_keys(settings.key_file)
    if not keys and not settings.is_local:
        raise ValueError(
            f"--host: expected a loopback address, or a key (--key_file, or the variable {VARIABLE}), got "
            f"{settings.host} without one"
        )
    return Policy(keys, not keys, round(settings.most_megabytes * 1e6), settings.most_waiting)


def _listen(settings: ServeSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=1024)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"{settings.host} port {settings.port}") from None


def _address(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _service(settings: ServeSettings, gallery: "Gallery") -> "Service":
    from cshml_tf.alignment.detector import Detector
    from cshml_tf.gallery.networks import networks_of
    from cshml_tf.server.clips import ClipLimits
    from cshml_tf.server.service import Service, ServiceOptions

    networks = networks_of(
        gallery, settings.hr_model, settings.lr_model, settings.runtime, settings.mixed_precision
    )
    width = settings.portrait_width
    options = ServiceOptions(
        min_width=settings.min_width,
        min_quality=settings.min_quality,
        portrait_width=networks.serving.hr_width if width is None else width,
        fpir=settings.fpir,
        top=settings.top,
        batch_size=settings.batch_size,
        most_pixels=round(settings.most_megapixels * 1e6),
        clip=ClipLimits(settings.most_clip_frames, settings.most_clip_seconds),
    )
    detector = (
        None if settings.aligned else Detector(longest_side=settings.longest_side, min_face=settings.min_face)
    )
    return Service(gallery, networks, detector, options)


def _run(app: object, listener: socket.socket, told: str) -> None:
    """Run the application until a signal comes; requests in work are answered first."""
    import uvicorn

    config = uvicorn.Config(
        app,  # pyright: ignore[reportArgumentType]
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    # uvicorn raises the signal again once it has stopped; it has done its work then.
    signal.signal(signal.SIGTERM, lambda *_: None)
    print_lines(told)
    uvicorn.Server(config).run(sockets=[listener])
