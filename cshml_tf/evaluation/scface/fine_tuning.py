"""Fine-tuning an LR network on a few people with equation 3: their surveillance images drawn to their mugshots.

The mugshots' embeddings come from the frozen HR network, so they are computed once. Batch norm keeps its
statistics, which a few hundred images of a few cameras would only spoil. Source: the paper's section 4.3, which
gives neither steps nor rate; those here are ours.
"""

import keras
import numpy as np
from keras import ops

from cshml_tf.losses import contrastive
from cshml_tf.recogniser import clone
from cshml_tf.settings.scface import FineTuning


def fine_tune(lr_recogniser, mugshots, people, pixels, fine_tuning: FineTuning, seed=0):
    """Fine-tune a copy of an LR network; half of the faces are mirrored.

    Args:
        lr_recogniser: keras.Model, pixels 0..255 (batch, H, W, 3) -> (batch, E).
        mugshots: dict of a person to the (E,) embedding of the mugshot by the HR network.
        people: (faces,), keys of `mugshots`.
        pixels: (faces, H, W, 3) uint8, surveillance images.
        fine_tuning: `cshml_tf.settings.scface.FineTuning`.
        seed: of every random decision.

    Returns:
        (keras.Model, losses): the copy, and (steps,) float64, equation 3 of each step.

    Raises:
        ValueError: no face, or negatives wanted of fewer than two people.
    """
    if not len(people) or (fine_tuning.negative_share > 0 and len(set(mugshots)) < 2):
        raise ValueError(
            f"fine-tuning: expected faces, and two people or more for negatives, got {len(people)} faces of "
            f"{len(mugshots)} people"
        )
    keras.utils.set_random_seed(seed)
    recogniser = clone(lr_recogniser)
    for layer in recogniser.get_layer("backbone").layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # Keras runs a batch norm that is not trainable on its own statistics.
            layer.trainable = False
    rate = keras.optimizers.schedules.CosineDecay(fine_tuning.learning_rate, fine_tuning.steps)
    recogniser.compile(
        keras.optimizers.SGD(rate, momentum=0.9), _ContrastiveToTarget(fine_tuning.alpha), jit_compile=False
    )
    pairs = _Pairs(mugshots, np.asarray(people), pixels, fine_tuning, np.random.default_rng(seed))
    losses = [recogniser.train_on_batch(*pairs.draw()) for _ in range(fine_tuning.steps)]
    return recogniser, np.array(losses, np.float64)


class _Pairs:
    """Batches of surveillance images with their mugshots' embeddings, or another person's."""

    def __init__(self, mugshots, people, pixels, fine_tuning, generator):
        self._people = sorted(mugshots)
        self._embeddings = np.stack([mugshots[person] for person in self._people]).astype(np.float32)
        self._places = np.searchsorted(self._people, people)
        self._pixels = pixels
        self._fine_tuning = fine_tuning
        self._generator = generator
        self._waiting = np.empty(0, np.int64)

    def draw(self):
        """Give pixels, and the embeddings to come to with a column that says whether they are of the person."""
        size = self._fine_tuning.batch_size
        while len(self._waiting) < size:
            self._waiting = np.append(self._waiting, self._generator.permutation(len(self._places)))
        rows, self._waiting = self._waiting[:size], self._waiting[size:]
        places = self._places[rows]
        same = self._generator.random(size) >= self._fine_tuning.negative_share
        if not same.all():
            # Any other person, each as likely.
            shift = self._generator.integers(1, len(self._people), size)
            places = np.where(same, places, (places + shift) % len(self._people))
        mirrored = self._generator.random(size) < 0.5
        pixels = np.where(mirrored[:, None, None, None], self._pixels[rows, :, ::-1], self._pixels[rows])
        targets = np.concatenate([self._embeddings[places], same[:, None]], axis=1)
        return pixels.astype(np.float32), targets.astype(np.float32)


class _ContrastiveToTarget(keras.losses.Loss):
    """Equation 3 with the HR embedding, and whether the pair is one person's, as Keras's target."""

    def __init__(self, alpha):
        super().__init__(name="contrastive")
        self.alpha = alpha

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        return contrastive(y_true[:, :-1], y_pred, y_true[:, -1], self.alpha)
