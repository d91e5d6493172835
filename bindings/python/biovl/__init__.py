"""biovl: biomedical vision-language inference.

>>> import biovl
>>> m = biovl.Model()
>>> r = m.classify(["cxr.dcm"], ["Cardiomegaly", "Pleural effusion"])[0]
>>> r.scores[0].label, r.scores[0].score

A research tool, not a medical device: scores must not guide the care of a patient.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

if TYPE_CHECKING:
    from ._abi import VERSION as __version__
    from ._errors import (ArgumentError, CancelledError, DeviceError, Error, FileError,
                          FormatError, LimitError, MemoryShortError, ModelError, RefusedError,
                          UnsupportedError)
    from ._files import build_info, convert, devices, evaluate, info, systems, verify
    from ._images import Image, Pixels, Warning
    from ._index import Index
    from ._model import Model
    from ._results import (Answers, Classification, Embeddings, Evaluation, HeatMap, Hit, Match,
                           Results, Score)

__all__ = [
    "Answers", "ArgumentError", "CancelledError", "Classification", "DeviceError", "Embeddings",
    "Error", "Evaluation", "FileError", "FormatError", "HeatMap", "Hit", "Image", "Index",
    "LimitError", "Match", "MemoryShortError", "Model", "ModelError", "Pixels", "RefusedError",
    "Results", "Score", "UnsupportedError", "Warning", "__version__", "build_info", "convert",
    "devices", "evaluate", "info", "systems", "verify",
]

# Modules are read when something of them is first used: importing the package costs little.
_MODULES = {
    "_files": ("build_info", "convert", "devices", "evaluate", "info", "systems", "verify"),
    "_images": ("Image", "Pixels", "Warning"),
    "_index": ("Index",),
    "_model": ("Model",),
    "_results": ("Answers", "Classification", "Embeddings", "Evaluation", "HeatMap", "Hit",
                 "Match", "Results", "Score"),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'biovl' has no attribute '{name}'")
    from importlib import import_module
    if name == "__version__":
        value = import_module("biovl._abi").VERSION
    else:
        value = getattr(import_module("biovl." + _PLACES.get(name, "_errors")), name)
    globals()[name] = value
    return value


def __dir__() -> List[str]:
    return __all__
