"""JSON of what is seen: one object per track when it ends and, if wanted, one per frame."""

from typing import Any

from cshml_tf.watch.watching import EndedTrack, SeenFrame


def track_json(track: EndedTrack) -> dict[str, Any]:
    """Return the JSON of a track that has ended; times in seconds, boxes in pixels of the frame."""
    answer = track.answer
    return {
        "track": track.number,
        "first": round(track.first, 3),
        "last": round(track.last, 3),
        "frames": track.frames,
        "status": answer.status,
        "name": answer.name,
        "score": round(answer.candidates[0].score, 5) if answer.candidates else None,
        "threshold": None if answer.threshold is None else round(answer.threshold, 5),
        "kind": answer.kind,
        "width": round(track.best.width, 1),
        "reason": answer.reason or None,
        "candidates": [
            {"name": each.name, "score": round(each.score, 5), "face": each.face} for each in answer.candidates
        ],
        "best": {"time": round(track.best_time, 3), "box": _box(track.best.box)},
    }


def frame_json(seen: SeenFrame) -> dict[str, Any]:
    """Return the JSON of a frame that was searched: what each track says so far."""
    return {
        "frame": seen.frame.number,
        "time": round(seen.frame.time, 3),
        "faces": [
            {
                "track": face.track,
                "box": _box(face.face.box),
                "width": round(face.face.width, 1),
                "status": face.answer.status,
                "name": face.answer.name,
                "score": round(face.answer.candidates[0].score, 5) if face.answer.candidates else None,
            }
            for face in seen.faces
        ],
    }


def _box(box: tuple[float, float, float, float]) -> list[float]:
    return [round(side, 1) for side in box]
