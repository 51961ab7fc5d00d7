"""Files that go, and what waits until they are gone: names in a folder of the same name."""

from typing import Final

_SLASH: Final = ord("/")


class Obstacles:
    """Files of the destination that are to be deleted, while a folder may take their name.

    Keys come in rising order, so that `a` matters no more as soon as one comes that is behind
    `a/`.  Memory: files of which each key is the beginning of the next one's.

    | goes | key | stands in its way |
    |---|---|---|
    | a | a/b, a/b/c | yes |
    | a | a-b | no; a/ may still come |
    | a | ab, b | no |
    """

    def __init__(self) -> None:
        self._keys: list[bytes] = []

    def add(self, key: bytes) -> None:
        """A file goes."""
        self.before(key)
        self._keys.append(key)

    def before(self, key: bytes) -> bool:
        """Whether one of them stands in the way of this key."""
        keys = self._keys
        while keys:
            name = keys[-1]
            if key.startswith(name) and key[len(name)] <= _SLASH:
                return key[len(name)] == _SLASH
            keys.pop()
        return False
