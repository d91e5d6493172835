"""Models: open files that images and texts meet."""
from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from . import _abi
from ._arrays import float_pointer, new_floats
from ._errors import ArgumentError, Error
from ._images import Image, ImageSource, Warning, open_image
from ._library import (Context, Handle, PathLike, Watch, check_text, encoded, filled, library,
                       path_bytes, strings, vendored)
from ._results import Answers, Classification, Embeddings, HeatMap, Match, Results, Score

Labels = Union[Sequence[str], Mapping[str, Union[str, Sequence[str]]], "os.PathLike[str]"]
_AT_ONCE = 16  # images decoded before they are run
_MODEL_NAME = "biovl-cxr-small.safetensors"


def default_model() -> str:
    """$BIOVL_MODEL, then the model that ships."""
    named = os.environ.get("BIOVL_MODEL")
    if named:
        return named
    places = [vendored / "share/biovl/models", Path(sys.prefix) / "share/biovl/models",
              Path("/usr/local/share/biovl/models"), Path("/usr/share/biovl/models")]
    for place in places:
        if (place / _MODEL_NAME).exists():
            return str(place / _MODEL_NAME)
    raise ArgumentError("no model: name a file or set BIOVL_MODEL")


def label_lines(labels: Labels) -> bytes:
    """The text of a labels file."""
    if isinstance(labels, (str, bytes)):
        raise TypeError("labels: a list of labels, a dictionary of their prompts, or a "
                        "pathlib.Path of a labels file")
    if isinstance(labels, os.PathLike):
        return Path(labels).read_bytes()
    lines = []
    for label in labels:
        line = label
        if isinstance(labels, Mapping):
            prompts = labels[label]
            line = f"{label} = " + (prompts if isinstance(prompts, str) else " | ".join(prompts))
        if b"\n" in check_text(line, "labels") or not line.strip():
            raise ArgumentError("labels: each is one line that is not empty")
        lines.append(line)
    return "\n".join(lines).encode()


class Session:
    """A context and an engine: what belongs to one thread at a time."""

    def __init__(self, model: "Model") -> None:
        self.model = model._handle
        self.context = Context(model._threads)
        options = filled(_abi.bv_engine_options, device=encoded(model._device),
                         precision=encoded(model._precision))
        pointer = ctypes.POINTER(_abi.bv_engine)()
        self.context.call("bv_engine_open", self.context.pointer, self.model.pointer,
                          ctypes.byref(options), ctypes.byref(pointer))
        self.engine = Handle(pointer, library().bv_engine_close, self.model, self.context)
        self.classifiers: "OrderedDict[Tuple[bytes, Optional[bytes]], Classifier]" = OrderedDict()

    def classifier(self, labels: Labels, templates: Optional[PathLike]) -> "Classifier":
        key = label_lines(labels), _templates(templates)
        found = self.classifiers.get(key)
        if found is None:
            found = self.classifiers[key] = Classifier(self, *key)
            if len(self.classifiers) > 8:
                self.classifiers.popitem(last=False)
        self.classifiers.move_to_end(key)
        return found


def _templates(templates: Optional[PathLike]) -> Optional[bytes]:
    """A prompt set's name, or the JSON of a file that a path names."""
    if templates is None or isinstance(templates, str):
        return encoded(templates)
    return Path(templates).read_bytes()


class Classifier:
    """Labels whose prompts are embedded."""

    def __init__(self, session: Session, labels: bytes, templates: Optional[bytes]) -> None:
        lib = library()
        self.context = session.context
        options = filled(_abi.bv_zero_shot_options, labels=labels, n_label_bytes=len(labels),
                         templates=templates)
        pointer = ctypes.POINTER(_abi.bv_zero_shot)()
        self.context.call("bv_zero_shot_open", session.engine.pointer, ctypes.byref(options),
                          ctypes.byref(pointer))
        self.handle = Handle(pointer, lib.bv_zero_shot_close, session.engine)
        self.labels = tuple(lib.bv_zero_shot_label(pointer, i).decode()
                            for i in range(lib.bv_zero_shot_count(pointer)))

    def read(self, result: Any, image: Image) -> Classification:
        lib, n = library(), len(self.labels)
        values = (ctypes.c_double * n)()
        self.context.check(lib.bv_result_scores(result, values, n))
        warnings = tuple(
            Warning(lib.bv_reason_name(lib.bv_result_warning_reason(result, i)).decode(),
                    lib.bv_result_warning_text(result, i).decode(errors="replace"))
            for i in range(lib.bv_result_warning_count(result)))
        return Classification(self.context.text("bv_result_json", result), image.name,
                              lib.bv_result_kind(result).decode(), self.labels, tuple(values),
                              warnings)

    def run(self, images: List[Image], collect: bool) -> List[Union[Classification, Error]]:
        """Each image's result, or, to be collected, its error."""
        lib, n = library(), len(images)
        pointers = image_array(images)
        results = (ctypes.POINTER(_abi.bv_result) * n)()
        statuses = (ctypes.c_int * n)() if collect else None
        failures = self.context.observed().failures
        first = len(failures)
        self.context.check(lib.bv_zero_shot_classify_batch(self.handle.pointer, pointers, n,
                                                           results, statuses))
        failed = iter(failures[first:])
        try:
            return [self.read(results[i], images[i]) if results[i] else next(failed)
                    for i in range(n)]
        finally:
            for i in range(n):
                one = ctypes.POINTER(_abi.bv_result).from_buffer(results, i * ctypes.sizeof(
                    ctypes.c_void_p))
                lib.bv_result_free(ctypes.byref(one))


def image_array(images: Sequence[Image]) -> Any:
    return (ctypes.POINTER(_abi.bv_image) * len(images))(*(i._handle.pointer for i in images))


class Model:
    """A model file, instantiated on a device.

    path: a file made by convert(); None: $BIOVL_MODEL, then the model that ships.
    device: "auto", "cpu", "vulkan", "vulkan:1", "vulkan:NAME"; precision: "auto", "f32", …;
    threads: of the processor, 0: all.

    >>> m = biovl.Model()
    >>> m.classify(["cxr.dcm"], ["Cardiomegaly", "Edema"])[0].scores[0].score

    Any number of threads may use a model at once: each gets a context and an engine of its own.
    """

    def __init__(self, path: Optional[PathLike] = None, *, device: Optional[str] = None,
                 precision: Optional[str] = None, threads: int = 0) -> None:
        self._device, self._precision, self._threads = device, precision, threads
        self._local = threading.local()
        context = Context(1)
        pointer = ctypes.POINTER(_abi.bv_model)()
        self.path = os.fspath(path) if path is not None else default_model()
        context.call("bv_model_open", context.pointer, path_bytes(self.path),
                     ctypes.byref(pointer))
        self._handle = Handle(pointer, library().bv_model_close)
        self._facts = filled(_abi.bv_model_info)
        context.call("bv_model_facts", pointer, ctypes.byref(self._facts))

    def __repr__(self) -> str:
        return f"<biovl.Model {self.name}>"

    @property
    def name(self) -> str:
        """Of the system card: "biovl-cxr-small", "chexzero", …"""
        return str(self._facts.system.decode())

    @property
    def sha256(self) -> str:
        """Of the tensors."""
        return str(self._facts.sha256.decode())

    @property
    def notice(self) -> Optional[str]:
        """To be shown with its scores."""
        return self._facts.notice.decode() if self._facts.notice else None

    @property
    def device(self) -> str:
        """Where it computes: "cpu", …"""
        return str(library().bv_engine_device(self._session().engine.pointer).decode())

    @property
    def precision(self) -> str:
        return str(library().bv_engine_precision(self._session().engine.pointer).decode())

    @property
    def fallback(self) -> Optional[str]:
        """Why the processor serves instead of a GPU, or None."""
        text = library().bv_engine_fallback(self._session().engine.pointer)
        return text.decode() if text else None

    def describe(self) -> Dict[str, Any]:
        """System name, digest, card, tensors and parameters."""
        context = self._session().context
        told: Dict[str, Any] = context.json("bv_model_describe", context.pointer,
                                            self._handle.pointer)
        return told

    def new_session(self) -> Session:
        return Session(self)

    def _session(self) -> Session:
        session: Optional[Session] = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = Session(self)
        return session

    # ---- Images ----

    def classify(self, images: Iterable[ImageSource], labels: Labels, *,
                 templates: Optional[PathLike] = None, prior: Optional[ImageSource] = None,
                 errors: str = "raise", progress: Any = None) -> Results:
        """Scores images against labels, without training: a Classification for each image.

        labels: lines as of a labels file ("label", "label = prompt | prompt ! negative"), a
        dictionary of label and prompts, or a pathlib.Path of a labels file.
        templates: a prompt set that ships, or a pathlib.Path of one.
        prior: an earlier image of the same patient, for models that take one.
        errors: "raise" at the first image that fails, or "collect" exceptions in its place.
        progress: True (tqdm, where installed) or a function of done and total.
        """
        session = self._session()
        classifier = session.classifier(labels, templates)
        results = Results()

        def run(opened: List[Image], collect: bool) -> None:
            results.extend(classifier.run(opened, collect))

        self._each_block(session, images, prior, errors, progress, run, results.append)
        return results

    def _each_block(self, session: Session, sources: Iterable[ImageSource],
                    prior: Optional[ImageSource], errors: str, progress: Any, run: Any,
                    fail: Any) -> None:
        """Opens images block by block and runs each; fail gets those that cannot be opened."""
        collect = _collects(errors)
        sources = _listed(sources)
        context = session.context
        earlier = None if prior is None else open_image(context, prior)
        with Watch(context, progress) as observer:
            told, observer.progress = observer.progress, None
            opened: List[Image] = []
            for done, source in enumerate(sources):
                if observer.stop:
                    return
                if told is not None:
                    told(done, len(sources))
                try:
                    opened.append(open_image(context, source, earlier))
                except Error as error:
                    if not collect:
                        raise
                    if opened:
                        run(opened, collect)
                    opened = []
                    fail(error)
                if len(opened) == _AT_ONCE:
                    run(opened, collect)
                    opened = []
            if opened:
                run(opened, collect)
            if told is not None:
                told(len(sources), len(sources))

    def embed_images(self, images: Iterable[ImageSource], *, raw: bool = False,
                     prior: Optional[ImageSource] = None, errors: str = "raise",
                     progress: Any = None) -> Embeddings:
        """Embeddings [N, D] of unit length (raw: as the encoder gives them), float32."""
        images = _listed(images)
        session = self._session()
        engine = session.engine.pointer
        dim = self._dim(session, "image")
        out = new_floats(Embeddings, (len(images), dim))
        rows = _Rows(out, dim, session.context)

        def run(opened: List[Image], collect: bool) -> None:
            rows.fill("bv_engine_embed_images", engine, image_array(opened), len(opened),
                      _abi.BV_EMBED_RAW if raw else _abi.BV_EMBED_NORMALIZED, collect)

        self._each_block(session, images, prior, errors, progress, run, rows.fail)
        return rows.finish(())

    def explain(self, image: ImageSource, text: str) -> HeatMap:
        """Where in an image a text is: cosines [height, width] in image pixels, NaN where the
        model did not look. ModelError when the model has no such map."""
        session = self._session()
        opened = open_image(session.context, image)
        out: HeatMap = new_floats(HeatMap, (opened.height, opened.width))
        session.context.call("bv_engine_heat_map", session.engine.pointer, opened._handle.pointer,
                             check_text(text, "text"), float_pointer(out),
                             opened.height * opened.width)
        return out

    # ---- Texts ----

    def embed_texts(self, texts: Iterable[str], *, raw: bool = False, errors: str = "raise",
                    progress: Any = None) -> Embeddings:
        """Embeddings [N, D] of unit length (raw: as the encoder gives them), float32."""
        lines = [check_text(text, "texts") for text in _listed(texts)]
        collect = _collects(errors)
        session = self._session()
        dim = self._dim(session, "text")
        rows = _Rows(new_floats(Embeddings, (len(lines), dim)), dim, session.context)
        truncated = (ctypes.c_ubyte * max(len(lines), 1))()
        with Watch(session.context, progress, "text"):
            if lines:
                rows.fill("bv_engine_embed_texts", session.engine.pointer, strings(lines),
                          len(lines), _abi.BV_EMBED_RAW if raw else _abi.BV_EMBED_NORMALIZED,
                          collect, truncated)
        return rows.finish(tuple(bool(t) for t in truncated[:len(lines)]))

    def _dim(self, session: Session, kind: str) -> int:
        dim = getattr(library(), f"bv_engine_{kind}_dim")(session.engine.pointer)
        if dim == 0:
            session.context.check(_abi.BV_ERR_MODEL)
        return int(dim)

    # ---- Fusion encoders ----

    def _fused(self, session: Session, image: ImageSource) -> Tuple[Handle, Image]:
        opened = open_image(session.context, image)
        pointer = ctypes.POINTER(_abi.bv_fused_image)()
        session.context.call("bv_fused_image_open", session.engine.pointer,
                             opened._handle.pointer, ctypes.byref(pointer))
        return Handle(pointer, library().bv_fused_image_close, session.engine), opened

    def match(self, image: ImageSource, texts: Iterable[str]) -> Match:
        """The probability that each text matches an image, by a model with a fusion encoder."""
        texts = _listed(texts)
        lines = [check_text(text, "texts") for text in texts]
        session = self._session()
        fused, opened = self._fused(session, image)
        n = len(lines)
        scores, truncated = (ctypes.c_double * n)(), (ctypes.c_ubyte * n)()
        session.context.call("bv_fused_image_match", fused.pointer, strings(lines), n, scores, n,
                             truncated, None)
        kind = library().bv_fused_image_kind(fused.pointer, b"match").decode()
        told = session.context.json("bv_fused_image_describe", fused.pointer)
        told["scores"] = [{"text": text, "score": score, "kind": kind, "truncated": bool(cut)}
                          for text, score, cut in zip(texts, scores, truncated)]
        return Match(_dump(told), opened.name,
                     tuple(Score(t, s, kind) for t, s in zip(texts, scores)))

    def ask(self, image: ImageSource, question: str, *, top: int = 5,
            answers: Optional[Sequence[str]] = None) -> Answers:
        """Answers to a question about an image, best first, from the model's vocabulary.

        answers: names of the answers in the order of the model's head, where it carries none.
        """
        session = self._session()
        fused, opened = self._fused(session, image)
        lib = library()
        n = lib.bv_fused_image_count(fused.pointer, b"answer")
        if n == 0:
            session.context.check(_abi.BV_ERR_MODEL)
        if answers is not None and len(answers) != n:
            raise ArgumentError(f"{len(answers)} answers, but the model's head scores {n}")
        scores, truncated = (ctypes.c_double * n)(), ctypes.c_int()
        session.context.call("bv_fused_image_scores", fused.pointer, b"answer",
                             check_text(question, "question"), scores, n,
                             ctypes.byref(truncated))
        best = sorted(range(n), key=lambda i: (-scores[i], i))[:top or n]
        names = [_answer_name(fused, answers, i) for i in best]
        kind = lib.bv_fused_image_kind(fused.pointer, b"answer").decode()
        told = session.context.json("bv_fused_image_describe", fused.pointer)
        told.update(question=question, truncated=bool(truncated.value), answers=[
            {"answer": name, "index": i, "score": scores[i], "kind": kind}
            for name, i in zip(names, best)])
        return Answers(_dump(told), opened.name, question,
                       tuple(Score(name, scores[i], kind) for name, i in zip(names, best)))


def _answer_name(fused: Handle, answers: Optional[Sequence[str]], i: int) -> str:
    if answers is not None:
        return answers[i]
    name = library().bv_fused_image_name(fused.pointer, b"answer", i)
    return str(name.decode()) if name else f"answer {i}"


def _dump(value: Dict[str, Any]) -> str:
    import json
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _listed(items: Any) -> List[Any]:
    """A list of inputs; one alone would be taken for a list of its parts."""
    if isinstance(items, (str, bytes, os.PathLike, Image)):
        raise TypeError("a list is expected, even of one")
    return list(items)


def _collects(errors: str) -> bool:
    if errors not in ("raise", "collect"):
        raise ArgumentError(f"errors {errors!r}: \"raise\" or \"collect\"")
    return errors == "collect"


class _Rows:
    """Embeddings that are being made."""

    def __init__(self, out: Any, dim: int, context: Context) -> None:
        self.out, self.dim, self.context = out, dim, context
        self.errors: Dict[int, Error] = {}
        self.done = 0

    def fill(self, name: str, engine: Any, items: Any, n: int, flags: int, collect: bool,
             *truncated: Any) -> None:
        statuses = (ctypes.c_int * n)() if collect else None
        failures = self.context.observed().failures
        first = len(failures)
        at = ctypes.addressof(self.out) + self.done * self.dim * 4
        self.context.call(name, engine, items, n, flags,
                          ctypes.cast(at, ctypes.POINTER(ctypes.c_float)), n * self.dim,
                          *truncated, statuses)
        failed = iter(failures[first:])
        for i in range(n):
            if statuses is not None and statuses[i]:
                self.errors[self.done + i] = next(failed)
        self.done += n

    def fail(self, error: Error) -> None:
        row = (ctypes.c_float * self.dim)(*[float("nan")] * self.dim)
        ctypes.memmove(ctypes.addressof(self.out) + self.done * self.dim * 4, row, self.dim * 4)
        self.errors[self.done] = error
        self.done += 1

    def finish(self, truncated: Tuple[bool, ...]) -> Embeddings:
        self.out.errors, self.out.truncated = self.errors, truncated
        result: Embeddings = self.out
        return result
