"""Some images of a collection as a sequence, each fetched on access."""

from collections.abc import Sequence
from typing import Any

import numpy as np


class Selection:
    """A sequence of `collection[key]` for a sequence of keys.

    Args:
        collection: an array, a list, a mapping, or anything else that can be indexed.
        keys: indices or keys of it.
    """

    def __init__(self, collection: Any, keys: Sequence[Any] | np.ndarray) -> None:
        self._collection = collection
        self._keys = keys

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, index: int) -> Any:
        return self._collection[self._keys[index]]
