"""Indexes of images and reports."""
from __future__ import annotations

import ctypes
import threading
from typing import Any, Dict, List, Optional, Sequence

from . import _abi
from ._arrays import view_of
from ._errors import ArgumentError
from ._images import ImageSource, open_image
from ._library import (Context, Handle, PathLike, Watch, check_text, encoded, filled, library,
                       path_bytes, strings)
from ._model import Model, Session
from ._results import Hit

_COLUMNS = ("path", "id", "study", "accession", "report")


class Index:
    """One SQLite file of embeddings, reports and what may be kept of their sources.

    >>> with biovl.Index.create("cxr.db", model) as index:
    ...     index.add(["folder"])
    ...     index.search(text="pleural effusion", k=5)

    Threads wait for one another.
    """

    def __init__(self, path: PathLike, model: Optional[Model] = None, *,
                 key_file: Optional[PathLike] = None, writable: bool = False) -> None:
        """Opens an index; model: of its vectors, for texts and images to search by."""
        self._lock = threading.RLock()
        self._session: Optional[Session] = model.new_session() if model is not None else None
        context = self._session.context if self._session else Context()
        self._context = context
        pointer = ctypes.POINTER(_abi.bv_index)()
        context.call("bv_index_open", context.pointer, path_bytes(path), path_bytes(key_file),
                     int(writable), ctypes.byref(pointer))
        self._handle: Optional[Handle] = Handle(pointer, library().bv_index_close, context)

    @classmethod
    def create(cls, path: PathLike, model: Model, *, key_file: Optional[PathLike] = None,
               accelerator: Optional[str] = None, keep_identifiers: bool = False,
               thumbnail: int = 0) -> "Index":
        """Makes an empty index for a model's vectors, and opens it to be added to."""
        session = model.new_session()
        options = filled(_abi.bv_index_options, key_file=path_bytes(key_file),
                         accelerator=encoded(accelerator), keep_identifiers=int(keep_identifiers),
                         thumbnail=thumbnail)
        session.context.call("bv_index_create", session.engine.pointer, path_bytes(path),
                             ctypes.byref(options))
        return cls(path, model, key_file=key_file, writable=True)

    @property
    def _pointer(self) -> Any:
        if self._handle is None:
            raise ArgumentError("an index that is closed")
        return self._handle.pointer

    @property
    def _engine(self) -> Any:
        return self._session.engine.pointer if self._session else None

    def close(self) -> None:
        with self._lock:
            self._handle = None

    def __enter__(self) -> "Index":
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        self.close()

    def describe(self) -> Dict[str, Any]:
        """Counts, model, settings."""
        with self._lock:
            told: Dict[str, Any] = self._context.json("bv_index_describe", self._pointer)
            return told

    def verify(self) -> Dict[str, Any]:
        """Reads everything and checks it."""
        with self._lock:
            told: Dict[str, Any] = self._context.json("bv_index_verify", self._pointer)
            return told

    def add(self, inputs: Sequence[PathLike], *, columns: Optional[Dict[str, str]] = None,
            metadata: Sequence[str] = (), identifiers: Sequence[str] = (),
            keep_paths: bool = False, progress: Any = None) -> Dict[str, Any]:
        """Adds what the index does not hold yet; gives counts and "failures", [(sentence)].

        inputs: files (DICOM, PNG, JPEG, JPEG 2000, text), folders, CSV tables.
        columns: of the tables: {"path", "id", "study", "accession", "report"}.
        """
        if self._session is None:
            raise ArgumentError("an index without a model cannot be added to")
        paths = [path_bytes(path) or b"" for path in inputs]
        names = {k + "_column": encoded(v) for k, v in (columns or {}).items()}
        if any(k not in _COLUMNS for k in (columns or {})):
            raise ArgumentError("columns: of " + ", ".join(_COLUMNS))
        kept = [check_text(m, "metadata") for m in metadata]
        scrubbed = [check_text(i, "identifiers") for i in identifiers]
        sources = filled(_abi.bv_index_sources, inputs=strings(paths), n_inputs=len(paths),
                         metadata_columns=strings(kept), n_metadata_columns=len(kept),
                         identifier_columns=strings(scrubbed), n_identifier_columns=len(scrubbed),
                         keep_paths=int(keep_paths), **names)
        counts = filled(_abi.bv_index_counts)
        with self._lock, Watch(self._context, progress, "item") as observer:
            self._context.call("bv_index_add", self._pointer, self._engine,
                               ctypes.byref(sources), ctypes.byref(counts))
            failures = [str(error) for error in observer.failures]
        told: Dict[str, Any] = {name: getattr(counts, name) for name in
                                ("images", "reports", "skipped", "failed", "updated", "apart")}
        return dict(told, failures=failures)

    def merge(self, other: "Index") -> int:
        """Appends what another index holds and this one lacks; gives how many items."""
        n = ctypes.c_size_t()
        with self._lock, other._lock:
            self._context.call("bv_index_merge", self._pointer, other._pointer, ctypes.byref(n))
        return n.value

    def search(self, *, image: Optional[ImageSource] = None, text: Optional[str] = None,
               report_file: Optional[PathLike] = None, id: Optional[str] = None,
               vector: Any = None, find: Optional[str] = None, k: int = 10,
               where: Sequence[str] = (), match: Optional[str] = None, by_study: bool = False,
               method: Optional[str] = None, effort: int = 0) -> List[Hit]:
        """The k items nearest to one image, text, report, item or vector, nearest first.

        find: "image" or "report"; where: conditions like "view=PA", "age>=60";
        match: a full-text query on the reports.
        """
        conditions = [check_text(line, "where") for line in where]
        query = filled(_abi.bv_index_query, report_file=path_bytes(report_file), id=encoded(id),
                       find=encoded(find), k=k, where=strings(conditions),
                       n_where=len(conditions), match=encoded(match), by_study=int(by_study),
                       method=encoded(method), effort=effort)
        if text is not None:
            query.text = check_text(text, "text")
        with self._lock:
            held = None if image is None else open_image(self._context, image)
            if held is not None:
                query.image = held._handle.pointer
            values = _vector(vector)
            if values is not None:
                query.vector, query.n_vector = values, len(values)
            hits = ctypes.POINTER(_abi.bv_hits)()
            self._context.call("bv_index_search", self._pointer, self._engine,
                               ctypes.byref(query), ctypes.byref(hits))
            owner = Handle(hits, library().bv_hits_free)
            return [self._hit(owner, i) for i in range(library().bv_hits_count(hits))]

    def _hit(self, owner: Handle, i: int) -> Hit:
        import json
        lib, hits = library(), owner.pointer
        text = self._context.text("bv_hits_json", hits, i)
        told = json.loads(text)
        return Hit(text, i + 1, lib.bv_hits_id(hits, i).decode(), lib.bv_hits_score(hits, i),
                   told["kind"], told["item"], lib.bv_hits_study(hits, i).decode(),
                   lib.bv_hits_report(hits, i).decode(),
                   json.loads(lib.bv_hits_metadata(hits, i) or b"{}"))


def _vector(vector: Any) -> Any:
    if vector is None:
        return None
    view = view_of(vector)
    if view.format.lstrip("<=@") != "f":
        raise ArgumentError(f"a vector of type {view.format}: float32 is expected")
    flat = view.cast("B").cast("f")
    return (ctypes.c_float * len(flat))(*flat)
