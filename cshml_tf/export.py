"""Export a recogniser as a SavedModel, which needs only TensorFlow to be loaded and served.

The folder is written from a `tf.Module`, which has each variable once; Keras's own export writes each one twice.
Both signatures resize faces as training did and then run the same graph.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cshml_tf.data.decoding import decode_image
from cshml_tf.files import replacing, write_json
from cshml_tf.model_folder import versions
from cshml_tf.recogniser import image_size_of, standardisation_of

DESCRIPTION = "recogniser.json"
SIGNATURES = {
    "serving_default": {
        "images": "(N, H, W, 3) uint8: RGB pixels of N aligned faces, of any size that all of them share",
        "embeddings": "(N, E) float32, each of unit length",
    },
    "encoded": {
        "image_bytes": "(N,) strings: N aligned faces as JPEG, PNG or BMP files, each of any size; greyscale is "
        "converted to RGB, transparency is rendered on white, EXIF orientation is not applied",
        "embeddings": "(N, E) float32, each of unit length",
    },
}
_CARD_ENTRIES = ("kind", "resolutions", "degradation")


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
        ValueError: `out_dir` is a file or is not empty.
        OSError: the folder cannot be written.
    """
    out_dir = Path(out_dir)
    _check_free(out_dir)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out_dir) as partial:
        served = _ServedRecogniser(recogniser)
        signatures = {"serving_default": served.embed_images, "encoded": served.embed_encoded}
        tf.saved_model.save(served, str(partial), signatures)
        write_json(partial / DESCRIPTION, _description(recogniser, card or {}))


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
            return embed(fit_to_size(images))

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="image_bytes")])
        def embed_encoded(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            def decode_and_fit(data: tf.Tensor) -> tf.Tensor:
                return fit_to_size(decode_image(data)[None])[0]

            return embed(tf.map_fn(decode_and_fit, image_bytes, fn_output_signature=fitted))

        self.embed_images, self.embed_encoded = embed_images, embed_encoded


def _description(recogniser: keras.Model, card: dict[str, Any]) -> dict[str, Any]:
    """Describe the network for a reader who has only the SavedModel."""
    return {name: card[name] for name in _CARD_ENTRIES if name in card} | {
        "image_size": list(image_size_of(recogniser)),
        "embedding_size": recogniser.output_shape[-1],
        "standardisation": standardisation_of(recogniser),
        "signatures": SIGNATURES,
        "trained_at_commit": card.get("commit"),
        "versions": versions(),
    }


def _check_free(out_dir: Path) -> None:
    if out_dir.is_dir():
        if any(out_dir.iterdir()):
            raise ValueError(f"{out_dir}: expected a folder that is absent or empty, got one that contains files")
    elif out_dir.exists():
        raise ValueError(f"{out_dir}: expected a folder, got a file")
