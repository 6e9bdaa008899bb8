"""What the tables of a gallery may hold: every value is checked when it is read.

A gallery is a file that anyone may have damaged or edited, and SQLite keeps values of any type in any column. A
threshold of -5 would name every stranger, an embedding of NaN nobody.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypedDict

import numpy as np
from msgspec import Meta

from cshml_tf.degradation.degrade import check_mode
from cshml_tf.files import check_content
from cshml_tf.gallery.database import DatabaseError
from cshml_tf.gallery.schema import SHARP
from cshml_tf.gallery.views import View, parse_width
from cshml_tf.images import UnreadableImage, decode_image
from cshml_tf.settings.choices import PERSON_SCORES, SEARCHES

_Number = Annotated[int, Meta(ge=1, le=2**31 - 1)]
_Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_Size = Annotated[int, Meta(ge=1, le=2**15)]
_Measure = Annotated[float, Meta(ge=0, le=1e12)]
_Rate = Annotated[float, Meta(gt=0, lt=1)]
_Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Time = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
LONGEST_NAME = 200
# Cosines of float32 vectors whose lengths are 1 but for rounding.
_LARGEST_SCORE = 1.001
_UNIT_TOLERANCE = 1e-3


class CardRow(TypedDict):
    """The card."""

    created: _Time
    image_size: tuple[_Size, _Size]
    embedding_size: _Size
    hr_width: Annotated[float, Meta(gt=0, le=1e6)]
    person_score: str
    search: str
    revision: _Count


class ViewRow(TypedDict):
    """A view, with its network."""

    kind: str
    digest: _Digest
    folder: str
    degradation: str
    weight: Annotated[float, Meta(ge=0, le=1e6)]


class PersonRow(TypedDict):
    """A person."""

    id: _Number
    name: str
    created: _Time


class FaceRow(TypedDict):
    """A face, without its crop."""

    id: _Number
    person_id: _Number
    source: str
    digest: _Digest
    created: _Time
    width: _Measure
    detector_score: Annotated[float, Meta(ge=0, le=1)] | None
    sharpness: _Measure
    mirror_distance: _Measure


class CalibrationRow(TypedDict):
    """A calibration."""

    kind: str
    created: _Time
    fpir: _Rate
    scores: bytes
    strangers: _Number
    people: _Count
    faces: _Number
    origin: Literal["reduced", "native"]


class LogRow(TypedDict):
    """A line of the log."""

    at: _Time
    action: str
    person: _Number | None
    faces: _Count | None


def check_row(where: str, row: Mapping[Any, Any], expected: Any) -> None:
    """Check the values of a row.

    Args:
        where: the gallery and the table, in the error message.
        row: the values by column.
        expected: one of the classes above; other columns are passed over.

    Raises:
        DatabaseError: a value is not one that the column holds.
    """
    try:
        check_content(where, {column: row[column] for column in expected.__annotations__}, expected)
    except ValueError as error:
        raise DatabaseError(str(error)) from None


def check_card(name: str, card: Mapping[str, Any], views: Mapping[str, View]) -> None:
    """Check a card and its views.

    Args:
        name: the gallery, in the error message.
        card: the fields of `CardRow`.
        views: by kind, in the order of the table.

    Raises:
        DatabaseError: a value is out of range.
    """
    check_row(f"{name}: card", card, CardRow)
    if card["person_score"] not in PERSON_SCORES or card["search"] not in SEARCHES:
        got = f"{card['person_score']!r}, {card['search']!r}"
        raise DatabaseError(f"{name}: card: expected best or mean, and exact or hnsw, got {got}")
    if next(iter(views), None) != SHARP:
        raise DatabaseError(
            f"{name}: damaged: expected the view {SHARP} first, got {', '.join(map(str, views)) or 'none'}"
        )
    for kind, view in views.items():
        where = f"{name}: view {kind}"
        check_row(where, vars(view), ViewRow)
        try:
            parse_width(kind)
            if kind != SHARP:
                check_mode(view.degradation, "degradation")
        except ValueError as error:
            raise DatabaseError(f"{where}: {error}") from None


def check_person_name(name: str, person: Any) -> None:
    """Check a stored name: text that takes one line.

    Raises:
        DatabaseError: it is not such a text; the message begins with the gallery's `name`.
    """
    if not isinstance(person, str) or not 0 < len(person) <= LONGEST_NAME or not person.isprintable():
        raise DatabaseError(
            f"{name}: people: name: expected 1 to {LONGEST_NAME} printable characters, got {person!r:.80}"
        )


def checked_scores(name: str, row: Mapping[Any, Any], kinds: Mapping[str, View]) -> np.ndarray:
    """Check a calibration; return its scores.

    Args:
        name: the gallery, in the error message.
        row: the columns of `CalibrationRow`.
        kinds: the views of the gallery.

    Returns:
        (probes,) float64, -1..1, read-only.

    Raises:
        DatabaseError: a value is out of range.
    """
    check_row(f"{name}: calibrations", row, CalibrationRow)
    # msgspec takes text for bytes in base64.
    is_array = isinstance(row["scores"], bytes) and len(row["scores"]) % 8 == 0
    scores = np.frombuffer(row["scores"], "<f8") if is_array else np.empty(0)
    if row["kind"] not in kinds or not scores.size or not (np.abs(scores) <= _LARGEST_SCORE).all():
        raise DatabaseError(f"{name}: calibrations: expected cosine similarities of a view, got {row['kind']!r}")
    return scores


def checked_crop(name: str, image_size: tuple[int, int], face: int, crop: Any) -> np.ndarray:
    """Decode a stored crop.

    Args:
        name: the gallery, in the error message.
        image_size: (height, width) of its crops.
        face: the face's number.
        crop: what is stored.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        DatabaseError: it is not a picture, or not one of this size.
    """
    where = f"{name}: face {face}"
    if not isinstance(crop, bytes):
        raise DatabaseError(f"{where}: expected the PNG of a crop, got {type(crop).__name__}")
    try:
        pixels = decode_image(crop)
    except UnreadableImage as error:
        raise DatabaseError(f"{where}: expected the PNG of a crop: {error}") from None
    if pixels.shape[:2] != image_size:
        raise DatabaseError(f"{where}: expected a crop of {image_size}, got {pixels.shape[:2]}")
    return pixels


def checked_vectors(name: str, size: int, faces: Sequence[int], vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Put stored embeddings into one array.

    Args:
        name: the gallery, in the error message.
        size: number of values of an embedding.
        faces: the faces' numbers.
        vectors: an embedding of each.

    Returns:
        (faces, size) float32, each of unit length.

    Raises:
        DatabaseError: one has another size or length.
    """
    for face, vector in zip(faces, vectors, strict=True):
        if len(vector) != size:
            raise DatabaseError(_no_embedding(name, face, size, vector))
    rows = np.array(vectors, np.float32).reshape(len(vectors), size)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    # NaN compares as false.
    wrong = ~(np.abs(lengths - 1) < _UNIT_TOLERANCE)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise DatabaseError(_no_embedding(name, faces[first], size, vectors[first]))
    return rows


def _no_embedding(name: str, face: int, size: int, vector: np.ndarray) -> str:
    return (
        f"{name}: face {face}: expected an embedding of {size} values and unit length, got "
        f"{len(vector)} values of length {float(np.linalg.norm(vector)):.3g}"
    )
