"""The API over a real connection: whom pictures show, people who come and go, errors in one sentence."""

import sqlite3

import numpy as np
import pytest
import requests

from cshml_tf.gallery.creation import open_gallery
from cshml_tf.server.client import Client, ServerError

RED, GREEN, BLUE, ORANGE = (230, 20, 20), (20, 230, 20), (20, 20, 230), (230, 60, 20)


def error_of(call, *arguments):
    with pytest.raises(ServerError) as caught:
        call(*arguments)
    return caught.value.status, str(caught.value)


def test_identify(client, paint):
    """Red is Ann by the HR network, green at 12 pixels Bo by the LR one, blue nobody, 6 pixels too few."""
    answer = client.identify(paint(RED, number=1), top=1)
    assert (answer["width"], answer["height"], answer["notes"]) == (40, 48, [])
    (face,) = answer["faces"]
    assert (face["status"], face["name"], face["kind"], face["box"]) == ("identified", "Ann", "HR", [0, 0, 40, 48])
    assert face["score"] == pytest.approx(1, abs=1e-4) and face["threshold"] == 0.5 and face["reason"] is None
    assert face["candidates"] == [
        {"name": "Ann", "score": face["score"], "portrait": "/v1/people/Ann/faces/1"},
    ]
    (face,) = client.identify(paint(GREEN, (14, 12)))["faces"]
    assert (face["status"], face["name"], face["kind"]) == ("identified", "Bo", "12")
    assert [each["name"] for each in face["candidates"]] == ["Bo", "Ann"]
    (face,) = client.identify(paint(BLUE))["faces"]
    assert (face["status"], face["name"]) == ("unknown", None) and face["score"] < 0.5
    (face,) = client.identify(paint(GREEN, (7, 6)))["faces"]
    assert (face["status"], face["reason"]) == ("rejected", "6.0 pixels wide, expected 8 or more")
    assert (face["score"], face["threshold"], face["candidates"]) == (None, None, [])


def test_embed_and_compare(client, paint):
    (face,) = client.embed(paint(RED))["faces"]
    assert face["kind"] == "HR" and np.linalg.norm(face["embedding"]) == pytest.approx(1, abs=1e-6)
    # The network centres pixels at 127.5.
    expected = np.array([102.5, -107.5, -107.5]) / np.linalg.norm([102.5, -107.5, -107.5])
    assert np.abs(np.array(face["embedding"]) - expected).max() < 0.005
    answer = client.compare(paint(RED), paint(RED, (14, 12)))
    assert answer["score"] == pytest.approx(1, abs=1e-3) and answer["kind"] == "12 HL"
    assert answer["second"]["width"] == 12
    assert client.compare(paint(RED), paint(BLUE))["score"] < 0.5
    assert error_of(client.compare, paint(RED), b"no picture") == (
        422,
        "second: not a JPEG, PNG, BMP, WebP, TIFF, GIF, AVIF or HEIC image",
    )


def test_people_come_and_go(client, server, place, paint):
    done = client.enrol("Zoë A/B", paint(BLUE), paint(BLUE, number=1), paint(BLUE), paint(BLUE, (14, 12)))
    assert [each["status"] for each in done["pictures"]] == ["enrolled"] * 2 + ["already enrolled", "refused"]
    assert done["pictures"][3]["reason"] == "the face is 12.0 pixels wide, expected 20 or more"
    portrait = done["pictures"][0]["portrait"]
    assert portrait == "/v1/people/Zo%C3%AB%20A%2FB/faces/3"
    assert requests.get(server + portrait).content == client.portrait("Zoë A/B", 3)
    assert client.portrait("Zoë A/B", 3).startswith(b"\x89PNG")
    assert client.identify(paint(BLUE, number=2))["faces"][0]["name"] == "Zoë A/B"
    client.add_faces("Zoë A/B", paint(BLUE, number=3))
    assert [each["number"] for each in client.person("Zoë A/B")["faces"]] == [3, 4, 5]
    people = [(each["name"], each["faces"]) for each in client.people()]
    assert people == [("Ann", 1), ("Bo", 1), ("Zoë A/B", 3)]
    assert client.remove("Zoë A/B") == {"name": "Zoë A/B", "removed": 3, "notes": []}
    assert client.identify(paint(BLUE, number=2))["faces"][0]["name"] is None
    assert [each["name"] for each in client.people()] == ["Ann", "Bo"]
    content = b"".join(path.read_bytes() for path in place.parent.glob("people.gallery*"))
    assert "Zoë".encode() not in content


def test_enrolment_is_refused_with_its_reason(client, server, paint):
    assert error_of(client.enrol, "Ann", paint(RED, number=1)) == (
        409,
        "Ann: expected a new name, got that of an enrolled person",
    )
    assert error_of(client.add_faces, "Cem", paint(BLUE)) == (404, "nobody of that name is enrolled")
    assert error_of(client.enrol, "Cem", paint(RED)) == (422, "portrait 1: this file is enrolled as Ann")
    assert error_of(client.enrol, "new\nline", paint(BLUE))[0] == 422
    assert error_of(client.enrol, "..", paint(BLUE))[0] == 422
    assert error_of(client.enrol, "Cem", *[paint(BLUE, number=n) for n in range(21)]) == (
        422,
        "picture: expected at most 20 portraits, got 21",
    )
    for call in (client.person, client.remove):
        assert error_of(call, "Cem") == (404, "nobody of that name is enrolled")
    assert error_of(client.person, "A\0nn")[0] == 404
    assert requests.get(server + "/v1/people", params={"after": "A\0"}).status_code == 422
    assert error_of(client.portrait, "Ann", 2) == (404, "expected the number of a face of Ann, got 2")
    assert [each["name"] for each in client.people()] == ["Ann", "Bo"]
    near = client.enrol("Cem", paint(ORANGE))["pictures"][0]["near"]
    assert near["name"] == "Ann" and near["score"] > 0.9


def test_other_processes_changes_are_seen(client, place, networks, paint):
    """Enrolment, removal and calibration by others count at once; a rebuilt gallery is not served any more."""
    assert client.identify(paint(RED, number=1))["faces"][0]["name"] == "Ann"
    gallery = open_gallery(place)
    gallery.rename("Ann", "Anna")
    assert client.identify(paint(RED, number=1))["faces"][0]["name"] == "Anna"
    gallery.remove("Anna")
    assert client.identify(paint(RED, number=1))["faces"][0]["status"] == "unknown"
    gallery.database.close()
    with sqlite3.connect(place) as connection:
        connection.execute("DELETE FROM calibrations WHERE kind = 'HR'")
    answer = client.identify(paint(GREEN, number=1))
    assert answer["faces"][0]["status"] == "uncalibrated" and "not calibrated" in answer["notes"][0]
    with sqlite3.connect(place) as connection:
        connection.execute("UPDATE networks SET digest = printf('%064x', id)")
    busy = 503, "the gallery was rebuilt with other networks: the server must be restarted"
    assert error_of(client.identify, paint(GREEN, number=1)) == busy
    assert error_of(client.add_faces, "Bo", paint(GREEN, number=1)) == busy
    with sqlite3.connect(place) as connection:
        connection.execute("UPDATE views SET weight = -1 WHERE kind = 'HR'")
    damaged = 503, "the gallery cannot be used at the moment"
    assert error_of(client.identify, paint(GREEN, number=1)) == damaged
    with sqlite3.connect(place) as connection:
        connection.execute("UPDATE views SET weight = 0 WHERE kind = 'HR'")
    assert open_gallery(place).people() == {"Bo": 1}


def test_about_the_gallery(client):
    about = client.gallery()
    assert (about["people"], about["faces"], about["min_width"], about["portrait_width"]) == (2, 2, 8, 20)
    sharp = about["views"][0]
    assert (sharp["kind"], sharp["threshold"], sharp["stated_rate"], sharp["passed"]) == ("HR", 0.5, 0.1, 1)
    assert sharp["words"][0].startswith(
        "Of 1,000 people who are not enrolled, about 100 would be given somebody's name"
    )


def test_pictures_that_cannot_be_read(client, paint):
    status, sentence = error_of(client.identify, b"no picture at all")
    assert status == 422 and sentence == "not a JPEG, PNG, BMP, WebP, TIFF, GIF, AVIF or HEIC image"
    assert error_of(client.identify, b"")[0] == 422
    assert error_of(client.identify, paint(RED)[:60])[0] == 422
    assert error_of(client.identify, paint(RED, (400, 300))) == (
        413,
        "300 x 400: more pixels than the limit of 100000",
    )
    assert error_of(client.identify, paint(RED), 0)[0] == 422


def test_a_request_without_its_file_says_how_to_send_it(server):
    message = {"error": "picture: expected a file in a form of type multipart/form-data"}
    for sent in ({"data": b"pixels"}, {"data": {"picture": "hello"}}, {"files": {"image": b"pixels"}}):
        answer = requests.post(f"{server}/v1/identify", **sent)
        assert (answer.status_code, answer.json()) == (422, message)


def test_open_pages(server):
    page = requests.get(server + "/")
    assert page.status_code == 200 and "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert requests.get(server + "/healthz").json() == {"status": "ok"}
    docs = requests.get(server + "/docs").text
    described = requests.get(server + "/openapi.json").json()["paths"]
    assert {"/v1/identify", "/v1/people/{name}", "/healthz"} <= set(described)
    assert all(f"<code>POST {path}</code>" in docs for path in described if "post" in described[path])
    for text in (page.text, docs):
        assert "http://" not in text and "https://" not in text and "//cdn" not in text
    missing = requests.get(server + "/nothing/here")
    assert (missing.status_code, missing.json()) == (404, {"error": "Not Found"})


def test_metrics(client, server, paint):
    client.identify(paint(RED))
    client.person("Ann")
    text = requests.get(server + "/metrics").text
    assert 'cshml_requests_total{method="POST",route="/v1/identify",status="200"} 1.0' in text
    assert 'cshml_requests_total{method="GET",route="/v1/people/{name}",status="200"} 1.0' in text
    assert 'cshml_faces_total{status="identified"} 1.0' in text
    assert "cshml_gallery_people 2.0" in text and "Ann" not in text


def test_client_takes_files(client, paint, tmp_path):
    path = tmp_path / "red.png"
    path.write_bytes(paint(RED, number=5))
    assert client.identify(path)["faces"][0]["name"] == "Ann"
    client.add_faces("Ann", str(path))
    assert [each["source"] for each in client.person("Ann")["faces"]] == ["upload", "red.png"]


def test_client_without_a_server():
    with pytest.raises(requests.ConnectionError):
        Client("http://127.0.0.1:1").people()
