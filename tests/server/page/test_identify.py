"""A picture in the browser: boxes over it, names, unknown and too small, candidates of an uncalibrated gallery."""

import base64
import contextlib
import itertools

import pytest
from playwright.sync_api import expect

from cshml_tf.gallery.creation import open_gallery

pytestmark = pytest.mark.slow
# Hands a file to the page as the browser does when it is dropped or pasted.
HAND_OVER = """([kind, content]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
  const event = kind === "drop"
    ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
    : new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
  document.body.dispatchEvent(event);
}"""


def verdicts(page):
    return page.locator("#faces .name").all_inner_texts()


def test_names_unknown_and_too_small(page, upload, scene):
    page.set_input_files("#file", upload(scene))
    page.wait_for_selector(".face")
    assert verdicts(page) == ["Ann", "Unknown", "Bo", "Too small to say"]
    assert page.inner_text("#status") == "4 faces: 2 identified, 1 unknown, 1 too small or poor to say."
    cards = page.locator(".face")
    assert cards.nth(0).locator(".why").inner_text() == "Score 1.00, threshold 0.50."
    assert "below the threshold of 0.50" in cards.nth(1).locator(".why").inner_text()
    assert "pixels wide, expected 8 or more." in cards.nth(3).locator(".why").inner_text()
    assert "12 pixels wide · LR network for 12 pixels" in cards.nth(2).locator(".figures").inner_text()
    # The enrolled face stands beside a name only.
    assert [card.locator(".enrolled").is_visible() for card in cards.all()] == [True, False, True, False]
    expect(page.locator(".face .enrolled img").first).to_have_js_property("naturalWidth", 40)
    colour = "document.querySelectorAll('.face canvas')[1].getContext('2d').getImageData(72, 72, 1, 1).data"
    assert list(page.evaluate(f"Array.from({colour})")) == [20, 20, 230, 255]


def test_boxes_lie_over_the_faces_and_lead_to_them(page, upload, scene):
    page.set_input_files("#file", upload(scene))
    page.wait_for_selector(".face")
    stage, boxes = page.locator("#stage").bounding_box(), page.locator(".box")
    assert boxes.count() == 4
    scale = stage["width"] / 240
    for box, (left, top, width) in zip(boxes.all()[:2], [(10, 30, 40), (80, 30, 40)], strict=True):
        shown = box.bounding_box()
        expected = stage["x"] + left * scale, stage["y"] + top * scale, width * scale
        assert max(abs(a - b) for a, b in zip((shown["x"], shown["y"], shown["width"]), expected, strict=True)) < 8
    assert [box.get_attribute("aria-label") for box in boxes.all()] == [
        "Face 1: Ann",
        "Face 2: Unknown",
        "Face 3: Bo",
        "Face 4: Too small to say",
    ]
    styles = "[...document.querySelectorAll('.box')].map((box) => getComputedStyle(box).borderTopStyle)"
    assert page.evaluate(styles) == ["solid", "dashed", "solid", "dotted"]
    boxes.nth(1).focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.querySelector('.name').textContent") == "Unknown"


def test_names_that_would_cover_each_other_become_numbers(page, upload, draw):
    red, green = (230, 20, 20), (20, 230, 20)
    page.set_viewport_size({"width": 360, "height": 700})
    page.set_input_files("#file", upload(draw((20, 40, 12, red), (34, 40, 12, green), (48, 40, 12, red))))
    page.wait_for_selector(".face")
    assert page.locator(".tag").all_inner_texts() == ["1", "2", "3"]
    page.set_viewport_size({"width": 1400, "height": 900})
    expect(page.locator(".tag").nth(1)).to_have_text("Bo")
    places = [tag.bounding_box() for tag in page.locator(".tag").all()]
    assert all(a["x"] + a["width"] <= b["x"] for a, b in itertools.pairwise(places))


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted(page, draw, kind):
    content = base64.b64encode(draw((20, 20, 40, (230, 20, 20)))).decode("ascii")
    page.evaluate(HAND_OVER, [kind, content])
    page.wait_for_selector(".face")
    assert verdicts(page) == ["Ann"]


def test_what_cannot_be_answered_is_said_in_one_sentence(page, upload, draw):
    page.set_input_files("#file", upload(b"no picture"))
    page.wait_for_selector("#problem:not(:empty)")
    assert page.inner_text("#problem").startswith("Not a JPEG")
    assert not page.locator("#result").is_visible()
    page.set_input_files("#file", upload(draw()))
    page.wait_for_selector("#result:not([hidden])")
    assert page.inner_text("#status") == "No face found."
    assert page.inner_text("#problem") == ""
    clip = {"name": "clip.mp4", "mimeType": "video/mp4", "buffer": b"..."}
    page.set_input_files("#file", clip | {"name": "notes.txt", "mimeType": "text/plain"})
    page.wait_for_selector("#problem:not(:empty)")


def test_an_uncalibrated_gallery_gives_candidates_and_never_a_name(place, serve, open_page, upload, scene):
    with contextlib.closing(open_gallery(place).database) as database, database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM calibrations")
    with serve(place) as address:
        page = open_page(address)
        assert page.inner_text("#rates-words").startswith("Nobody knows: this gallery has not been calibrated.")
        page.set_input_files("#file", upload(scene))
        page.wait_for_selector(".face")
        assert verdicts(page) == ["No name", "No name", "No name", "Too small to say"]
        assert page.locator(".tag").all_inner_texts()[:2] == ["No name", "No name"]
        assert "Ann" not in page.inner_text("#stage") and "Bo" not in page.inner_text("#stage")
        first = page.locator(".face").nth(0)
        assert first.locator(".candidates .who").all_inner_texts() == ["Ann", "Bo"]
        assert not first.locator(".enrolled").is_visible()
        words = page.inner_text("#uncalibrated")
        assert "not been calibrated for sharp faces and faces of about 12 pixels" in words
        assert "cshml-gallery calibrate FOLDER --gallery GALLERY" in words
