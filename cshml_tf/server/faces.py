"""The part of the API that looks at pictures and stores nothing: /v1/identify, /v1/compare, /v1/embed."""

import asyncio
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, File, Query, Request, UploadFile

from cshml_tf.gallery.schema import SHARP
from cshml_tf.server.answers import (
    CompareAnswer,
    EmbedAnswer,
    IdentifyAnswer,
    Problem,
    embed_answer,
    face_answer,
    identify_answer,
)
from cshml_tf.server.gate import Refusal
from cshml_tf.server.probes import Probe, Seen, SeenFace
from cshml_tf.server.service import Service

MOST_CANDIDATES = 100
PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "No valid key"},
    413: {"model": Problem, "description": "The request or the picture is too large"},
    422: {"model": Problem, "description": "A picture that cannot be read, or a missing field"},
    503: {"model": Problem, "description": "The server is busy (Retry-After says for how long) or cannot be used"},
}
Picture = Annotated[UploadFile, File(description="JPEG, PNG, BMP, WebP, TIFF, GIF, AVIF or HEIC")]


def face_routes(service: Service) -> APIRouter:
    """Return the routes that look at pictures."""
    router = APIRouter(prefix="/v1", tags=["faces"], responses=PROBLEMS)

    @router.post("/identify", summary="Find every face of a picture and say whom of the gallery it shows")
    async def identify(
        request: Request,
        picture: Picture,
        top: Annotated[int | None, Query(ge=1, le=MOST_CANDIDATES, description="candidates per face")] = None,
    ) -> IdentifyAnswer:
        seen = await service.look(Probe(await picture.read(), top or service.options.top))
        tell(request, seen)
        return identify_answer(seen)

    @router.post("/embed", summary="Find every face of a picture and return the embeddings")
    async def embed(request: Request, picture: Picture) -> EmbedAnswer:
        seen = await service.look(Probe(await picture.read(), 0))
        tell(request, seen)
        return embed_answer(seen)

    @router.post("/compare", summary="Score how alike the most prominent faces of two pictures are")
    async def compare(request: Request, first: Picture, second: Picture) -> CompareAnswer:
        probes = [Probe(await picture.read(), 0, one_face=True) for picture in (first, second)]
        looked = await asyncio.gather(*map(service.look, probes), return_exceptions=True)
        faces = [_face_of(name, seen) for name, seen in zip(("first", "second"), looked, strict=True)]
        vectors = [face.embedding.astype(np.float64) for face in faces if face.embedding is not None]
        score = float(np.clip(vectors[0] @ vectors[1], -1, 1))
        kind = _pair_kind(faces[0].kind, faces[1].kind)
        return CompareAnswer(score=score, kind=kind, first=face_answer(faces[0]), second=face_answer(faces[1]))

    return router


def tell(request: Request, seen: Seen) -> None:
    """Leave for the audit log how many faces there were and how many got a name."""
    named = sum(1 for face in seen.faces if face.answer is not None and face.answer.name is not None)
    request.state.audit = {"faces": len(seen.faces), "named": named}


def _face_of(name: str, seen: Seen | BaseException) -> SeenFace:
    if isinstance(seen, ValueError):
        raise type(seen)(f"{name}: {seen}")
    if isinstance(seen, BaseException):
        raise seen
    if not seen.faces:
        raise Refusal(422, f"{name}: no face found")
    return seen.faces[0]


def _pair_kind(first: str, second: str) -> str:
    """Name the kind of a comparison as reports do: HR, "12 HL", "12 LL", or "8 LL, 12 LL"."""
    low = [kind for kind in (first, second) if kind != SHARP]
    if not low:
        return SHARP
    mode = "HL" if len(low) == 1 else "LL"
    return ", ".join(f"{kind} {mode}" for kind in dict.fromkeys(low))
