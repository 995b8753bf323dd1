"""The last answers that something must be remembered of, by a name."""

import threading


class Recent:
    """A mapping of text to text that forgets what was put in first. Shared between threads."""

    __slots__ = ("_lock", "_max", "_values")

    def __init__(self, count_max: int) -> None:
        self._max = count_max
        self._values: dict[str, str] = {}
        self._lock = threading.Lock()  # held while one value is put in

    def __bool__(self) -> bool:
        return bool(self._values)

    def get(self, name: str) -> str | None:
        """Return what was put in under a name, None if it never was or is forgotten."""
        return self._values.get(name)

    def put(self, name: str, value: str = "") -> bool:
        """Remember a value; tell whether the name is new."""
        with self._lock:
            new = name not in self._values
            if new and len(self._values) >= self._max:
                del self._values[next(iter(self._values))]
            self._values[name] = value
        return new
