"""Find faces and landmarks, beside the `mtcnn` package alone and facenet-pytorch's MTCNN."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cshml_tf.alignment.detector import Detector, Face, rank_faces
from cshml_tf.data.synthetic.photograph import draw_photograph
from cshml_tf.images import list_images, read_named
from rows.comparison import Peer, Plan, Row, compare

# The defaults of the library's detector, given to every peer.
_SMALLEST, _THRESHOLDS, _SCALE_FACTOR = 20, (0.6, 0.7, 0.7), 0.709
_PHOTOGRAPHS = 16


def rows(plan: Plan, before: list[Row]) -> Iterator[Row]:
    """Measure detection; reading the files is not part of it."""
    photographs, described = _photographs(plan)
    what = f"{len(photographs)} photographs, {described}"
    try:
        detector = Detector()
    except ValueError as error:
        yield Row("alignment", what, "photographs/s", f"not run: {error}")
        return
    peers = [
        Peer("mtcnn, one by one", lambda: _mtcnn(photographs, as_list=False)),
        Peer("mtcnn, as a list", lambda: _mtcnn(photographs, as_list=True)),
        Peer("facenet-pytorch, one by one", lambda: _facenet(photographs)),
    ]

    def ours() -> list[np.ndarray | None]:
        return [_most_prominent(detector.detect(each), each) for each in photographs]

    yield compare(plan, Row("alignment", what, "photographs/s"), len(photographs), ours, peers, _agreement)


def _photographs(plan: Plan) -> tuple[list[np.ndarray], str]:
    count = 2 if plan.quick else _PHOTOGRAPHS
    if plan.photographs is None:
        size = 128 if plan.quick else 250
        return [draw_photograph(number, 1, size).pixels for number in range(count)], f"drawn, {size} x {size}"
    paths = list_images(plan.photographs)
    # Evenly spaced, for other people than those whose names come first.
    chosen = paths[:: max(1, len(paths) // count)][:count]
    if not chosen:
        raise ValueError(f"{plan.photographs}: expected photographs, found none")
    return [read_named(plan.photographs / path) for path in chosen], "given"


def _most_prominent(faces: Sequence[Face], image: np.ndarray) -> np.ndarray | None:
    """Return the landmarks of the likeliest subject: (5, 2) x, y."""
    ranked = rank_faces(faces, *image.shape[:2])
    return ranked[0].landmarks if ranked else None


def _agreement(ours: Sequence[np.ndarray | None], theirs: Sequence[np.ndarray | None]) -> dict[str, float]:
    """Compare the landmarks of the photographs in which both found a face."""
    both = [(a, b) for a, b in zip(ours, theirs, strict=True) if a is not None and b is not None]
    distances = [np.linalg.norm(a - b, axis=1).mean() for a, b in both]
    figures = {"found by us": sum(each is not None for each in ours)}
    figures |= {"by the peer": sum(each is not None for each in theirs)}
    if both:
        figures |= {"landmarks apart, mean pixels": float(np.mean(distances)), "most": float(max(distances))}
    return figures


def _mtcnn(photographs: list[np.ndarray], as_list: bool) -> Callable[[], list[np.ndarray | None]]:
    from mtcnn import MTCNN

    detector = MTCNN()
    options = {"min_face_size": _SMALLEST, "scale_factor": _SCALE_FACTOR}
    names = ("threshold_pnet", "threshold_rnet", "threshold_onet")
    options |= dict(zip(names, _THRESHOLDS, strict=True))

    def run() -> list[np.ndarray | None]:
        landmarks = []
        for images in [photographs] if as_list else [[each] for each in photographs]:
            # The other form of its answers is rounded to whole pixels.
            found = detector.detect_faces(images, output_type="numpy", **options)
            for number, image in enumerate(images):
                faces = [_face_of_mtcnn(row) for row in found if row[0] == number]
                landmarks.append(_most_prominent(faces, image))
        return landmarks

    return run


def _face_of_mtcnn(row: np.ndarray) -> Face:
    """Convert image, x, y, width, height, score, five x, five y."""
    return Face(*(float(value) for value in row[1:6]), row[6:16].reshape(2, 5).T.astype(np.float64))


def _facenet(photographs: list[np.ndarray]) -> Callable[[], list[np.ndarray | None]]:
    import torch
    from facenet_pytorch import MTCNN

    from rows.torch_networks import torch_device

    detector = MTCNN(
        min_face_size=_SMALLEST,
        thresholds=list(_THRESHOLDS),
        factor=_SCALE_FACTOR,
        keep_all=True,
        device=torch_device(),
    ).eval()

    @torch.inference_mode()
    def run() -> list[np.ndarray | None]:
        landmarks = []
        for image in photographs:
            boxes, scores, points = detector.detect(image, landmarks=True)
            found = () if boxes is None else zip(boxes, scores, points, strict=True)
            faces = [
                Face(box[0], box[1], box[2] - box[0], box[3] - box[1], score, np.asarray(each, np.float64))
                for box, score, each in found
            ]
            landmarks.append(_most_prominent(faces, image))
        return landmarks

    return run
