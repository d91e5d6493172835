"""libbiovl: found, loaded when first used, and called."""
from __future__ import annotations

import ctypes
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Union

from . import _abi
from ._errors import ArgumentError, Error, error_of

PathLike = Union[str, "os.PathLike[str]"]
vendored = Path(__file__).parent / "_vendored"
_lock = threading.Lock()
_loaded: Any = None


def _place() -> str:
    """$BIOVL_LIBRARY, the one in this package, or the system's."""
    named = os.environ.get("BIOVL_LIBRARY")
    if named:
        return named
    own = vendored / "lib" / "libbiovl.so.1"
    return str(own) if own.exists() else "libbiovl.so.1"


def library() -> Any:
    global _loaded
    if _loaded is None:
        with _lock:
            if _loaded is None:
                _loaded = _load(_place())
    return _loaded


def name_dictionary() -> None:
    """DCMTK finds the dictionary that came with the package by the environment."""
    own = vendored / "share" / "dicom.dic"
    if own.exists():
        os.environ.setdefault("DCMDICTPATH", str(own))


def _load(place: str) -> Any:
    name_dictionary()
    loaded = ctypes.CDLL(place)
    abi = loaded.bv_abi_version()
    if abi != _abi.ABI_VERSION:
        raise ImportError(f"{place} has version {abi} of the binary interface, this package "
                          f"needs {_abi.ABI_VERSION}")
    for name, (returns, arguments) in _abi.FUNCTIONS.items():
        try:
            function = getattr(loaded, name)
        except AttributeError:
            raise ImportError(f"{place} lacks {name}(): it is older than this package") from None
        function.restype = returns
        function.argtypes = arguments
    return loaded


def filled(kind: Any, **fields: Any) -> Any:
    """A struct that knows its size."""
    struct = kind(**fields)
    if hasattr(kind, "size"):
        struct.size = ctypes.sizeof(kind)
    return struct


def strings(items: Optional[List[bytes]]) -> Any:
    """A C array of strings; None where there are none."""
    return (ctypes.c_char_p * len(items))(*items) if items else None


def encoded(text: Optional[str]) -> Optional[bytes]:
    return None if text is None else check_text(text, "an argument")


def path_bytes(path: Optional[PathLike]) -> Optional[bytes]:
    if path is None:
        return None
    name = os.fsencode(path)
    if b"\0" in name:
        raise ArgumentError("a path with a zero character")
    return name


def check_text(text: object, what: str) -> bytes:
    """UTF-8 of a text; C ends a string where a zero byte stands."""
    if not isinstance(text, str):
        raise TypeError(f"{what}: {type(text).__name__}, not str")
    if "\0" in text:
        raise ArgumentError(f"{what}: a text with a zero character")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ArgumentError(f"{what}: a text that is not Unicode (lone surrogates)") from None


_counting = threading.RLock()


class Handle:
    """Something that the library opened, closed with the last reference to it.

    The garbage collector ends objects in any order: what others need is closed after them.
    """

    __slots__ = ("pointer", "_close", "_needs", "_users", "_dead")

    def __init__(self, pointer: Any, close: Callable[[Any], None], *needs: "Handle") -> None:
        self.pointer = pointer
        self._close = close
        self._needs = needs
        self._users = 0
        self._dead = False
        with _counting:
            for need in needs:
                need._users += 1

    def __del__(self) -> None:
        self._dead = True
        self._release()

    def _release(self) -> None:
        if self._dead and getattr(self, "_users", 1) == 0 and self.pointer:
            self._close(ctypes.byref(self.pointer))
            self.pointer = None
            with _counting:
                for need in self._needs:
                    need._users -= 1
                    need._release()


class Observer:
    """Whom a context tells of progress and of items that fail."""

    def __init__(self) -> None:
        self.progress: Optional[Callable[[int, int], object]] = None
        self.failures: List[Error] = []
        self.raised: Optional[BaseException] = None
        self.stop = False
        kinds: Dict[str, Any] = dict(_abi.bv_observer._fields_)
        self._functions = kinds["progress"](self._on_progress), kinds["failed"](self._on_failure)

    def struct(self) -> Any:
        return filled(_abi.bv_observer, progress=self._functions[0], failed=self._functions[1])

    def _on_progress(self, _arg: object, done: int, total: int) -> int:
        try:
            if self.progress is not None:
                self.progress(done, total)
        except BaseException as error:  # goes on where the call returns
            self.raised = error
        return int(self.stop or self.raised is not None)

    def _on_failure(self, _arg: object, _name: bytes, status: int, text: bytes) -> None:
        self.failures.append(error_of(status, text.decode(errors="replace")))


class Context(Handle):
    """A context of the library. It belongs to one thread at a time."""

    __slots__ = ("observer",)

    def __init__(self, threads: int = 0) -> None:
        lib = library()
        pointer = ctypes.POINTER(_abi.bv_context)()
        status = lib.bv_context_open(ctypes.byref(pointer), threads)
        if status:
            raise error_of(status, lib.bv_last_error(None).decode(errors="replace"))
        super().__init__(pointer, lib.bv_context_close)
        self.observer: Optional[Observer] = None

    def check(self, status: int) -> None:
        if status:
            sentence = library().bv_last_error(self.pointer).decode(errors="replace")
            raise error_of(status, sentence)

    def call(self, name: str, *arguments: Any) -> None:
        self.check(getattr(library(), name)(*arguments))

    def json(self, name: str, *arguments: Any) -> Any:
        """What a call writes to its last parameter, a char **, parsed."""
        return json.loads(self.text(name, *arguments))

    def text(self, name: str, *arguments: Any) -> str:
        out = ctypes.c_char_p()
        status = getattr(library(), name)(*arguments, ctypes.byref(out))
        try:
            self.check(status)
            return (out.value or b"").decode()
        finally:
            library().bv_free(out)

    def observed(self) -> Observer:
        if self.observer is None:
            observer = Observer()
            struct = observer.struct()
            self.call("bv_context_observe", self.pointer, ctypes.byref(struct))
            self.observer = observer
        return self.observer


class Watch:
    """While in it, a context tells of progress, and an interrupt ends the call between items.

    progress: a function of done and total (0: not known), True for tqdm where it is installed.
    """

    def __init__(self, context: Context, progress: Any = None, what: str = "image") -> None:
        self._observer = context.observed()
        self._bar: Any = None
        self._handler: Any = None
        self._signal: Any = None
        if progress is True:
            progress = self._bar_of(what)
        self._progress = progress or None

    def _bar_of(self, what: str) -> Optional[Callable[[int, int], None]]:
        try:
            from tqdm.auto import tqdm  # type: ignore
        except ImportError:
            return None
        self._bar = tqdm(unit=what)

        def show(done: int, total: int) -> None:
            self._bar.total = total or None
            self._bar.update(done - self._bar.n)
        return show

    def _on_signal(self, number: int, frame: object) -> None:
        self._observer.stop = True
        self._signal = number, frame

    def __enter__(self) -> Observer:
        observer = self._observer
        observer.progress, observer.raised, observer.stop = self._progress, None, False
        observer.failures = []
        # A handler of Python's own would raise in the middle of a call from C.
        if threading.current_thread() is threading.main_thread() and \
                signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._handler = signal.signal(signal.SIGINT, self._on_signal)
        return observer

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        observer = self._observer
        observer.progress = None
        if self._bar is not None:
            self._bar.close()
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
        raised, observer.raised = observer.raised, None
        if self._signal is not None:
            raise KeyboardInterrupt
        if raised is not None:
            raise raised
