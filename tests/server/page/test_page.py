"""The page as a whole: key, busy server, rates in words, policy, labels, narrow screens, contents of the wheel."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

import cshml_tf
from cshml_tf.server.app import PAGE

ROOT = Path(cshml_tf.__file__).parents[1]
# What would run a string as code or as markup, or outlive the tab.
FORBIDDEN = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|localStorage"
# Controls in sight that a screen reader could not name.
UNNAMED = """[...document.querySelectorAll("input, button, a, summary")]
  .filter((each) => each.checkVisibility())
  .filter((each) => !(each.labels?.length || each.textContent.trim() || each.ariaLabel))
  .map((each) => each.outerHTML)"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# The least contrast of a text with the colour behind it, by the Web Content Accessibility Guidelines 2.1.
CONTRASTS = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).map((part) => part / 255)
      .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
  };
  const texts = [...document.querySelectorAll("body *")].filter((each) => each.checkVisibility() &&
    !each.matches("button:disabled, script") &&
    [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()));
  return Math.min(...texts.map((each) => {
    const [dark, bright] = [light(getComputedStyle(each).color), light(ground(each))].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  }));
}"""


@pytest.mark.slow
def test_the_key_is_asked_for_and_kept_in_the_tab_only(place, serve, open_page, upload, scene):
    key = "correct-horse-battery-staple-1234"
    with serve(place, keys=[key]) as address:
        page = open_page(address)
        page.fill("#key-value", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("#key-words:text('The server does not accept this key.')")
        page.fill("#key-value", key)
        page.keyboard.press("Enter")
        page.wait_for_selector("#rates-words:not(:empty)")
        page.set_input_files("#file", upload(scene))
        page.wait_for_selector(".face")
        expect(page.locator(".face .enrolled img").first).to_have_js_property("naturalWidth", 40)
        kept = page.evaluate("[Object.values(sessionStorage), Object.keys(localStorage), document.cookie]")
        assert kept == [[key], [], ""]
        assert key not in page.content() and page.input_value("#key-value") == ""
        page.reload()
        page.wait_for_selector("#rates-words:not(:empty)")
        page.click("#forget-key")
        page.wait_for_selector("#key[open]")
        page.click("#key-cancel")
        page.wait_for_selector("#problem:text('The server asks for a key.')")
        assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.slow
def test_a_busy_server_is_asked_once_more(place, serve, open_page, upload, scene):
    with serve(place, most_waiting=0) as address:
        page = open_page(address)
        asked = []
        page.on("request", lambda request: asked.append(request.method))
        page.set_input_files("#file", upload(scene))
        page.wait_for_selector("#status:text('The server is busy; trying again in 1 s')")
        page.wait_for_selector("#problem:text('The server is busy')")
        assert asked.count("POST") == 2
        assert not page.locator("#result").is_visible() and page.inner_text("#status") == ""


@pytest.mark.slow
def test_a_server_that_is_gone_is_said(place, serve, open_page, upload, scene):
    with serve(place) as address:
        page = open_page(address)
    page.set_input_files("#file", upload(scene))
    page.wait_for_selector("#problem:not(:empty)")
    assert page.inner_text("#problem") == "The server does not answer."


@pytest.mark.slow
def test_the_rates_in_plain_words(page):
    """One of ten strangers' probes passes: Clopper and Pearson's interval is 0.25 % to 44.5 %."""
    assert page.inner_text("#rates-words") == (
        "Of 100 strangers, about 10 will be called by somebody’s name (with 95 % confidence 0.3 to 45). "
        "Measured with 10 photographs of strangers."
    )
    page.click("#rates-more summary")
    rows = [row.locator("th, td").all_inner_texts() for row in page.locator("#rates-rows tr").all()]
    assert rows == [
        [width, "about 10 of 100", "0.3 to 45", "10", "0.500"]
        for width in ("20 pixels or wider", "about 8 pixels", "about 12 pixels")
    ]
    words = page.evaluate(
        "import('./rates.js').then(({ ofStrangers }) => [0.1, 0.01, 0.015, 0.003, 0.0001].map(ofStrangers))"
    )
    assert words == [[100, "10"], [100, "1"], [100, "1.5"], [1000, "3"], [10000, "1"]]


@pytest.mark.slow
@pytest.mark.parametrize("width", [340, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_control_has_a_name_and_nothing_is_cut_off(open_page, address, upload, scene, width, scheme):
    page = open_page(address, viewport={"width": width, "height": 700}, color_scheme=scheme)
    page.set_input_files("#file", upload(scene))
    page.wait_for_selector(".face")
    for view in ("identify", "people"):
        page.goto(f"{address}/#{view}")
        page.wait_for_selector(f"#{view}:not([hidden])")
        assert page.evaluate(UNNAMED) == []
        assert page.evaluate(WIDER) <= 0
        assert page.evaluate(CONTRASTS) >= 4.5


def test_the_files_hold_no_inline_script_and_no_outside_address():
    texts = {path.name: path.read_text(encoding="utf-8") for path in PAGE.iterdir()}
    assert {"index.html", "style.css", "page.js"} <= texts.keys()
    for name, text in texts.items():
        addresses = set(re.findall(r"https?://[^\s\"']+|[\"'(]//", text)) - {"http://www.w3.org/2000/svg"}
        assert addresses == set(), name
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|localStorage", text
        ), name
    html = texts["index.html"]
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", html) == []


@pytest.mark.slow
def test_a_wheel_holds_the_page(tmp_path):
    for name in ("setup.py", "requirements.txt", "README.md", "pyproject.toml", "cshml_tf"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    command = [sys.executable, "setup.py", "--quiet", "bdist_wheel", "--dist-dir", "dist"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {f"cshml_tf/server/page/{path.name}" for path in PAGE.iterdir()} <= held
