"""An HTML page of the tracks: the best face of each beside the enrolled portrait, the score and the times."""

import base64
import contextlib
import html
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from cshml_tf.files import claimed, printable, replacing
from cshml_tf.gallery.store import Gallery
from cshml_tf.images import encode_image
from cshml_tf.watch.drawing import caption
from cshml_tf.watch.watching import EndedTrack

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .4rem .8rem; border-bottom: 1px solid #8884; vertical-align: middle }}
img {{ width: 96px; image-rendering: pixelated; border-radius: 4px; display: block }}
td.none {{ opacity: .5 }}
.identified {{ font-weight: 600 }}
.rejected {{ opacity: .6 }}
</style>
</head>
<body>
<h1>{title}</h1>
"""
_TABLE = """<table>
<thead><tr><th>Seen</th><th>Nearest enrolled</th>
<th>Who</th><th>Score</th><th>Threshold</th><th>From</th><th>To</th>
<th>Widest</th></tr></thead>
<tbody>
"""
_END = """</tbody>
</table>
<p>{count}. A name means that the score reaches the threshold, not that it is this person:
compare both pictures.</p>
</body>
</html>
"""


class Page:
    """An open page to which tracks are added as they end.

    Args:
        file: open for writing text.
        gallery: its portraits are shown.
        source: what was watched.
        notes: of the thresholds.
    """

    def __init__(self, file: IO[str], gallery: Gallery, source: str, notes: list[str]) -> None:
        self._file = file
        self._gallery = gallery
        self._count = 0
        file.write(_HEAD.format(title=html.escape(f"Faces seen in {printable(source)}")))
        file.writelines(f"<p>{html.escape(printable(note))}</p>\n" for note in notes)
        file.write(_TABLE)

    def add(self, track: EndedTrack) -> None:
        """Add a track."""
        self._count += 1
        answer = track.answer
        candidate = answer.candidates[0] if answer.candidates else None
        portrait = ""
        if candidate is not None:
            # The person may have been removed since.
            with contextlib.suppress(ValueError):
                picture = _picture(self._gallery.crop_of(candidate.face), candidate.name)
                portrait = f"{picture}{html.escape(printable(candidate.name))}"
        cells = [
            _picture(encode_image(track.best.pixels), f"track {track.number}"),
            portrait,
            html.escape(printable(caption(answer).rsplit(" ", 1)[0] if candidate else caption(answer))),
            f"{candidate.score:.3f}" if candidate else "",
            "" if answer.threshold is None else f"{answer.threshold:.3f}",
            f"{track.first:.1f} s",
            f"{track.last:.1f} s",
            f"{track.best.width:.0f} px",
        ]
        self._file.write(
            f'<tr class="{answer.status}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"
        )

    def close(self) -> None:
        """Write the end of the page."""
        self._file.write(_END.format(count=f"{self._count} {'track' if self._count == 1 else 'tracks'}"))


@contextlib.contextmanager
def writing_page(path: Path, gallery: Gallery, source: str, notes: list[str]) -> Iterator[Page]:
    """Write a page that appears whole when the block ends, or not at all; memory does not grow with it.

    Raises:
        OSError: it cannot be written.
        ValueError: another process is writing it.
    """
    with claimed(path), replacing(path) as partial, open(partial, "w", encoding="utf-8") as file:
        page = Page(file, gallery, source, notes)
        yield page
        page.close()


def _picture(png: bytes, words: str) -> str:
    data = base64.b64encode(png).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{html.escape(printable(words))}">'
