"""`cshml-import`: a pretrained recogniser as a model folder."""

import sys
from pathlib import Path

from cshml_tf.cli.argument_types import positive
from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser
from cshml_tf.cli.quiet_start import start_backend

# The most faces to compare on.
_COMPARED = 64


@one_line_errors
def main(argv=None):
    """Run the command; gives its exit code."""
    arguments = _parse(argv)
    # Heavy imports come after the arguments, so that --help answers at once.
    is_onnx = arguments.source.suffix == ".onnx"
    start_backend(tensorflow_only=not is_onnx)
    if is_onnx:
        _import_onnx(arguments)
    else:
        _import_facenet(arguments)
    return 0


def _import_onnx(arguments):
    from cshml_tf.pretrained.importing import import_onnx

    _refuse(arguments, ("stem_pool_stride", "classes"), "a FaceNet checkpoint")
    if arguments.standardisation is None:
        raise ValueError("--standardisation: expected what the network was trained with, as no ONNX file says it")
    faces = None if arguments.compare_on is None else _some_faces(arguments.compare_on)
    difference = import_onnx(
        arguments.source,
        arguments.out_dir,
        arguments.standardisation,
        arguments.image_size,
        arguments.embedding,
        arguments.colours or "rgb",
        faces,
        arguments.template or "landmarks",
    )
    compared_on = "noise" if faces is None else f"{len(faces)} faces"
    print(
        f"{arguments.out_dir}: largest difference to onnxruntime {difference:.1e} of a coordinate of a unit "
        f"embedding, on {compared_on}"
    )
    _state(arguments.out_dir)


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
            raise ValueError(f"{source.paths[index]}: expected an image, got a file that is {error}") from error
    if len({picture.shape for picture in pixels}) > 1:
        raise ValueError(f"--compare_on: expected faces of one size in {data_dir}, got several")
    return np.stack(pixels)


def _evenly(count):
    return range(0, count, -(-count // _COMPARED))


def _import_facenet(arguments):
    from cshml_tf.evaluation.tables import some_of
    from cshml_tf.pretrained.importing import import_facenet

    _refuse(arguments, ("embedding", "colours", "compare_on"), "an ONNX file")
    classes = _class_names(arguments.classes) if arguments.classes else None
    columns, passed_over = import_facenet(
        arguments.source,
        arguments.out_dir,
        arguments.image_size or (160, 160),
        arguments.stem_pool_stride or 2,
        arguments.standardisation or "fixed",
        classes,
        arguments.template or "box",
    )
    if passed_over:
        print(
            f"note: {len(passed_over)} tensors of its training passed over: {some_of(passed_over)}",
            file=sys.stderr,
        )
    kept = "kept as the shared classifier's start" if classes else "left out"
    print(f"{arguments.out_dir}: every tensor of the network read; logits of {columns} classes {kept}")
    _state(arguments.out_dir)


def _state(model_dir):
    """Say what faces the network takes, and how they are made."""
    from cshml_tf.model_folder import read_card

    card = read_card(model_dir)
    height, width = card["image_size"]
    # FaceNet's margin is 32 pixels at 160 x 160.
    crop = f" --crop box --margin {round(height / 5)}" if card["template"] == "box" else ""
    print(
        f"faces: align_dataset.py --image_size {height} {width}{crop}; standardisation {card['standardisation']}; "
        "of another kind? import again with --template, --image_size or --standardisation"
    )


def _parse(argv):
    parser = Parser(
        description="Turn a pretrained recogniser into a model folder, the HR network of train_cshml.py: an ONNX "
        "file (.onnx), whose network is rebuilt in Keras and compared with onnxruntime, or a FaceNet checkpoint "
        "of TensorFlow 1 (its folder, prefix or .index file).",
    )
    parser.add_argument("source", metavar="SOURCE", type=Path, help="ONNX file, or FaceNet checkpoint")
    parser.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="model folder, new or empty")
    common = parser.add_argument_group("either kind")
    common.add_argument(
        "--image_size",
        type=positive,
        nargs=2,
        metavar=("H", "W"),
        help="size of the faces (default: the ONNX file's own, or FaceNet's 160 160)",
    )
    common.add_argument(
        "--standardisation",
        choices=("per_image", "fixed", "symmetric", "none"),
        help="how pixels were scaled in its training: pre-whitening, (x - 127.5) / 128, (x - 127.5) / 127.5, or "
        "not at all; must be given for ONNX (default for FaceNet: fixed)",
    )
    common.add_argument(
        "--template",
        choices=("landmarks", "box"),
        help="how its faces were cut out, by landmarks or by the detector's box; said in the model folder "
        "(default: landmarks for ONNX, box for FaceNet)",
    )
    onnx = parser.add_argument_group("ONNX")
    onnx.add_argument("--embedding", metavar="NODE", help="that gives the embedding (default: the one output)")
    onnx.add_argument("--colours", choices=("rgb", "bgr"), help="order of its input's channels (default: rgb)")
    onnx.add_argument(
        "--compare_on",
        metavar="FACES",
        help="aligned faces to compare with onnxruntime on, class folders or packed (default: noise)",
    )
    facenet = parser.add_argument_group("FaceNet")
    facenet.add_argument(
        "--stem_pool_stride",
        type=int,
        choices=(1, 2),
        help="2 as FaceNet, 1 as the paper (default: 2)",
    )
    facenet.add_argument(
        "--classes",
        type=Path,
        metavar="PATH",
        help="keep the logits as the shared classifier's start: the class folders it was trained on, or a file "
        "with their names in order, one a line (default: leave the logits out)",
    )
    return parser.parse_args(argv)


def _refuse(arguments, names, kind):
    for name in names:
        if getattr(arguments, name) is not None:
            raise ValueError(f"--{name}: is for {kind}, got {arguments.source}")


def _class_names(path):
    if path.is_dir():
        return sorted(folder.name for folder in path.iterdir() if folder.is_dir())
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected names in UTF-8, got {error.reason}") from error
    return [line.strip() for line in text.splitlines() if line.strip()]
