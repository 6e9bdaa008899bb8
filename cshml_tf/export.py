"""Export a recogniser as a SavedModel that TensorFlow alone can load and serve.

It is written from a `tf.Module`, which holds each variable once; Keras's own export writes it twice. Both
signatures resize as training did, and run the same graph behind it.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf

from cshml_tf.data.decoding import decode_image
from cshml_tf.files import replacing, write_json
from cshml_tf.model_folder import versions
from cshml_tf.recogniser import image_size_of, standardisation_of

DESCRIPTION = "recogniser.json"
SIGNATURES = {
    "serving_default": {
        "images": "(N, H, W, 3) uint8: RGB pixels of N aligned faces of one size, whichever it is",
        "embeddings": "(N, E) float32, each of unit length",
    },
    "encoded": {
        "image_bytes": "(N,) strings: N aligned faces as JPEG, PNG or BMP files, each of any size; grey "
        "becomes RGB, what is transparent shows white, an EXIF orientation is not applied",
        "embeddings": "(N, E) float32, each of unit length",
    },
}
_CARD_ENTRIES = ("kind", "resolutions", "degradation")


def export_saved_model(recogniser, out_dir, card=None):
    """Write a recogniser as a SavedModel; the folder appears whole or not at all.

    The signatures are `SIGNATURES`; faces of another size than the network's are resized as training did:
    bicubic, antialiased where they shrink, 8-bit levels. N may be 0. `recogniser.json` beside the graph
    says what the network is.

    Args:
        recogniser: as `cshml_tf.load_recogniser` gives.
        out_dir: folder to write, absent or empty.
        card: the model folder's card, as `cshml_tf.model_folder.read_card` gives; None where there is none.

    Raises:
        ValueError: `out_dir` is a file, or holds something.
        OSError: it cannot be written.
    """
    out_dir = Path(out_dir)
    _check_free(out_dir)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out_dir) as partial:
        served = _ServedRecogniser(recogniser)
        signatures = {"serving_default": served.embed_images, "encoded": served.embed_encoded}
        tf.saved_model.save(served, str(partial), signatures)
        write_json(partial / DESCRIPTION, _description(recogniser, card or {}))


def largest_difference(recogniser, saved_model_dir):
    """Compare a SavedModel with the Keras model it came from, on random pictures.

    Both signatures are asked, with a picture of the network's size and with a larger one.

    Args:
        recogniser: the Keras model.
        saved_model_dir: a folder that `export_saved_model` wrote.

    Returns:
        float: the greatest absolute difference of any value of an embedding.
    """
    loaded = tf.saved_model.load(str(saved_model_dir))
    random = np.random.default_rng(0)
    height, width = image_size_of(recogniser)
    differences = []
    for size in ((height, width), (height + height // 3, width + width // 2)):
        picture = random.integers(0, 256, (*size, 3)).astype(np.uint8)
        expected = np.asarray(recogniser(picture[None], training=False))
        answers = (
            loaded.signatures["serving_default"](images=tf.constant(picture[None])),
            loaded.signatures["encoded"](image_bytes=tf.io.encode_png(picture)[None]),
        )
        differences += [np.abs(answer["embeddings"].numpy() - expected).max() for answer in answers]
    return float(max(differences))


class _ServedRecogniser(tf.Module):
    """A recogniser's graph and variables, without the Keras model itself."""

    def __init__(self, recogniser):
        super().__init__(name="recogniser")
        # Functions cannot be saved without the variables they use; the Keras model would bring them again.
        self.weights = [variable.value for variable in recogniser.variables]
        height, width = image_size_of(recogniser)
        fit_to_size = recogniser.get_layer("fit_to_size")
        fitted = tf.TensorSpec((height, width, 3), tf.float32)

        # The backbone's graph, the bulk of the file, is written once for both signatures.
        @tf.function(input_signature=[tf.TensorSpec((None, height, width, 3), tf.float32)])
        def embed(faces):
            # Convolutions on CPUs fail on an empty batch: it becomes one blank face, whose embedding is dropped.
            batch = tf.shape(faces)[0]
            blank = tf.cast(batch == 0, tf.int32)
            filled = tf.pad(faces, [[0, blank], [0, 0], [0, 0], [0, 0]])
            return {"embeddings": recogniser(filled, training=False)[:batch]}

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, name="images")])
        def embed_images(images):
            return embed(fit_to_size(images))

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="image_bytes")])
        def embed_encoded(image_bytes):
            def decode_and_fit(data):
                return fit_to_size(decode_image(data)[None])[0]

            return embed(tf.map_fn(decode_and_fit, image_bytes, fn_output_signature=fitted))

        self.embed_images, self.embed_encoded = embed_images, embed_encoded


def _description(recogniser, card):
    """Say what the network is, for whoever meets the SavedModel alone."""
    return {name: card[name] for name in _CARD_ENTRIES if name in card} | {
        "image_size": list(image_size_of(recogniser)),
        "embedding_size": recogniser.output_shape[-1],
        "standardisation": standardisation_of(recogniser),
        "signatures": SIGNATURES,
        "trained_at_commit": card.get("commit"),
        "versions": versions(),
    }


def _check_free(out_dir):
    if out_dir.is_dir():
        if any(out_dir.iterdir()):
            raise ValueError(f"{out_dir}: expected a folder that is absent or empty, it holds files")
    elif out_dir.exists():
        raise ValueError(f"{out_dir}: expected a folder, it is a file")
