"""Measure pictures per second of a server under load, beside those of the command that identifies files.

python benchmarks/server_load.py people.gallery pictures
python benchmarks/server_load.py people.gallery crops --aligned

`pictures` is a folder of pictures, of which the first ones, sorted by name, are used. The command's part
of the work is `Identifier.identify_files`, measured before and after the server's; each is warm when its clock
starts. The server runs in a process of its own, and so do the clients, which send the next picture as soon as they
have an answer.
"""

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from cshml_tf.images import list_images
from cshml_tf.server.client import Client

BOUNDARY = "a-boundary-that-no-picture-contains"


def measure_files(arguments: argparse.Namespace) -> None:
    """Print the pictures per second of `identify_files` as the command calls it."""
    from cshml_tf.cli.quiet_start import start_backend

    start_backend()
    from cshml_tf.alignment.detector import Detector
    from cshml_tf.gallery.calibration import read_calibrations
    from cshml_tf.gallery.creation import open_gallery
    from cshml_tf.gallery.decision import Thresholds
    from cshml_tf.gallery.identification import Identifier
    from cshml_tf.gallery.networks import networks_of
    from cshml_tf.settings.gallery import IdentifySettings

    gallery = open_gallery(arguments.gallery)
    settings = IdentifySettings(gallery=arguments.gallery, images=(arguments.pictures,))
    thresholds = Thresholds(read_calibrations(gallery))
    identifier = Identifier(gallery, networks_of(gallery), thresholds, settings.min_width, settings.top)
    detector = None if arguments.aligned else Detector(longest_side=settings.longest_side)
    paths = files(arguments)
    list(identifier.identify_files(paths[: arguments.warm], detector, settings.batch_size))
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < arguments.seconds / 2:
        for _ in identifier.identify_files(paths, detector, settings.batch_size):
            done += 1
            if time.perf_counter() - started >= arguments.seconds / 2:
                break
    print(done / (time.perf_counter() - started))


def files(arguments: argparse.Namespace) -> list[Path]:
    """List the pictures to use."""
    found = [arguments.pictures / name for name in list_images(arguments.pictures)]
    found = found or sorted(arguments.pictures.glob("*/*"))
    return found[: arguments.count]


def body_of(path: Path) -> bytes:
    """Return the form that sends a picture."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="picture"; filename="{path.name}"\r\n\r\n'
    return head.encode() + path.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


class Load:
    """Clients that keep a server busy.

    Args:
        address: of the server.
        bodies: the requests to send, in turns.
        seconds: for which to send them.
    """

    def __init__(self, address: str, bodies: list[bytes], seconds: float) -> None:
        self._host = address.removeprefix("http://")
        self._bodies, self._end = bodies, time.perf_counter() + seconds
        self.latencies: list[float] = []
        self.errors: list[str] = []

    def run(self, clients: int) -> float:
        """Send until the time is over; return the seconds until the last answer."""
        started = time.perf_counter()
        threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - started

    def _ask(self, number: int) -> None:
        connection = http.client.HTTPConnection(self._host, timeout=300)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        while time.perf_counter() < self._end:
            body, started = self._bodies[number % len(self._bodies)], time.perf_counter()
            try:
                connection.request("POST", "/v1/identify", body, headers)
                answer = connection.getresponse()
                content = answer.read()
                if answer.status != 200:
                    self.errors.append(f"{answer.status} {content[:200]!r}")
            except OSError as error:
                self.errors.append(repr(error))
            self.latencies.append(time.perf_counter() - started)
            number += 7


def measure_server(arguments: argparse.Namespace) -> None:
    """Print the answers per second of a server, as JSON with the median and the slowest answer and the errors."""
    words = ["--gallery", arguments.gallery, "--port", "0", *(["--aligned"] if arguments.aligned else [])]
    code = f"import sys; from cshml_tf.cli.server import main; sys.exit(main({words!r}))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[-1]
            paths = files(arguments)
            for path in paths[: arguments.warm]:
                Client(address, timeout=300).identify(path)
            load = Load(address, [body_of(path) for path in paths], arguments.seconds)
            seconds = load.run(arguments.clients)
        finally:
            server.terminate()
    figures = {"rate": len(load.latencies) / seconds, "answers": len(load.latencies), "errors": load.errors[:3]}
    figures |= {"median": statistics.median(load.latencies), "slowest": max(load.latencies)}
    print(json.dumps(figures))


def child(words: list[str], part: str) -> str:
    """Run a part of the measurement in a new process and return what it prints."""
    command = [sys.executable, __file__, *words, "--part", part]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def main() -> None:
    """Print both rates and their ratio."""
    parser = argparse.ArgumentParser(description="measure a server under load")
    parser.add_argument("gallery", help="the gallery to serve")
    parser.add_argument("pictures", type=Path, help="folder of pictures, or of class folders")
    parser.add_argument("--aligned", action="store_true", help="the pictures are aligned crops")
    parser.add_argument("--clients", type=int, default=32, help="clients at a time")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="of load; the command gets as much in two halves"
    )
    parser.add_argument("--count", type=int, default=256, help="pictures to use")
    parser.add_argument("--warm", type=int, default=8, help="pictures before the clock starts")
    parser.add_argument("--part", choices=("files", "server"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        measure_files(arguments) if arguments.part == "files" else measure_server(arguments)
        return
    before = float(child(sys.argv[1:], "files"))
    served = json.loads(child(sys.argv[1:], "server"))
    after = float(child(sys.argv[1:], "files"))
    command = (before + after) / 2
    print(f"files:  {command:8.2f} pictures/s ({before:.2f} before, {after:.2f} after)")
    print(f"server: {served['rate']:8.2f} pictures/s, {arguments.clients} clients, {served['answers']} answers,")
    print(f"        {len(served['errors'])} errors {served['errors']}; median {served['median']:.2f} s, ", end="")
    print(f"slowest {served['slowest']:.2f} s")
    print(f"ratio:  {served['rate'] / command:8.3f}")


if __name__ == "__main__":
    main()
