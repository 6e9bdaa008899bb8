"""The part of the API that watches short clips: /v1/watch."""

import asyncio
import importlib.util
import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Request, UploadFile

from cshml_tf.server.answers import TrackAnswer, WatchAnswer, portrait_address
from cshml_tf.server.clips import Overlong, UnreadableClip, is_video
from cshml_tf.server.faces import PROBLEMS
from cshml_tf.server.gate import Refusal
from cshml_tf.server.service import Service
from cshml_tf.watch.events import track_json


def clip_routes(service: Service) -> APIRouter:
    """Return the route that watches a clip."""
    router = APIRouter(prefix="/v1", tags=["faces"], responses=PROBLEMS)
    one_at_a_time = asyncio.Semaphore(1)

    @router.post("/watch", summary="Follow the faces of a short clip and say whom of the gallery each shows")
    async def watch(
        request: Request, clip: Annotated[UploadFile, File(description="MP4, QuickTime, Matroska, WebM or AVI")]
    ) -> WatchAnswer:
        if not service.has_detector:
            raise Refusal(501, "this server takes aligned crops only")
        if importlib.util.find_spec("av") is None:
            raise Refusal(501, "this server cannot decode video: pip install 'cshml_tf[video]' there")
        content = await clip.read()
        if not is_video(content):
            raise Refusal(422, "clip: expected an MP4, QuickTime, Matroska, WebM or AVI video")
        if one_at_a_time.locked():
            raise Refusal(503, "another clip is being watched: try again later", **{"retry-after": "10"})
        async with one_at_a_time:
            with tempfile.NamedTemporaryFile(prefix="cshml-clip-") as file:
                await asyncio.to_thread(file.write, content)
                await asyncio.to_thread(file.flush)
                try:
                    tracks = await service.watch(Path(file.name))
                except Overlong as error:
                    raise Refusal(413, str(error)) from None
                except UnreadableClip as error:
                    raise Refusal(422, str(error)) from None
        found = [track_json(track) for track in tracks]
        for candidate in (each for track in found for each in track["candidates"]):
            candidate["portrait"] = portrait_address(candidate["name"], candidate.pop("face"))
        named = sum(1 for track in tracks if track.answer.name is not None)
        request.state.audit = {"tracks": len(tracks), "named": named}
        return WatchAnswer(tracks=[TrackAnswer(**track) for track in found])

    return router
