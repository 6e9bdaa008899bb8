"""One picture of a request: what is asked of it, and what was seen in it."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cshml_tf.gallery.decision import Answer
from cshml_tf.gallery.portraits import CroppedFace
from cshml_tf.gallery.quality import sharpness_of


@dataclass(frozen=True)
class Probe:
    """One picture, and what is asked of it.

    Attributes:
        content: the file.
        top: number of candidates for each face; 0 asks for embeddings instead of decisions.
        one_face: whether only the most prominent face counts.
    """

    content: bytes
    top: int
    one_face: bool = False


@dataclass(frozen=True)
class SeenFace:
    """A face of a picture: decided on, or embedded.

    Attributes:
        face: the face.
        sharpness: variance of the Laplacian of the crop's grey levels.
        kind: the view that suits its width.
        answer: the decision, if one was asked for.
        embedding: (E,) float32 of unit length, if it was asked for.
    """

    face: CroppedFace
    sharpness: float
    kind: str
    answer: Answer | None = None
    embedding: np.ndarray | None = None


@dataclass(frozen=True)
class Seen:
    """A picture that was looked at.

    Attributes:
        width: of the picture, pixels.
        height: of the picture, pixels.
        faces: its faces, from left to right.
        notes: what the user must know of the decisions.
    """

    width: int
    height: int
    faces: Sequence[SeenFace]
    notes: Sequence[str]


def picture_seen(
    probe: Probe,
    seen: tuple[tuple[int, int], list[CroppedFace]],
    answers: Iterator[Answer],
    embeddings: Iterator[np.ndarray],
    notes: Mapping[str, list[str]],
    kind_of: Callable[[float], str],
) -> Seen:
    """Take what belongs to one picture from what a batch has yielded.

    Args:
        probe: what was asked.
        seen: (height, width) of the picture and its faces.
        answers: of the batch's faces to be identified, in order; those of this picture are taken.
        embeddings: of the batch's other faces, likewise.
        notes: lines that the user must know, by kind of view.
        kind_of: function of a face's width that returns the view that suits it.
    """
    (height, width), found = seen
    faces = []
    for face in found:
        sharpness = sharpness_of(face.pixels)
        if probe.top:
            answer = next(answers)
            # Others of the batch may have asked for more candidates.
            answer = dataclasses.replace(answer, candidates=answer.candidates[: probe.top])
            faces.append(SeenFace(face, sharpness, answer.kind, answer))
        else:
            faces.append(SeenFace(face, sharpness, kind_of(face.width), embedding=next(embeddings)))
    lines = [line for kind in sorted({each.kind for each in faces} & notes.keys()) for line in notes[kind]]
    return Seen(width, height, faces, lines)
