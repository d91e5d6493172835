"""What can go wrong: one exception for each status of the library."""
from __future__ import annotations

from typing import Dict, Type


class Error(Exception):
    """A failure of the library: its sentence, which names no patient unless a path does."""

    status = "internal"


class MemoryShortError(Error, MemoryError):
    """Host memory could not be allocated."""

    status = "nomem"


class FileError(Error, OSError):
    """A file could not be opened, read or written."""

    status = "io"


class FormatError(Error, ValueError):
    """A file's content is damaged or is not what it says."""

    status = "format"


class UnsupportedError(Error):
    """Well-formed, but something this build does not do."""

    status = "unsupported"


class ArgumentError(Error, ValueError):
    """An argument is wrong."""

    status = "arg"


class LimitError(Error, ValueError):
    """A declared limit (pixels, bytes, tensors, tokens) would be exceeded."""

    status = "limit"


class ModelError(Error):
    """A model's parts do not fit each other, or it does not do what is asked."""

    status = "model"


class DeviceError(Error):
    """No such device, or it cannot do what is asked, or it stopped answering."""

    status = "device"


class RefusedError(Error):
    """The input was understood and refused."""

    status = "refused"


class CancelledError(Error):
    """The progress function asked for the work to stop."""

    status = "cancelled"


BY_STATUS: Dict[int, Type[Error]] = {
    1: MemoryShortError,
    2: FileError,
    3: FormatError,
    4: UnsupportedError,
    5: ArgumentError,
    6: LimitError,
    7: ModelError,
    8: DeviceError,
    9: DeviceError,
    10: DeviceError,
    11: RefusedError,
    13: CancelledError,
}


def error_of(status: int, sentence: str) -> Error:
    return BY_STATUS.get(status, Error)(sentence)
