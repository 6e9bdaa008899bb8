"""A gallery's database, which is also the form in which a gallery is exported."""

import contextlib
import shutil

import numpy as np
from hardening.formats.format import Format

SIZE = 4


def _unit(seed):
    row = np.random.default_rng(seed).normal(size=3).astype(np.float32)
    return row / np.linalg.norm(row)


def _make(folder):
    import cv2

    from cshml_tf.gallery.calibration import store_calibrations
    from cshml_tf.gallery.creation import make_gallery
    from cshml_tf.gallery.quality import Quality
    from cshml_tf.gallery.rows import Card, NewFace, now
    from cshml_tf.gallery.views import View

    views = {
        kind: View(kind, digest * 64, f"models/{kind}", reduction, weight)
        for kind, digest, reduction, weight in (("HR", "a", "", 0.0), ("8", "b", "antialias", 0.5))
    }
    gallery = make_gallery(
        folder / "people.gallery", Card(now(), (SIZE, SIZE), 3, 40.0, "mean", "exact", 0, views, {})
    )
    with contextlib.closing(gallery.database):
        for number, name in enumerate(("Ann", "Ann", "Bo")):
            pixels = np.random.default_rng(number).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
            crop = cv2.imencode(".png", pixels)[1].tobytes()
            vectors = {kind: _unit(number) for kind in views}
            quality = Quality(60.0, 0.9, 100.0, 0.1)
            gallery.add_faces([NewFace(name, crop, f"{number}.jpg", f"{number}" * 64, quality, vectors)])
        store_calibrations(gallery, {"HR": [0.3, 0.2], "8": [0.1, 0.4]}, 2, 0.5)


def _read(folder, changed):
    """Do what `list`, `show`, a search, the thresholds and `import` do."""
    from cshml_tf.gallery.archive import import_gallery
    from cshml_tf.gallery.calibration import read_calibrations
    from cshml_tf.gallery.creation import open_gallery
    from cshml_tf.gallery.search import Search

    gallery = open_gallery(folder / changed)
    with contextlib.closing(gallery.database):
        for name in gallery.people():
            for face in gallery.faces_of(name):
                gallery.crop_of(face.id)
        gallery.log()
        read_calibrations(gallery)
        for candidates in Search(gallery).top("8", _unit(9)[None], 2):
            assert all(-1.001 <= each.score <= 1.001 for each in candidates)
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    import_gallery(folder / changed, copy / "people.gallery").database.close()


FORMATS = [Format("gallery", _make, _read, ("people.gallery",))]
