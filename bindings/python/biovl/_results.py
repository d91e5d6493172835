"""What models say of images and texts."""
from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ._arrays import FloatArray
from ._errors import Error
from ._images import Warning


@dataclass(frozen=True)
class Score:
    """A number and what it is a score of."""

    label: str
    score: float
    kind: str  # the quantity: "pair_softmax", "cosine", "match_softmax", …


@dataclass(frozen=True)
class Result:
    """An object of the command's JSON output, and its text to the last digit."""

    _json: str = field(repr=False)

    def to_dict(self) -> Dict[str, Any]:
        """What the command prints with --json, as a dictionary."""
        value: Dict[str, Any] = json.loads(self._json)
        return value

    def to_json(self) -> str:
        """What the command prints with --json, without the line end."""
        return self._json

    @property
    def provenance(self) -> Dict[str, Any]:
        """Model and digest, prompts, device, precision, version."""
        told = self.to_dict()
        return {k: told[k] for k in ("model", "prompts", "ensemble", "device", "fallback",
                                     "precision", "version", "intended_use") if k in told}


@dataclass(frozen=True)
class Classification(Result):
    """The scores of one image.

    labels, values: names and scores in the order in which the labels were given.
    """

    path: str
    kind: str
    labels: Tuple[str, ...]
    values: Tuple[float, ...]
    warnings: Tuple[Warning, ...]

    @property
    def scores(self) -> List[Score]:
        return [Score(label, value, self.kind) for label, value in zip(self.labels, self.values)]

    def __getitem__(self, label: str) -> float:
        """The score of a label."""
        try:
            return self.values[self.labels.index(label)]
        except ValueError:
            raise KeyError(label) from None


@dataclass(frozen=True)
class Match(Result):
    """How well texts match one image."""

    path: str
    scores: Tuple[Score, ...]


@dataclass(frozen=True)
class Answers(Result):
    """The best answers to a question about one image, best first."""

    path: str
    question: str
    scores: Tuple[Score, ...]


@dataclass(frozen=True)
class Hit(Result):
    """An item that a search found."""

    rank: int
    id: str
    score: float
    kind: str  # of score: "cosine", or the reranker's
    item: str  # "image" or "report"
    study: str
    report: str
    metadata: Dict[str, Any]


class Results(List[Any]):
    """Results in the order of the inputs. With errors="collect" an input that failed has its
    exception in place of its result."""

    @property
    def failures(self) -> Dict[int, Error]:
        return {i: r for i, r in enumerate(self) if isinstance(r, Error)}

    def _rows(self) -> Iterator[Dict[str, Any]]:
        for result in self:
            if not isinstance(result, Error):
                for score in result.scores:
                    yield {"path": result.path, "label": score.label, "score": score.score,
                           "kind": score.kind}

    def to_dicts(self) -> List[Dict[str, Any]]:
        """One dictionary per input that did not fail, as the command prints it."""
        return [r.to_dict() for r in self if not isinstance(r, Error)]

    def to_pandas(self) -> Any:
        """A DataFrame with columns path, label, score, kind. Needs pandas."""
        import pandas  # type: ignore
        return pandas.DataFrame(list(self._rows()), columns=["path", "label", "score", "kind"])


class Embeddings(FloatArray):
    """Embeddings [N, D], float32, one row per input; rows of inputs that failed are NaN.

    numpy.asarray(e), torch.from_dlpack(e) and memoryview(e) share its memory.
    errors: what was wrong with inputs that failed, by row. truncated: texts that were longer than
    the model reads, by row.
    """

    errors: Dict[int, Error]
    truncated: Tuple[bool, ...]

    def __repr__(self) -> str:
        return f"<biovl.Embeddings {self.shape[0]} × {self.shape[1]}>"


class HeatMap(FloatArray):
    """Where in an image a text is: cosines [height, width] in image pixels, float32; NaN where the
    model did not look."""

    def __repr__(self) -> str:
        return f"<biovl.HeatMap {self.shape[0]} × {self.shape[1]}>"


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found; the files are in folder."""

    folder: str
    metrics: Dict[str, Any]
    rows: int
    failed: int
    warned: int
    resumed: Optional[int] = None
