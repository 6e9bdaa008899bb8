"""Some images of a collection as a sequence, each fetched when it is asked for and not before."""


class Selection:
    """A sequence of `collection[key]` for each of some keys.

    Args:
        collection: what is indexed: an array, a list, a mapping.
        keys: sequence of indices or keys.
    """

    def __init__(self, collection, keys):
        self._collection = collection
        self._keys = keys

    def __len__(self):
        return len(self._keys)

    def __getitem__(self, index):
        return self._collection[self._keys[index]]
