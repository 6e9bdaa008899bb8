"""Fixtures of whole folders."""

import sys

import pytest
from marked_photographs import DETECTOR


@pytest.fixture
def marked_detector(tmp_path, monkeypatch):
    """Import the detector as a module that worker processes can import too."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "marked_detector.py").write_text(DETECTOR)
    monkeypatch.syspath_prepend(folder)
    sys.modules.pop("marked_detector", None)
    import marked_detector

    return marked_detector


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in", tmp_path / "out"
