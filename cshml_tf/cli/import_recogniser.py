"""`cshml-import`: a pretrained recogniser as a model folder."""

import sys
from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.models import ImportSettings
from cshml_tf.settings.parser import read_settings
from cshml_tf.settings.places import CARD

DESCRIPTION = (
    "Turn a pretrained recogniser into a model folder that serves as the HR (high-resolution) network of "
    "train_cshml.py: an ONNX file (.onnx), whose network is rebuilt in Keras and compared with onnxruntime, or a "
    "FaceNet checkpoint of TensorFlow 1."
)

# The largest number of faces to compare on.
_COMPARED = 64


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(ImportSettings, argv, DESCRIPTION)
    _check_early(settings)
    start_backend(tensorflow_only=not settings.is_onnx)
    if settings.is_onnx:
        _import_onnx(settings)
    else:
        _import_facenet(settings)


def _check_early(settings):
    """Refuse what needs no TensorFlow, which takes seconds and memory, to be refused."""
    from cshml_tf.files import claimed_empty

    with claimed_empty(settings.out_dir, CARD):
        if settings.is_onnx:
            from onnx import ModelProto

            from cshml_tf.pretrained.wire import read_checked

            read_checked(settings.source, ModelProto)


def _import_onnx(settings):
    from cshml_tf.pretrained.importing import import_onnx

    faces = None if settings.compare_on is None else _some_faces(settings.compare_on)
    difference = import_onnx(
        settings.source,
        settings.out_dir,
        settings.standardisation,
        settings.image_size,
        settings.embedding,
        settings.colours,
        faces,
        settings.crop,
    )
    compared_on = "noise" if faces is None else f"{len(faces)} faces"
    print(
        f"{settings.out_dir}: largest difference from onnxruntime {difference:.1e} in a coordinate of a unit "
        f"embedding, on {compared_on}"
    )
    _state(settings.out_dir)


def _some_faces(data_dir):
    """Read aligned faces, evenly spaced over the sorted names: (n, H, W, 3) uint8."""
    import numpy as np

    from cshml_tf.data.folder import read_class_folders
    from cshml_tf.data.packed.source import is_packed, read_packed
    from cshml_tf.images import UnreadableImage, read_image

    if is_packed(data_dir):
        images = read_packed(data_dir).images
        return np.stack([images[index] for index in _evenly(len(images))])
    source = read_class_folders(data_dir)
    pixels = []
    for index in _evenly(len(source.paths)):
        try:
            pixels.append(read_image(source.paths[index]))
        except UnreadableImage as error:
            raise ValueError(f"{source.paths[index]}: expected an image: {error}") from error
    if len({picture.shape for picture in pixels}) > 1:
        raise ValueError(f"--compare_on: expected faces of one size in {data_dir}, got several")
    return np.stack(pixels)


def _evenly(count):
    return range(0, count, -(-count // _COMPARED))


def _import_facenet(settings):
    from cshml_tf.evaluation.tables import some_of
    from cshml_tf.pretrained.facenet import AVERAGE
    from cshml_tf.pretrained.importing import import_facenet

    classes = _class_names(settings.classes) if settings.classes else None
    columns, skipped = import_facenet(
        settings.source,
        settings.out_dir,
        settings.image_size,
        settings.stem_pool_stride,
        settings.standardisation,
        classes,
        settings.crop,
    )
    if skipped:
        has_averages = any(AVERAGE in name.split("/") for name in skipped)
        print(
            f"note: {len(skipped)} tensors that only training needs were skipped: {some_of(skipped)}"
            + ("; the weights are those of the last step, not their moving averages" if has_averages else ""),
            file=sys.stderr,
        )
    kept = "kept as the shared classifier's initial weights" if classes else "dropped"
    print(f"{settings.out_dir}: all tensors of the network read; logits of {columns} classes {kept}")
    _state(settings.out_dir)


def _state(model_dir):
    """Print which faces the network takes, and how to make them."""
    from cshml_tf.files import printable
    from cshml_tf.model_folder import read_card

    card = read_card(model_dir)
    if others := card["source"].get("other_outputs"):
        print(f"embedding: {printable(card['source']['embedding'])}; left out: {printable(', '.join(others))}")
    height, width = card["image_size"]
    # FaceNet's margin is 32 pixels at 160 x 160.
    crop = f" --crop box --margin {round(height / 5)}" if card["template"] == "box" else ""
    print(
        f"faces: align_dataset.py --image_size {height} {width}{crop}; standardisation {card['standardisation']}; "
        "if the network expects other faces, import it again with --crop, --image_size or --standardisation"
    )


def _class_names(path):
    from cshml_tf.files import read_lines, visible_entries

    if path.is_dir():
        return [folder.name for folder in visible_entries(path) if folder.is_dir()]
    return [line.strip(" \t") for line in read_lines(path) if line.strip(" \t")]
