"""What was used last, up to a size. Pure; for several threads at once."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Of more than `max_size` in all, what was put longest ago goes."""

    def __init__(self, max_size: int) -> None:
        self.max_size = max_size
        self._size = 0
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        found = self._values.get(key)
        return found[0] if found else None

    def put(self, key: K, value: V, size: int = 1) -> None:
        with self._lock:
            _, replaced = self._values.pop(key, (None, 0))
            self._values[key] = value, size
            self._size += size - replaced
            while self._size > self.max_size:
                _, (_, dropped) = self._values.popitem(last=False)
                self._size -= dropped

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
            self._size = 0
