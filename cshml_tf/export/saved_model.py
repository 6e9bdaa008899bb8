"""Export a recogniser as a SavedModel, which needs only TensorFlow to be loaded and served.

The folder is written from a `tf.Module`, which has each variable once; Keras's own export writes each one twice.
Both signatures resize faces as training did and then run the same graph.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cshml_tf.data.decoding import MAX_PIXELS, decode_image
from cshml_tf.degradation.degrade import check_mode
from cshml_tf.export.description import DESCRIPTION, description
from cshml_tf.export.folder import new_export
from cshml_tf.export.format import Embed, Format, Source
from cshml_tf.files import write_json
from cshml_tf.recogniser import image_size_of

SIGNATURES = {
    "serving_default": {
        "images": "(N, H, W, 3) uint8, 0..255: RGB pixels of N aligned faces, of any size that all of them share; "
        "a batch without any value above 1 is refused, since pixels of 0..1 that are cast to uint8 leave nothing",
        "embeddings": "(N, E) float32, each of unit length",
    },
    "encoded": {
        "image_bytes": "(N,) strings: N aligned faces as files, each of any size up to "
        f"{MAX_PIXELS} pixels: JPEG (grey, RGB, CMYK; progressive too), PNG (1 to 16 bits, every colour type; not "
        "animated) or BMP (1 to 32 bits; not compressed); the EXIF orientation is applied, transparency is "
        "rendered on white; other files are refused: decode them and call serving_default with their pixels",
        "embeddings": "(N, E) float32, each of unit length",
    },
}
_NO_PICTURE = (
    "images: expected RGB pixels of 0..255, got a batch without any value above 1: multiply pixels of 0..1 by 255"
)


def export_saved_model(recogniser: keras.Model, out_dir: str | Path, card: dict[str, Any] | None = None) -> None:
    """Write a recogniser as a SavedModel; the folder appears whole or not at all.

    Its signatures are described in `SIGNATURES`. Faces of another size than the network's input are resized as in
    training: bicubic, antialiased where they shrink, rounded to 8 bits. N may be 0. `recogniser.json` in the
    folder describes the network.

    Args:
        recogniser: as returned by `cshml_tf.load_recogniser`.
        out_dir: folder to write; must be absent or empty.
        card: the model folder's card, as returned by `cshml_tf.model_folder.read_card`; None if there is none.

    Raises:
        ValueError: `out_dir` is a file or is not empty, its path is not UTF-8, another process is writing it, or
            the card's degradation is unknown.
        OSError: the folder cannot be written.
    """
    if card and "degradation" in card:
        check_mode(card["degradation"], "degradation")
    with new_export(out_dir, FORMAT.file) as partial:
        source = Source(recogniser, card or {})
        try:
            _write(source, partial, "float32")
        except OSError as error:
            raise OSError(f"{out_dir}: cannot be written: {error}") from error
        write_json(partial / DESCRIPTION, description(source, FORMAT.described))


def largest_difference(recogniser: keras.Model, saved_model_dir: str | Path) -> float:
    """Compare a SavedModel with the Keras model it came from, on random pictures.

    Both signatures are run on one picture of the network's input size and on a larger one.

    Args:
        recogniser: the Keras model.
        saved_model_dir: a folder written by `export_saved_model`.

    Returns:
        float: the largest absolute difference between any two values of the embeddings.
    """
    signatures = tf.saved_model.load(str(saved_model_dir)).signatures  # pyright: ignore[reportAttributeAccessIssue]
    random = np.random.default_rng(0)
    height, width = image_size_of(recogniser)
    differences = []
    for size in ((height, width), (height + height // 3, width + width // 2)):
        picture = random.integers(0, 256, (*size, 3)).astype(np.uint8)
        expected = np.asarray(recogniser(picture[None], training=False))
        answers = (
            signatures["serving_default"](images=tf.constant(picture[None])),
            signatures["encoded"](image_bytes=tf.io.encode_png(picture)[None]),
        )
        differences += [np.abs(answer["embeddings"].numpy() - expected).max() for answer in answers]
    return float(max(differences))


class _ServedRecogniser(tf.Module):
    """A recogniser's graph and variables, without the Keras model itself."""

    def __init__(self, recogniser: keras.Model) -> None:
        super().__init__(name="recogniser")
        # The saved functions need their variables tracked; tracking the Keras model would write them twice.
        self.weights = [variable.value for variable in recogniser.variables]
        height, width = image_size_of(recogniser)
        fit_to_size = recogniser.get_layer("fit_to_size")
        fitted = tf.TensorSpec((height, width, 3), tf.float32)

        # One function for both signatures, so that the graph, the bulk of the file, is written once.
        @tf.function(input_signature=[tf.TensorSpec((None, height, width, 3), tf.float32)])
        def embed(faces: tf.Tensor) -> dict[str, tf.Tensor]:
            # CPU convolutions fail on an empty batch: pad it with one blank face and drop its embedding.
            batch = tf.shape(faces)[0]
            blank = tf.cast(batch == 0, tf.int32)
            filled = tf.pad(faces, tf.convert_to_tensor([[0, blank], [0, 0], [0, 0], [0, 0]]))
            return {"embeddings": recogniser(filled, training=False)[:batch]}

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, name="images")])
        def embed_images(images: tf.Tensor) -> dict[str, tf.Tensor]:
            bright = tf.reduce_any(images > 1) | (tf.size(images) == 0)
            with tf.control_dependencies([tf.debugging.Assert(bright, [_NO_PICTURE])]):
                return embed(fit_to_size(tf.identity(images)))

        # Autograph would look for loops in the decoders, which have none.
        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="image_bytes")], autograph=False)
        def embed_encoded(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            def decode_and_fit(data: tf.Tensor) -> tf.Tensor:
                return fit_to_size(decode_image(data)[None])[0]

            return embed(tf.map_fn(decode_and_fit, image_bytes, fn_output_signature=fitted))

        self.embed_images, self.embed_encoded = embed_images, embed_encoded


def _write(source: Source, folder: Path, precision: str) -> None:
    served = _ServedRecogniser(source.recogniser)
    signatures = {"serving_default": served.embed_images, "encoded": served.embed_encoded}
    try:
        tf.saved_model.save(served, str(folder), signatures)
    except tf.errors.OpError as error:  # TensorFlow's own errors for a full disk and the like
        raise OSError(error.message) from error


def _load(folder: Path, precision: str) -> Embed:
    loaded = tf.saved_model.load(str(folder))
    embed = loaded.signatures["serving_default"]  # pyright: ignore[reportAttributeAccessIssue]

    def run(faces: np.ndarray) -> np.ndarray:
        return embed(images=tf.constant(faces.astype(np.uint8)))["embeddings"].numpy()

    # The signatures live as long as what they were loaded with.
    run.loaded = loaded  # pyright: ignore[reportFunctionMemberAccess]
    return run


FORMAT = Format(write=_write, load=_load, file="saved_model.pb", described={"signatures": SIGNATURES})
