"""Pictures of many requests are looked at together, and each gets its own answer."""

import asyncio
import threading

import numpy as np

from cshml_tf.images import UnreadableImage
from cshml_tf.server.client import Client
from cshml_tf.server.probes import Probe

RED, GREEN, BLUE = (230, 20, 20), (20, 230, 20), (20, 20, 230)


def test_a_batch_gives_each_its_own(place, networks, make_service, paint):
    """Decisions, embeddings and an unreadable picture in one batch; one forward pass per network."""
    service = make_service(place, networks)
    batches, release = [], threading.Event()
    service.on_batch = lambda faces, statuses: batches.append((faces, list(statuses)))
    probes = [
        Probe(paint(RED), 1),
        Probe(b"no picture", 2),
        Probe(paint(GREEN), 0),
        Probe(paint(GREEN, (14, 12)), 2),
        Probe(paint(BLUE), 1),
    ]

    async def look():
        service.engine.call(release.wait)
        waiting = [asyncio.ensure_future(service.look(probe)) for probe in probes]
        while len(service.engine) < len(probes):
            await asyncio.sleep(0.001)
        release.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    red, unreadable, embedded, small, blue = asyncio.run(look())
    service.close()
    assert batches == [(4, ["identified", "identified", "unknown"])]
    assert isinstance(unreadable, UnreadableImage)
    (face,) = red.faces
    assert (face.answer.name, [each.name for each in face.answer.candidates]) == ("Ann", ["Ann"])
    (face,) = small.faces
    assert (face.kind, [each.name for each in face.answer.candidates]) == ("12", ["Bo", "Ann"])
    assert len(blue.faces[0].answer.candidates) == 1 and blue.faces[0].answer.name is None
    (face,) = embedded.faces
    assert face.answer is None and face.kind == "HR"
    # The network centres pixels at 127.5.
    expected = np.array([-107.5, 102.5, -107.5]) / np.linalg.norm([-107.5, 102.5, -107.5])
    assert np.abs(face.embedding - expected).max() < 0.005


def test_faces_of_low_quality_are_rejected(place, networks, running, paint):
    """The quality is the length of the embedding before normalisation, 183.5 / 128 for red."""
    with running(place, networks, min_quality=1.43) as (server, _):
        (face,) = Client(server).identify(paint(RED))["faces"]
        assert face["name"] == "Ann" and abs(face["quality"] - 183.5 / 128) < 0.005
    with running(place, networks, min_quality=1.44) as (server, _):
        (face,) = Client(server).identify(paint(RED))["faces"]
        assert (face["status"], face["name"], face["candidates"]) == ("rejected", None, [])
        assert face["reason"]
