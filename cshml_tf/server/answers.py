"""The JSON that the API sends, declared once: answers are checked against it, and /openapi.json is made of it."""

from collections.abc import Sequence
from urllib.parse import quote

from pydantic import BaseModel

from cshml_tf.server.probes import Seen, SeenFace
from cshml_tf.server.service import Enrolled


class Problem(BaseModel):
    """Why a request was not answered."""

    error: str


class FaceInPicture(BaseModel):
    """Where a face is, and the figures of its quality."""

    box: tuple[float, float, float, float]
    width: float
    detector_score: float | None
    sharpness: float
    kind: str


class CandidateAnswer(BaseModel):
    """An enrolled person who may be the one in the picture."""

    name: str
    score: float
    portrait: str


class IdentifiedFaceAnswer(FaceInPicture):
    """What is said of a face: identified, unknown, rejected (too poor to say), uncalibrated (candidates only)."""

    status: str
    name: str | None
    score: float | None
    threshold: float | None
    reason: str | None
    quality: float | None
    candidates: list[CandidateAnswer]


class IdentifyAnswer(BaseModel):
    """The faces of a picture, from left to right."""

    width: int
    height: int
    faces: list[IdentifiedFaceAnswer]
    notes: list[str]


class EmbeddedFaceAnswer(FaceInPicture):
    """A face and its embedding, of unit length."""

    embedding: list[float]


class EmbedAnswer(BaseModel):
    """The faces of a picture, from left to right, with their embeddings."""

    width: int
    height: int
    faces: list[EmbeddedFaceAnswer]


class CompareAnswer(BaseModel):
    """The similarity of the most prominent faces of two pictures, as a cosine."""

    score: float
    kind: str
    first: FaceInPicture
    second: FaceInPicture


class BestAnswer(BaseModel):
    """The moment at which a track shows its face best."""

    time: float
    box: tuple[float, float, float, float]


class TrackAnswer(BaseModel):
    """A face that was followed through a clip, and what is said of it; times in seconds."""

    track: int
    first: float
    last: float
    frames: int
    status: str
    name: str | None
    score: float | None
    threshold: float | None
    kind: str
    width: float
    reason: str | None
    candidates: list[CandidateAnswer]
    best: BestAnswer


class WatchAnswer(BaseModel):
    """The tracks of a clip, in the order in which they ended."""

    tracks: list[TrackAnswer]


class PersonAnswer(BaseModel):
    """An enrolled person."""

    name: str
    faces: int
    portrait: str | None


class PeopleAnswer(BaseModel):
    """People enrolled, in alphabetical order."""

    people: list[PersonAnswer]


class StoredFaceAnswer(BaseModel):
    """An enrolled face."""

    number: int
    portrait: str
    source: str
    enrolled: str
    width: float
    detector_score: float | None
    sharpness: float
    mirror_distance: float


class PersonFacesAnswer(BaseModel):
    """An enrolled person with all faces."""

    name: str
    faces: list[StoredFaceAnswer]


class NearAnswer(BaseModel):
    """Another person whom a portrait resembles more than the threshold allows."""

    name: str
    score: float


class EnrolledPictureAnswer(BaseModel):
    """What became of a portrait: enrolled, already enrolled or refused."""

    status: str
    number: int | None
    portrait: str | None
    reason: str | None
    near: NearAnswer | None


class EnrolAnswer(BaseModel):
    """What became of each portrait, in the order in which they were sent."""

    name: str
    pictures: list[EnrolledPictureAnswer]


class RemovedAnswer(BaseModel):
    """A person was removed, with so many faces."""

    name: str
    removed: int
    notes: list[str]


class ViewAnswer(BaseModel):
    """A network of the gallery, and the threshold in force for the faces that it embeds."""

    kind: str
    network: str
    second_score_weight: float
    threshold: float | None
    stated_rate: float | None
    interval: tuple[float, float] | None
    probes: int | None
    passed: int | None
    words: list[str]


class GalleryAnswer(BaseModel):
    """What the gallery is, and the rates in force."""

    people: int
    faces: int
    created: str
    person_score: str
    search: str
    image_size: tuple[int, int]
    hr_width: float
    min_width: float
    portrait_width: float
    views: list[ViewAnswer]


def portrait_address(name: str, face: int) -> str:
    """Return the address of the picture of an enrolled face."""
    return f"/v1/people/{quote(name, safe='')}/faces/{face}"


def identify_answer(seen: Seen) -> IdentifyAnswer:
    """Return the answer of /v1/identify."""
    return IdentifyAnswer(
        width=seen.width,
        height=seen.height,
        faces=[_identified(each) for each in seen.faces],
        notes=list(seen.notes),
    )


def embed_answer(seen: Seen) -> EmbedAnswer:
    """Return the answer of /v1/embed."""
    faces = []
    for each in seen.faces:
        assert each.embedding is not None
        faces.append(EmbeddedFaceAnswer(**_where(each), embedding=each.embedding.tolist()))
    return EmbedAnswer(width=seen.width, height=seen.height, faces=faces)


def face_answer(face: SeenFace) -> FaceInPicture:
    """Return where a face is."""
    return FaceInPicture(**_where(face))


def enrol_answer(name: str, outcomes: Sequence[Enrolled]) -> EnrolAnswer:
    """Return the answer to an enrolment."""
    return EnrolAnswer(
        name=name,
        pictures=[
            EnrolledPictureAnswer(
                status=each.status,
                number=each.face or None,
                portrait=portrait_address(name, each.face) if each.face else None,
                reason=each.reason or None,
                near=None if each.near is None else NearAnswer(name=each.near[0], score=each.near[1]),
            )
            for each in outcomes
        ],
    )


def _where(each: SeenFace) -> dict:
    face = each.face
    score = face.detector_score
    return {
        "box": tuple(round(side, 1) for side in face.box),
        "width": round(face.width, 1),
        "detector_score": None if score is None else round(score, 4),
        "sharpness": round(each.sharpness, 1),
        "kind": each.kind,
    }


def _identified(each: SeenFace) -> IdentifiedFaceAnswer:
    answer = each.answer
    assert answer is not None
    candidates = [
        CandidateAnswer(name=one.name, score=round(one.score, 5), portrait=portrait_address(one.name, one.face))
        for one in answer.candidates
    ]
    return IdentifiedFaceAnswer(
        **_where(each),
        status=answer.status,
        name=answer.name,
        score=candidates[0].score if candidates else None,
        threshold=answer.threshold,
        reason=answer.reason or None,
        quality=None if answer.quality is None else round(answer.quality, 4),
        candidates=candidates,
    )
