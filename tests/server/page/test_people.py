"""People in the browser: enrolled, refused with reasons, found, removed by their name."""

import contextlib

import numpy as np
import pytest
from playwright.sync_api import expect

from cshml_tf.gallery.creation import open_gallery
from cshml_tf.gallery.quality import Quality
from cshml_tf.gallery.rows import NewFace
from cshml_tf.server.client import Client

pytestmark = pytest.mark.slow
RED, BLUE, ORANGE = (230, 20, 20), (20, 20, 230), (230, 60, 20)
MARKUP = "<img src=x onerror=\"document.title='run'\"> & <b>Cem</b>"


@pytest.fixture
def people(open_page, address):
    page = open_page(address)
    page.click("nav >> text=People")
    page.wait_for_selector(".person")
    return page


def enrol(page, name, *files):
    page.fill("#name", name)
    page.set_input_files("#portraits", list(files))
    page.click("#enrol-go")
    expect(page.locator("#enrol-go")).to_be_enabled()


def outcomes(page):
    return page.locator("#chosen .what").all_inner_texts()


def listed(page):
    return page.locator("#list .who").all_inner_texts()


def test_each_photograph_is_enrolled_or_refused_for_its_own_reason(people, address, upload, draw):
    enrol(
        people,
        "Cem",
        upload(draw(), "empty.png"),
        upload(draw((20, 20, 14, BLUE), size=(60, 60)), "small.png"),
        upload(draw((20, 20, 40, BLUE), (100, 20, 40, RED)), "two.png"),
        upload(b"no picture", "broken.png"),
        upload(draw((20, 20, 40, BLUE)), "good.png"),
    )
    said = outcomes(people)
    assert said[0] == "Refused: no face found."
    assert said[1].startswith("Refused: ") and said[2] == "Refused: 2 faces found, expected one."
    assert said[3].startswith("Refused: not a JPEG") and said[4] == "Enrolled."
    assert people.inner_text("#enrol-status") == "Cem: 1 enrolled, 4 refused."
    people.wait_for_selector("#list li:nth-child(3)")
    assert listed(people) == ["Ann", "Bo", "Cem"]
    assert people.inner_text("#people-count") == "3"
    people.goto(f"{address}/#identify")
    assert "calibrated with 2 people and 2 faces, now 3 and 3" in people.inner_text("#rates-notes")
    people.set_input_files("#file", upload(draw((60, 40, 44, BLUE))))
    people.wait_for_selector(".face")
    assert people.locator("#faces .name").all_inner_texts() == ["Cem"]
    assert "size has changed since then" in people.inner_text("#rate-line")


def test_nobody_is_enrolled_without_a_name_or_a_photograph(people, upload, draw):
    people.click("#enrol-go")
    assert people.inner_text("#enrol-status") == "A name is missing."
    people.fill("#name", "Cem")
    people.click("#enrol-go")
    assert people.inner_text("#enrol-status") == "Photographs are missing."
    enrol(people, "Cem", upload(draw(), "empty.png"))
    assert people.inner_text("#enrol-status") == "Cem: 0 enrolled, 1 refused."
    assert listed(people) == ["Ann", "Bo"]


def test_a_known_name_is_asked_about_and_a_look_alike_reported(people, upload, draw):
    enrol(people, "Ann", upload(draw((20, 20, 40, RED)), "again.png"))
    assert people.inner_text("#known-words") == "Ann is enrolled already. Is it the same person?"
    assert outcomes(people) == ["chosen"]
    people.click("#known-add")
    people.wait_for_selector("#list .hint:text('2 photographs')")
    assert outcomes(people) == ["Enrolled."]
    people.click("#enrol .quiet")
    enrol(people, "Dora", upload(draw((20, 20, 40, ORANGE)), "orange.png"))
    assert outcomes(people)[0].startswith("Enrolled. Looks like Ann, who is enrolled too (score 0.9")


def test_a_person_is_removed_only_by_typing_the_name(people, address):
    people.click(".person:has-text('Bo')")
    people.wait_for_selector("dialog[open] img")
    assert people.inner_text("#person-name") == "Bo"
    assert "This removes Bo and 1 photograph for good." in people.inner_text("#remove-words")
    people.fill("#remove-name", "bo")
    assert people.is_disabled("#remove-go")
    people.fill("#remove-name", "Bo")
    people.click("#remove-go")
    people.wait_for_selector("dialog", state="hidden")
    expect(people.locator("#list li")).to_have_count(1)
    assert listed(people) == ["Ann"]
    expect(people.locator("#found")).to_have_text("Bo and 1 photograph were removed.")
    assert [person["name"] for person in Client(address).people()] == ["Ann"]


def test_the_list_is_searched(people, upload, draw):
    people.fill("#search", " BO ")
    assert listed(people) == ["Bo"] and people.inner_text("#found") == "1 of 2 people"
    people.fill("#search", "nobody of this name")
    assert listed(people) == [] and people.inner_text("#found") == "Nobody of that name."
    people.fill("#search", "")
    assert listed(people) == ["Ann", "Bo"] and people.inner_text("#found") == "2 people"


def test_markup_in_a_name_is_shown_and_never_run(people, address, upload, draw):
    enrol(people, MARKUP, upload(draw((20, 20, 40, BLUE)), f"{MARKUP[:9]}.png"))
    people.wait_for_selector("#list li:nth-child(3)")
    assert MARKUP in listed(people)
    people.click(".person >> nth=0")
    people.wait_for_selector("dialog[open] img")
    assert people.inner_text("#person-name") == MARKUP
    assert MARKUP in people.inner_text("#remove-words")
    people.click("#person-close")
    people.goto(f"{address}/#identify")
    people.set_input_files("#file", upload(draw((60, 40, 44, BLUE)), f"{MARKUP[:9]}.png"))
    people.wait_for_selector(".face")
    assert people.inner_text(".face .name") == people.inner_text(".tag") == MARKUP
    people.click(".nearest summary")
    people.wait_for_selector(".candidates .who")
    assert people.locator("img[src='x'], b").count() == 0
    assert people.title() == "Identify · cshml_tf"


def test_somebody_unknown_is_taken_over_to_the_enrolment(page, upload, draw):
    page.set_input_files("#file", upload(draw((20, 20, 40, BLUE)), "who.png"))
    page.click("text=Enrol this person")
    assert page.inner_text("#chosen .file") == "who.png"
    assert page.evaluate("document.activeElement.id") == "name"
    page.keyboard.type("Cem")
    page.keyboard.press("Enter")
    page.wait_for_selector("#list li:nth-child(3)")
    assert outcomes(page) == ["Enrolled."] and listed(page) == ["Ann", "Bo", "Cem"]


def test_a_large_gallery_is_loaded_as_far_as_needed(place, address, networks, open_page, paint):
    """Of 1,102 people, the first 1,000 are asked for, and the others when they are searched for."""
    vector = np.float32([1, 0, 0])
    faces = [
        NewFace(
            name=f"Crowd {number:04d}",
            crop=paint(BLUE),
            source="crowd",
            digest=f"{number:064d}",
            quality=Quality(40.0, None, 100.0, 0.1),
            vectors={kind: vector for kind in networks.views},
        )
        for number in range(1100)
    ]
    gallery = open_gallery(place)
    with contextlib.closing(gallery.database):
        gallery.add_faces(faces, networks.views)
    page = open_page(address)
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/v1/people?" in request.url else None)
    page.click("nav >> text=People")
    expect(page.locator("#found")).to_have_text("The first 1,000 people")
    assert len(asked) == 1 and len(listed(page)) == 60
    page.click("#more")
    assert len(listed(page)) == 120 and len(asked) == 1
    page.fill("#search", "1099")
    expect(page.locator("#found")).to_have_text("1 of 1,102 people")
    assert listed(page) == ["Crowd 1099"] and len(asked) == 2
