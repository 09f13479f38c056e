"""Bytes from one library into another, without a file in between."""

import os
import threading
from collections.abc import Callable
from typing import IO


def through_pipe(write: Callable[[IO[bytes]], None], read: Callable[[IO[bytes]], None]) -> None:
    """Let `write` fill a pipe, in a thread of its own, while `read` empties it.

    Raises what `read` raises, else what `write` raises: then `read` has seen a part only.
    """
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def fill() -> None:
        try:
            with os.fdopen(writing, "wb") as pipe:
                write(pipe)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        with os.fdopen(reading, "rb") as pipe:
            read(pipe)
    finally:
        thread.join()
    if failures:
        raise failures[0]
