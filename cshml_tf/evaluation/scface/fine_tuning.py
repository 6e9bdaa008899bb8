"""Fine-tune an LR network on a few people with equation 3, pulling surveillance images towards mugshots.

The mugshots' embeddings come from the frozen HR network, so they are computed once. Batch norm keeps its
statistics, which a few hundred images from a few cameras would only degrade. Source: section 4.3 of the paper,
which states neither the number of steps nor the learning rate; those here are ours.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from cshml_tf.losses import contrastive
from cshml_tf.recogniser import clone
from cshml_tf.settings.scface import FineTuning


def fine_tune(
    lr_recogniser: keras.Model,
    mugshots: Mapping[int, np.ndarray],
    people: ArrayLike,
    pixels: np.ndarray,
    fine_tuning: FineTuning,
    seed: int = 0,
) -> tuple[keras.Model, np.ndarray]:
    """Fine-tune a copy of an LR network, with half of the faces mirrored.

    Args:
        lr_recogniser: pixels 0..255 (batch, H, W, 3) -> (batch, E).
        mugshots: dict of person to the (E,) embedding of the mugshot by the HR network.
        people: (faces,) integers, keys of `mugshots`.
        pixels: (faces, H, W, 3) uint8, surveillance images.
        fine_tuning: the settings.
        seed: seed of every random decision.

    Returns:
        (recogniser, losses): the copy, and (steps,) float64, the value of equation 3 at each step.

    Raises:
        ValueError: there are no faces, or negative pairs are requested with fewer than two people.
    """
    people = np.asarray(people)
    if not len(people) or (fine_tuning.negative_share > 0 and len(mugshots) < 2):
        raise ValueError(
            f"fine-tuning: expected faces, and two people or more for negatives, got {len(people)} faces of "
            f"{len(mugshots)} people"
        )
    keras.utils.set_random_seed(seed)
    recogniser = clone(lr_recogniser)
    for layer in recogniser.get_layer("backbone").layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # A batch norm that is not trainable uses its moving statistics.
            layer.trainable = False
    rate = keras.optimizers.schedules.CosineDecay(fine_tuning.learning_rate, fine_tuning.steps)
    # Keras infers the types from its defaults: a float rate, "auto" for jit_compile.
    optimizer = keras.optimizers.SGD(rate, momentum=0.9)  # pyright: ignore[reportArgumentType]
    loss = _ContrastiveToTarget(fine_tuning.alpha)
    recogniser.compile(optimizer, loss, jit_compile=False)  # pyright: ignore[reportArgumentType]
    pairs = _Pairs(mugshots, people, pixels, fine_tuning, np.random.default_rng(seed))
    losses = [recogniser.train_on_batch(*pairs.draw()) for _ in range(fine_tuning.steps)]
    return recogniser, np.array(losses, np.float64)


class _Pairs:
    """Batches of surveillance images, each with the embedding of its person's mugshot or of another person's."""

    def __init__(
        self,
        mugshots: Mapping[int, np.ndarray],
        people: np.ndarray,
        pixels: np.ndarray,
        fine_tuning: FineTuning,
        generator: np.random.Generator,
    ) -> None:
        self._people = sorted(mugshots)
        self._embeddings = np.stack([mugshots[person] for person in self._people]).astype(np.float32)
        self._places = np.searchsorted(self._people, people)
        self._pixels = pixels
        self._fine_tuning = fine_tuning
        self._generator = generator
        self._waiting = np.empty(0, np.int64)

    def draw(self) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels, and the target embeddings with a last column: 1 for the same person, 0 for another."""
        size = self._fine_tuning.batch_size
        while len(self._waiting) < size:
            self._waiting = np.append(self._waiting, self._generator.permutation(len(self._places)))
        rows, self._waiting = self._waiting[:size], self._waiting[size:]
        places = self._places[rows]
        same = self._generator.random(size) >= self._fine_tuning.negative_share
        if not same.all():
            # Every other person is equally likely.
            shift = self._generator.integers(1, len(self._people), size)
            places = np.where(same, places, (places + shift) % len(self._people))
        mirrored = self._generator.random(size) < 0.5
        pixels = np.where(mirrored[:, None, None, None], self._pixels[rows, :, ::-1], self._pixels[rows])
        targets = np.concatenate([self._embeddings[places], same[:, None]], axis=1)
        return pixels.astype(np.float32), targets.astype(np.float32)


class _ContrastiveToTarget(keras.losses.Loss):
    """Equation 3 as a Keras loss; a target is the HR embedding, then 1 if the pair shows one person, 0 if two."""

    def __init__(self, alpha: float) -> None:
        super().__init__(name="contrastive")
        self.alpha = alpha

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true = ops.cast(y_true, y_pred.dtype)
        embeddings, same = y_true[:, :-1], y_true[:, -1]  # pyright: ignore[reportOptionalSubscript]
        return contrastive(embeddings, y_pred, same, self.alpha)
