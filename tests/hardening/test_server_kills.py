"""A server killed while it enrols: every enrolment that a client was told of is there, and no half one.

`make fuzz` asks for 20 kills, at seeded instants; otherwise there are a few.
"""

import contextlib
import hashlib
import os
import random
import sqlite3
import threading
import time

import cv2
import numpy as np
import pytest
import requests
from drawn import SIZE, save_colour_network
from hardening.commands import SECONDS, Starter

from cshml_tf.cli import gallery
from cshml_tf.server.client import Client

KILLS = int(os.environ.get("KILLS", "0")) or 3
SEED = int(os.environ.get("SEED", "0"))
CLIENTS = 4
VIEWS = 3


@pytest.fixture(scope="module")
def starter(tmp_path_factory):
    """The process that starts servers."""
    starter = Starter(tmp_path_factory.mktemp("shown"))
    yield starter
    starter.close()


@pytest.fixture
def place(tmp_path):
    """An empty gallery with three views."""
    save_colour_network(tmp_path / "hr", "hr", [])
    save_colour_network(tmp_path / "lr", "lr", [8, 12], factor=2.0)
    where = tmp_path / "people.gallery"
    models = ["--hr_model", str(tmp_path / "hr"), "--lr_model", str(tmp_path / "lr")]
    assert gallery.main(["create", "--gallery", str(where), *models]) == 0
    return where


def portrait(number):
    """Return the PNG of a crop that no other number has."""
    pixels = np.random.default_rng(number).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


def start_server(starter, place):
    """Start a server and return its process's number and its address."""
    number = starter.start(["server", "--gallery", str(place), "--aligned", "--port", "0"])
    shown, _ = starter._running[number]
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        text = shown.read_text() if shown.exists() else ""
        if text.startswith("serving ") and text.endswith("\n"):
            return number, text.split()[-1]
        assert "error" not in text, text
        time.sleep(0.02)
    raise AssertionError("the server did not start")


def enrol_until_killed(address, first, told):
    """Enrol person after person with two portraits each, and note those that the server has confirmed."""
    client = Client(address)
    with contextlib.suppress(requests.RequestException):
        for number in range(first, first + 10_000):
            pictures = portrait(2 * number), portrait(2 * number + 1)
            outcomes = client.enrol(f"Person {number}", *pictures)["pictures"]
            assert [each["status"] for each in outcomes] == ["enrolled"] * 2
            told.append(number)


def check_gallery(place, told, unsure):
    """Check that all confirmed people are whole, and that of the others at most `unsure` came in, whole too."""
    with contextlib.closing(sqlite3.connect(place)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute(
            "SELECT people.name, faces.digest, faces.crop, count(embeddings.face_id) FROM people "
            "LEFT JOIN faces ON faces.person_id = people.id LEFT JOIN embeddings ON embeddings.face_id = faces.id "
            "GROUP BY people.id, faces.id"
        ).fetchall()
    stored = {}
    for name, digest, crop, views in rows:
        assert views == VIEWS and cv2.imdecode(np.frombuffer(crop, np.uint8), cv2.IMREAD_COLOR) is not None
        stored.setdefault(int(name.split()[1]), set()).add(digest)
    for number in told | stored.keys():
        digests = {hashlib.sha256(portrait(each)).hexdigest() for each in (2 * number, 2 * number + 1)}
        assert stored.get(number) == digests, f"seed {SEED}: person {number}"
    assert len(stored) <= len(told) + unsure


@pytest.mark.slow
def test_killed_while_enrolling(starter, place):
    rng, told = random.Random(SEED), set()
    for kill in range(KILLS):
        number, address = start_server(starter, place)
        confirmed = [[] for _ in range(CLIENTS)]
        threads = [
            threading.Thread(
                target=enrol_until_killed, args=(address, (kill * CLIENTS + client) * 10_000, confirmed[client])
            )
            for client in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + SECONDS
        while not any(confirmed) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.4))
        starter.kill(number)
        for thread in threads:
            thread.join()
        told |= {person for each in confirmed for person in each}
        check_gallery(place, told, CLIENTS * (kill + 1))
    assert len(told) >= KILLS
    print(f"{KILLS} kills, {len(told)} enrolments confirmed, all there")
