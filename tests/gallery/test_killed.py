"""A process killed at any instant of an enrolment leaves every acknowledged face, and no half one."""

import gc
import os
import signal
import time

import numpy as np
import pytest
from sqlalchemy import text

from cshml_tf.gallery.creation import create_gallery, open_gallery


def enrol_until_killed(where, new_face, pipe, first):
    """In a child process: enrol one face after the other, and tell of each once it is stored."""
    gallery = open_gallery(where)
    for number in range(first, first + 100_000):
        gallery.add_faces([new_face(f"Person {number % 50}", number)])
        os.write(pipe, f"{number}\n".encode())


def killed_after(seconds, *arguments):
    """Run `enrol_until_killed` in a child, kill it, and return the numbers that it told of."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        # The networks of earlier tests are not collected here: that would wait for threads that no child has.
        gc.freeze()
        try:
            enrol_until_killed(*arguments[:2], writing, arguments[2])
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        first = told.readline()
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL
        return [int(line) for line in [first, *told] if line.endswith(b"\n")]


@pytest.mark.slow
@pytest.mark.parametrize("attempts", [8])
def test_killed_while_enrolling(where, networks, new_face, attempts):
    create_gallery(where, networks).database.close()
    acknowledged = set()
    for attempt, seconds in enumerate(np.random.default_rng(0).uniform(0, 0.08, attempts)):
        acknowledged |= set(killed_after(seconds, where, new_face, 100_000 * attempt))
        gallery = open_gallery(where)
        with gallery.database.reading() as connection:
            digests = set(connection.scalars(text("SELECT digest FROM faces")))
            counts = connection.scalars(text("SELECT count(*) FROM embeddings GROUP BY face_id")).all()
            orphans = connection.scalar(
                text("SELECT count(*) FROM people WHERE id NOT IN (SELECT person_id FROM faces)")
            )
        gallery.database.close()
        assert {new_face("", number).digest for number in acknowledged} <= digests
        # At most the one that was stored but not told of when the signal came, per attempt.
        assert len(digests) <= len(acknowledged) + attempt + 1
        assert counts == [3] * len(digests) and not orphans
    assert len(acknowledged) >= attempts
