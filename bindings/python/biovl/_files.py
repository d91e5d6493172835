"""What is done with files: conversion, descriptions, checks, evaluation."""
from __future__ import annotations

import ctypes
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from . import _abi
from ._library import (Context, PathLike, Watch, check_text, encoded, filled, path_bytes,
                       strings)
from ._model import Labels, Model
from ._results import Evaluation

_COLUMNS = ("path_column", "patient_column", "study_column", "stratum_column", "list_column")


def convert(source: PathLike, path: PathLike, *, system: Optional[str] = None,
            vocabulary: Optional[PathLike] = None, dtype: Optional[str] = None,
            overrides: Optional[Mapping[str, object]] = None) -> Dict[str, Any]:
    """Converts a published checkpoint (file or folder) into a model file, completely or not at
    all; gives {"system", "tensors", "ignored", "sha256"}.

    system: name of a system card or a card file; None: recognise.
    overrides: of the card, {"text.heads": 4}.
    """
    context = Context()
    lines = [check_text(f"{k}={v}", "overrides") for k, v in (overrides or {}).items()]
    options = filled(_abi.bv_convert_options, system=encoded(system),
                     vocabulary=path_bytes(vocabulary), dtype=encoded(dtype),
                     overrides=strings(lines), n_overrides=len(lines))
    told: Dict[str, Any] = context.json("bv_convert", context.pointer, path_bytes(source),
                                        path_bytes(path), ctypes.byref(options))
    return told


def info(path: Optional[PathLike] = None) -> Dict[str, Any]:
    """What a model file is: system, digest, card, tensors, parameters. None: the default one."""
    return Model(path).describe()


def build_info() -> Dict[str, Any]:
    """Version, build options and the versions of the linked libraries."""
    told: Dict[str, Any] = Context(1).json("bv_build_info")
    return told


def systems() -> List[Dict[str, Any]]:
    """The published systems that convert() knows."""
    context = Context(1)
    told: List[Dict[str, Any]] = context.json("bv_systems", context.pointer)
    return told


def devices() -> List[Dict[str, Any]]:
    """The devices of this machine."""
    context = Context(1)
    told: List[Dict[str, Any]] = context.json("bv_devices", context.pointer)
    return told


def verify(path: PathLike, device: str = "cpu") -> Dict[str, Any]:
    """Recomputes the digest and the golden vectors of a model file; ModelError when something does
    not match."""
    context = Context()
    told: Dict[str, Any] = context.json("bv_verify", context.pointer, path_bytes(path),
                                        encoded(device))
    return told


def evaluate(model: Model, data: PathLike, labels: Labels, *, folder: Optional[PathLike] = None,
             templates: Optional[PathLike] = None, root: Optional[PathLike] = None,
             where: Sequence[str] = (), uncertain: Optional[str] = None, bootstrap: int = 1000, batch: int = 0, workers: int = 0,
             resume: bool = False, **columns: str) -> Evaluation:
    """Zero-shot metrics with confidence intervals on a labelled CSV file, as `biovl eval`.

    folder: receives predictions.csv, metrics.json, report.html, …; None: a new temporary one.
    uncertain: what -1 means: "ignore", "zero", "one", "policy".
    columns: path_column, patient_column, study_column, stratum_column, list_column.
    """
    folder = Path(folder) if folder is not None else Path(tempfile.mkdtemp(prefix="biovl-"))
    session = model.new_session()
    classifier = session.classifier(labels, templates)
    conditions = [check_text(line, "where") for line in where]
    if any(name not in _COLUMNS for name in columns):
        raise TypeError("columns: of " + ", ".join(_COLUMNS))
    fields = {name: encoded(value) for name, value in columns.items()}
    options = filled(_abi.bv_eval_options, data=path_bytes(data), folder=path_bytes(folder),
                     root=path_bytes(root), where=strings(conditions), n_where=len(conditions),
                     uncertain=encoded(uncertain), bootstrap=bootstrap or -1, batch=batch, workers=workers, resume=int(resume),
                     **fields)
    counts = filled(_abi.bv_eval_counts)
    with Watch(session.context, None):
        session.context.call("bv_eval_run", classifier.handle.pointer, ctypes.byref(options),
                             ctypes.byref(counts))
        done = counts.rows, counts.failed, counts.warned, counts.resumed
        session.context.call("bv_eval_finish", session.context.pointer, ctypes.byref(options),
                             ctypes.byref(counts))
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return Evaluation(os.fspath(folder), metrics, *done)
