"""The part of the API that keeps the gallery: /v1/people, /v1/gallery."""

from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile

from cshml_tf.files import printable
from cshml_tf.gallery.calibration import read_calibrations
from cshml_tf.gallery.decision import Thresholds
from cshml_tf.gallery.reports import calibration_line
from cshml_tf.gallery.rows import checked_name
from cshml_tf.server.answers import (
    EnrolAnswer,
    GalleryAnswer,
    PeopleAnswer,
    PersonAnswer,
    PersonFacesAnswer,
    Problem,
    RemovedAnswer,
    StoredFaceAnswer,
    ViewAnswer,
    enrol_answer,
    portrait_address,
)
from cshml_tf.server.faces import PROBLEMS
from cshml_tf.server.gate import Refusal
from cshml_tf.server.service import Service

MOST_PORTRAITS = 20
_LONGEST_SOURCE = 200
_Responses = dict[int | str, dict[str, Any]]
_UNKNOWN: _Responses = {404: {"model": Problem, "description": "Nobody of that name, or no such face"}}
_KNOWN: _Responses = {409: {"model": Problem, "description": "Somebody of that name is enrolled already"}}
Portraits = Annotated[list[UploadFile], File(description="portraits with one face each")]


def people_routes(service: Service) -> APIRouter:
    """Return the routes that list, enrol and remove people."""
    router = APIRouter(prefix="/v1", tags=["people"], responses=PROBLEMS)
    gallery = service.gallery

    @router.get("/people", summary="List the people enrolled, in alphabetical order")
    def people(
        after: Annotated[str, Query(description="only names that follow this one")] = "",
        limit: Annotated[int, Query(ge=1, le=10_000, description="the largest number of people")] = 1000,
    ) -> PeopleAnswer:
        if printable(after) != after:
            raise Refusal(422, "after: expected printable characters")
        some = gallery.some_people(after, limit)
        return PeopleAnswer(people=[_person(name, *about) for name, about in some.items()])

    @router.post("/people", status_code=201, summary="Enrol a new person", responses=_KNOWN)
    async def enrol(request: Request, name: Annotated[str, Form()], picture: Portraits) -> EnrolAnswer:
        request.state.audit = {"person": printable(name)[:_LONGEST_SOURCE]}
        return await _enrol(service, name, picture, is_new=True)

    @router.get("/people/{name}", summary="List the faces of a person", responses=_UNKNOWN)
    def person(name: str) -> PersonFacesAnswer:
        return _person_faces(service, _name(name))

    @router.delete("/people/{name}", summary="Remove a person: name, crops and embeddings", responses=_UNKNOWN)
    def remove(name: str) -> RemovedAnswer:
        name = _name(name)
        faces = gallery.remove(name)
        note = gallery.unerased()
        return RemovedAnswer(name=name, removed=faces, notes=[note] if note else [])

    @router.post(
        "/people/{name}/faces", status_code=201, summary="Enrol a further face of a person", responses=_UNKNOWN
    )
    async def add_face(name: str, picture: Portraits) -> EnrolAnswer:
        return await _enrol(service, _name(name), picture, is_new=False)

    @router.get(
        "/people/{name}/faces/{number}",
        summary="Show an enrolled face",
        responses=_UNKNOWN | {200: {"content": {"image/png": {}}}},
        response_class=Response,
    )
    def face(name: str, number: int) -> Response:
        name = _name(name)
        if all(each.id != number for each in gallery.faces_of(name)):
            raise Refusal(404, f"expected the number of a face of {printable(name)}, got {number}")
        return Response(gallery.crop_of(number), media_type="image/png")

    @router.get("/gallery", tags=["gallery"], summary="Describe the gallery and the rates in force")
    def about() -> GalleryAnswer:
        return _about(service)

    return router


async def _enrol(service: Service, name: str, pictures: list[UploadFile], is_new: bool) -> EnrolAnswer:
    try:
        name = checked_name(name)
    except ValueError as error:
        raise Refusal(422, str(error)) from None
    if name in (".", ".."):
        raise Refusal(422, "name: expected one that an address can hold, got only dots")
    if len(pictures) > MOST_PORTRAITS:
        raise Refusal(422, f"picture: expected at most {MOST_PORTRAITS} portraits, got {len(pictures)}")
    contents = [(_source(each), await each.read()) for each in pictures]
    outcomes = await service.enrol(name, contents, is_new)
    if all(each.status == "refused" for each in outcomes):
        reasons = [each.reason for each in outcomes]
        raise Refusal(422, "; ".join(f"portrait {number}: {reason}" for number, reason in enumerate(reasons, 1)))
    return enrol_answer(name, outcomes)


def _source(picture: UploadFile) -> str:
    return printable(picture.filename or "upload")[:_LONGEST_SOURCE]


def _name(segment: str) -> str:
    """Return the name in an address, whose escapes the router left as they were."""
    try:
        name = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise Refusal(404, "expected a name in UTF-8") from None
    if printable(name) != name:
        raise Refusal(404, "expected a name of printable characters")
    return name


def _person(name: str, faces: int, first: int | None) -> PersonAnswer:
    return PersonAnswer(name=name, faces=faces, portrait=None if first is None else portrait_address(name, first))


def _person_faces(service: Service, name: str) -> PersonFacesAnswer:
    return PersonFacesAnswer(
        name=name,
        faces=[
            StoredFaceAnswer(
                number=each.id,
                portrait=portrait_address(name, each.id),
                source=each.source,
                enrolled=each.created,
                width=each.quality.width,
                detector_score=each.quality.detector_score,
                sharpness=each.quality.sharpness,
                mirror_distance=each.quality.mirror_distance,
            )
            for each in service.gallery.faces_of(name)
        ],
    )


def _about(service: Service) -> GalleryAnswer:
    gallery, options = service.gallery, service.options
    card, (people, faces) = gallery.card(), gallery.size()
    calibrations = read_calibrations(gallery)
    thresholds = Thresholds(calibrations, options.fpir)
    views = []
    for kind, view in card.views.items():
        threshold = thresholds.by_kind.get(kind)
        words = thresholds.notes(gallery, {kind})
        if threshold is not None:
            words = [rate_words(threshold.fpir, threshold.interval), calibration_line(calibrations[kind]), *words]
        views.append(
            ViewAnswer(
                kind=kind,
                network=view.digest,
                second_score_weight=view.weight,
                threshold=None if threshold is None else threshold.value,
                stated_rate=None if threshold is None else threshold.fpir,
                interval=None if threshold is None else threshold.interval,
                probes=None if threshold is None else threshold.probes,
                passed=None if threshold is None else threshold.passed,
                words=words,
            )
        )
    return GalleryAnswer(
        people=people,
        faces=faces,
        created=card.created,
        person_score=card.person_score,
        search=card.search,
        image_size=card.image_size,
        hr_width=card.hr_width,
        min_width=options.min_width,
        portrait_width=options.portrait_width,
        views=views,
    )


def rate_words(rate: float, interval: tuple[float, float]) -> str:
    """Say in plain words how often a stranger is given somebody's name."""
    low, high = interval
    shown = [f"{1000 * share:.2g}" if share < 0.0995 else f"{1000 * share:.0f}" for share in (rate, low, high)]
    return (
        f"Of 1,000 people who are not enrolled, about {shown[0]} would be given somebody's name (with 95 % "
        f"confidence {shown[1]} to {shown[2]})."
    )
