"""Text files that are there whole or not at all."""

import json
import os
from pathlib import Path


def write_text(path, text):
    """Write a text file through a temporary file beside it, so that no reader sees half of it."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def write_json(path, content):
    """Write a JSON file likewise; NaN and infinity are refused with a ValueError."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
