"""Images that cannot be read: they end a run or, up to a limit, are passed over and counted.

Which face stands in for one is a function of the seed, the step and the label, so it is the same on every backend
and after resuming.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from cshml_tf.data.decisions import SUBSTITUTE
from cshml_tf.data.face_source import FaceSource

REPLACE = "replace the file under its own name and repeat the command, which continues the run"
ADVICE = f"{REPLACE}; --skip_unreadable N passes over up to N such images"
# More names would hide the message.
_MOST_NAMES = 10


class UnreadableFace(ValueError):
    """A face cannot be read or is of another size; the message names its file and says what to do."""


class Unreadable:
    """Reads the faces of batches; several threads may read at once.

    Args:
        source: where the faces are.
        image_size: (height, width) that every face must have.
        seed: int; decides which faces stand in for others.
        limit: number of unreadable images to pass over; 0 passes over none.
        advice: what to do about an unreadable face, for the message.
    """

    def __init__(
        self,
        source: FaceSource,
        image_size: tuple[int, int],
        seed: int,
        limit: int = 0,
        advice: str = ADVICE,
    ) -> None:
        self.limit = limit
        self._advice = advice
        self._source = source
        self._image_size = image_size
        self._seed = seed
        self._by_step: dict[int, dict[int, str]] = {}
        self._met: set[int] = set()

    @property
    def met(self) -> list[int]:
        """The unreadable images met so far: places in the source, in rising order."""
        return sorted(self._met)

    @property
    def names(self) -> list[str]:
        """The unreadable images met so far, as "class/file"."""
        return [self._source.name_of(index) for index in self.met]

    def resume(self, met: Iterable[int]) -> None:
        """Continue with the images that an earlier call of the run had met."""
        self._met = {index for index in met if 0 <= index < len(self._source)}

    def check(self) -> None:
        """Read the first face that can be read, so that a wrong size is reported before training begins.

        Raises:
            UnreadableFace: none of the first faces can be read.
        """
        first: UnreadableFace | None = None
        for index in range(min(self.limit + 1, len(self._source))):
            try:
                self.read_one(index)
                return
            except UnreadableFace as error:
                first = first or error
        if first is not None:
            raise first

    def read(self, step: int, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read the faces of a batch.

        Args:
            step: the batch's step.
            images: (n,) integers, places in the source.

        Returns:
            The faces, (n, height, width, 3) uint8 RGB, and their places, (n,) integers. Another face stands in for
            one that cannot be read: if possible, one of the same class.

        Raises:
            UnreadableFace: a face cannot be read, and none may be passed over, or more than may be.
        """
        try:
            return self._source.read(images, self._image_size), images
        except ValueError as error:
            if not self.limit:
                raise UnreadableFace(f"{error}; {self._advice}") from error
        bad: dict[int, str] = {}
        faces, shown = [], []
        for image in images:
            for candidate in itertools.chain([int(image)], self._others(step, int(image))):
                if candidate not in bad:
                    try:
                        faces.append(self.read_one(candidate))
                        shown.append(candidate)
                        break
                    except UnreadableFace as error:
                        bad[candidate] = str(error)
                        self._check_limit(bad)
        self._by_step[step] = bad
        return np.stack(faces), np.array(shown)

    def read_one(self, index: int) -> np.ndarray:
        """Read one face, (height, width, 3) uint8 RGB.

        Raises:
            UnreadableFace: it cannot be read or is of another size.
        """
        try:
            return self._source.read(np.array([index]), self._image_size)[0]
        except ValueError as error:
            raise UnreadableFace(str(error)) from error

    def met_at(self, step: int) -> dict[int, str]:
        """Return the unreadable images of a step that is not counted yet: places in the source, and reasons."""
        return dict(self._by_step.get(step, {}))

    def note(self, step: int, met: Mapping[int, str]) -> None:
        """Note unreadable images of a step that another worker has met, so that this one counts them too."""
        if met:
            self._by_step[step] = self._by_step.get(step, {}) | dict(met)

    def count(self, step: int) -> int | None:
        """Count the unreadable images up to and including a step; called once per step, in order.

        Returns:
            Their number, or None if none may be passed over.

        Raises:
            UnreadableFace: there are more than the limit.
        """
        bad = self._by_step.pop(step, {})
        if bad:
            self._check_limit(self._met | set(bad), bad)
        self._met |= set(bad)
        return len(self._met) if self.limit else None

    def _check_limit(self, bad: Iterable[int], reasons: dict[int, str] | None = None) -> None:
        reasons = bad if isinstance(bad, dict) else reasons or {}
        count = len(list(bad))
        if count > self.limit:
            shown = "; ".join(itertools.islice(reasons.values(), _MOST_NAMES))
            raise UnreadableFace(f"skip_unreadable: expected at most {self.limit} images, got {count}: {shown}")

    def _others(self, step: int, image: int) -> Iterator[int]:
        """Yield the other faces of the image's class, then all others, both in an order drawn for the step."""
        source, label = self._source, int(self._source.labels[image])
        own, any_of = np.random.default_rng([self._seed, SUBSTITUTE, step, label]).random(2)
        size = int(source.class_sizes[label])
        first = int(np.searchsorted(source.labels, label))
        start = int(own * (size - 1))
        for further in range(size - 1):
            yield first + (image - first + 1 + (start + further) % (size - 1)) % size
        # Faces of one class without a readable image get the same face, so that pairs of one person stay such.
        start = int(any_of * len(source))
        yield from ((start + further) % len(source) for further in range(len(source)))
