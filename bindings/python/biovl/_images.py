"""Images from whatever holds them."""
from __future__ import annotations

import ctypes
import io
import os
import sys
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple, Union

from . import _abi
from ._arrays import PIXEL_TYPES, is_array, pixel_view
from ._errors import ArgumentError
from ._library import Context, Handle, filled, library, path_bytes

_VIEWS = {None: _abi.BV_VIEW_UNKNOWN, "PA": _abi.BV_VIEW_PA, "AP": _abi.BV_VIEW_AP,
          "lateral": _abi.BV_VIEW_LATERAL}
_PHOTOMETRICS = {"MONOCHROME2": _abi.BV_MONOCHROME2, "MONOCHROME1": _abi.BV_MONOCHROME1}
_VALUES = {"displayed": _abi.BV_VALUES_DISPLAYED, "stored": _abi.BV_VALUES_STORED}


@dataclass
class Pixels:
    """An array and what its values mean.

    array: [height, width] or [height, width, channels]; anything with the buffer protocol,
    __array_interface__ or DLPack in the host's memory.
    values: "displayed": as looked at, window and inversion applied; 0 is black, and white is 255
    (uint8), 65535 (uint16) or 1.0 (float32, float64). "stored": of a detector or a DICOM file; the
    rest says how to look at them.
    photometric: "MONOCHROME2": larger is brighter; "MONOCHROME1": larger is darker.
    bits: the full range is 0 … 2**bits - 1; 0: all of the type.
    window: centre and width of a linear DICOM window; None: the range of the values.
    view: "PA", "AP", "lateral" or None.
    """

    array: Any
    values: str = "displayed"
    photometric: str = "MONOCHROME2"
    bits: int = 0
    window: Optional[Tuple[float, float]] = None
    view: Optional[str] = None
    name: Optional[str] = None


ImageSource = Union[str, "os.PathLike[str]", bytes, Pixels, "Image", Any]


def _choice(table: Dict[Any, int], value: Any, what: str) -> int:
    try:
        return table[value]
    except (KeyError, TypeError):
        known = ", ".join(str(k) for k in table)
        raise ArgumentError(f"{what} {value!r}: one of {known}") from None


def _check_range(view: memoryview, code: str, values: str) -> None:
    if code != "f" or values != "displayed":
        return
    numpy = sys.modules.get("numpy")
    flat = view.cast("B").cast("f")
    if numpy is not None:
        seen = numpy.frombuffer(flat, numpy.float32)
        low, high = float(seen.min()), float(seen.max())
    else:
        low, high = min(flat), max(flat)
    if low < 0 or high > 1:
        raise ArgumentError(f"floats from {low:g} to {high:g}: displayed values are from 0 (black) "
                            "to 1 (white); biovl.Pixels(array, values=\"stored\") for others")


def _open_pixels(context: Context, p: Pixels, options: Any, out: Any) -> None:
    view, height, width, channels, code = pixel_view(p.array)
    _check_range(view, code, p.values)
    data = view.cast("B")
    if data.readonly:
        held: Any = ctypes.create_string_buffer(data.tobytes(), data.nbytes)
    else:
        held = (ctypes.c_char * data.nbytes).from_buffer(data)
    if p.window is not None and len(p.window) != 2:
        raise ArgumentError(f"a window of {len(p.window)} numbers: centre and width")
    center, window = p.window or (0.0, 0.0)
    buffer = filled(_abi.bv_pixel_buffer, data=ctypes.addressof(held), width=width, height=height,
                    channels=channels, type=PIXEL_TYPES[code],
                    values=_choice(_VALUES, p.values, "values"),
                    photometric=_choice(_PHOTOMETRICS, p.photometric, "photometric"), bits=p.bits,
                    window_center=center, window_width=window,
                    view=_choice(_VIEWS, p.view, "view"))
    context.call("bv_image_open_pixels", context.pointer, ctypes.byref(buffer),
                 ctypes.byref(options), out)


def _bare_array(array: Any) -> Pixels:
    """Of types whose values can mean one thing only."""
    pixels = Pixels(array)
    code = pixel_view(array)[4]
    if code in "Hh":
        raise ArgumentError("16-bit pixels without their meaning: biovl.Pixels(array, "
                            "values=\"displayed\") or values=\"stored\"")
    return pixels


def _dataset_bytes(dataset: Any) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def _of_pillow(image: Any) -> Any:
    """Pixels where the modes are the same, else a PNG file in memory: both without loss."""
    if image.mode in ("L", "RGB"):
        width, height = image.size
        shape = (height, width) if image.mode == "L" else (height, width, 3)
        return Pixels(memoryview(image.tobytes()).cast("B", shape))
    stream = io.BytesIO()
    try:
        image.save(stream, "PNG")
    except OSError as error:
        raise ArgumentError(f"a Pillow image of mode {image.mode}: {error}") from None
    return stream.getvalue()


def _reduce(source: Any) -> Any:
    """A path (bytes after os.fsencode), a bytes object of a file's content, or Pixels."""
    if isinstance(source, (bytes, bytearray, Pixels)):
        return source
    if isinstance(source, (str, os.PathLike)):
        return source
    module = type(source).__module__.split(".")[0]
    if module == "pydicom" and hasattr(source, "save_as"):
        return _dataset_bytes(source)
    if module == "PIL" or (hasattr(source, "getbands") and hasattr(source, "mode")):
        return _of_pillow(source)
    if hasattr(source, "read"):
        content = source.read()
        if not isinstance(content, bytes):
            raise TypeError("a file that is not opened in binary mode")
        return content
    if is_array(source):
        return _bare_array(source)
    raise TypeError(f"{type(source).__name__}: not a path, bytes, file, pydicom dataset, Pillow "
                    "image or array")


def _name_of(source: Any) -> Optional[str]:
    if isinstance(source, Pixels):
        return source.name
    name = getattr(source, "name", None)
    return name if isinstance(name, str) and hasattr(source, "read") else None


def open_image(context: Context, source: Any, prior: Optional["Image"] = None) -> "Image":
    """Decodes an image; one that is open already stays as it is."""
    if isinstance(source, Image):
        if prior is not None:
            raise ArgumentError("an image that is open already cannot get a prior")
        return source
    options = filled(_abi.bv_image_options, name=path_bytes(_name_of(source)))
    if prior is not None:
        options.prior = prior._handle.pointer
    pointer = ctypes.POINTER(_abi.bv_image)()
    out = ctypes.byref(pointer)
    content = _reduce(source)
    if isinstance(content, Pixels):
        _open_pixels(context, content, options, out)
    elif isinstance(content, (bytes, bytearray)):
        context.call("bv_image_open_bytes", context.pointer, bytes(content), len(content),
                     ctypes.byref(options), out)
    else:
        context.call("bv_image_open", context.pointer, path_bytes(content), ctypes.byref(options),
                     out)
    return Image(Handle(pointer, library().bv_image_close))


@dataclass(frozen=True)
class Warning:
    """A reason to doubt a score."""

    reason: str  # "lateral_view", "looks_inverted", …
    text: str

    def to_dict(self) -> Dict[str, str]:
        return {"reason": self.reason, "text": self.text}


class Image:
    """A decoded image, which any number of models and threads may use.

    >>> image = biovl.Image.open("cxr.dcm")
    """

    __slots__ = ("_handle",)

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    @classmethod
    def open(cls, source: ImageSource, *, prior: Optional[ImageSource] = None) -> "Image":
        """source: a path, bytes of a file, a binary file, a pydicom dataset, a Pillow image, an
        array or Pixels. prior: an earlier image of the same patient."""
        context = Context(1)
        earlier = None if prior is None else open_image(context, prior)
        return open_image(context, source, earlier)

    def _facts(self) -> Any:
        facts = filled(_abi.bv_image_facts)
        library().bv_image_describe(self._handle.pointer, ctypes.byref(facts))
        return facts

    @property
    def width(self) -> int:
        return int(self._facts().width)

    @property
    def height(self) -> int:
        return int(self._facts().height)

    @property
    def name(self) -> str:
        """The path or other name it was opened under."""
        return os.fsdecode(self._facts().name)

    @property
    def format(self) -> str:
        """"dicom", "png", "jpeg", "jpeg2000" or "pixels"."""
        return str(library().bv_image_format_name(self._facts().format).decode())

    @property
    def view(self) -> str:
        """"unknown", "PA", "AP" or "lateral"."""
        return str(library().bv_view_name(self._facts().view).decode())

    @property
    def warnings(self) -> Tuple[Warning, ...]:
        """What decoding found; results have these and more."""
        lib, pointer = library(), self._handle.pointer
        return tuple(
            Warning(lib.bv_reason_name(lib.bv_image_warning_reason(pointer, i)).decode(),
                    lib.bv_image_warning_text(pointer, i).decode(errors="replace"))
            for i in range(lib.bv_image_warning_count(pointer)))
