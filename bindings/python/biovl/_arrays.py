"""Arrays in and out without a dependency: buffer protocol, __array_interface__, DLPack.

What comes out is a ctypes array, which has the buffer protocol on every Python, with the methods
that NumPy and torch ask for.
"""
from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any, Dict, List, Optional, Tuple

from . import _abi
from ._errors import ArgumentError


class FloatArray:
    """float32 numbers in rows (C order), shared by numpy.asarray() and torch.from_dlpack().

    Also len(), indexing by integers, memoryview() and iteration, as of any ctypes array.
    """

    shape: Tuple[int, ...]

    def tolist(self) -> List[Any]:
        if 0 in self.shape:
            return [[] for _ in range(self.shape[0])]
        return memoryview(self).cast("B").cast("f", self.shape).tolist()  # type: ignore

    def tobytes(self) -> bytes:
        return bytes(memoryview(self))  # type: ignore

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> Any:
        import numpy
        array = numpy.frombuffer(self, numpy.float32).reshape(self.shape)  # type: ignore
        if dtype is not None and dtype != array.dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack_device__(self) -> Tuple[int, int]:
        return _CPU, 0

    def __dlpack__(self, **_: object) -> Any:
        return export_dlpack(self, self.shape)


@lru_cache(maxsize=256)
def _class_of(base: type, shape: Tuple[int, ...]) -> type:
    element: Any = ctypes.c_float
    for size in reversed(shape):
        element = element * size
    return type(base.__name__, (base, element), {"shape": shape, "__doc__": base.__doc__})


def new_floats(base: type, shape: Tuple[int, ...]) -> Any:
    """Zeros of a shape, as a ctypes array that is also of the class base."""
    return _class_of(base, shape)()


def float_pointer(array: Any) -> Any:
    return ctypes.cast(array, ctypes.POINTER(ctypes.c_float))


# ---- DLPack ----

_CPU = 1
_CODES = {(0, 8): "b", (0, 16): "h", (0, 32): "i", (1, 8): "B", (1, 16): "H", (2, 32): "f",
          (2, 64): "d"}


class _Device(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int32), ("id", ctypes.c_int32)]


class _DataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class _Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device", _Device), ("ndim", ctypes.c_int32),
                ("dtype", _DataType), ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64)]


class _Managed(ctypes.Structure):
    pass


_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_Managed._fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p),
                     ("deleter", ctypes.c_void_p)]
_exported: Dict[int, Any] = {}  # by the address of the managed tensor


# Both may be called while the interpreter ends, when globals are gone.
def _forget(address: int, exported: Dict[int, Any] = _exported) -> None:
    exported.pop(address, None)


_Destructor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
_new_capsule = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, _Destructor)(
    ("PyCapsule_New", ctypes.pythonapi))
_capsule_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_IsValid", ctypes.pythonapi))
_capsule_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi))
_rename_capsule = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_SetName", ctypes.pythonapi))


def _drop_capsule(capsule: int, is_valid: Any = _capsule_is_valid,
                  pointer: Any = _capsule_pointer, forget: Any = _forget) -> None:
    # An object that is being destroyed must not be counted: its address alone is used.
    if is_valid(capsule, b"dltensor"):
        forget(pointer(capsule, b"dltensor"))


_on_delete, _on_drop = _Deleter(_forget), _Destructor(_drop_capsule)
for _function in (_on_delete, _on_drop):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_function))  # arrays elsewhere may outlive us
# Capsules keep the pointers.
_NAME, _USED = (ctypes.create_string_buffer(name) for name in (b"dltensor", b"used_dltensor"))


def export_dlpack(array: Any, shape: Tuple[int, ...]) -> Any:
    managed = _Managed()
    sizes = (ctypes.c_int64 * len(shape))(*shape)
    managed.tensor = _Tensor(ctypes.addressof(array), _Device(_CPU, 0), len(shape),
                             _DataType(2, 32, 1), sizes, None, 0)
    managed.deleter = ctypes.cast(_on_delete, ctypes.c_void_p).value
    address = ctypes.addressof(managed)
    _exported[address] = managed, sizes, array
    return _new_capsule(address, ctypes.cast(_NAME, ctypes.c_char_p), _on_drop)


def _import_dlpack(source: Any) -> memoryview:
    """A copy, in C order, of a tensor on the host."""
    device = source.__dlpack_device__()
    if int(device[0]) != _CPU:
        raise ArgumentError("a tensor that is not in the host's memory: move it there first "
                            "(tensor.cpu())")
    try:
        capsule = source.__dlpack__()
    except (BufferError, RuntimeError) as error:  # a type or a tensor that is not to be shared
        raise ArgumentError(f"a tensor that cannot be read: {error}") from None
    managed = _Managed.from_address(_capsule_pointer(id(capsule), b"dltensor"))
    try:
        return _copy_tensor(managed.tensor)
    finally:
        _rename_capsule(id(capsule), ctypes.cast(_USED, ctypes.c_char_p))
        if managed.deleter:
            _Destructor(managed.deleter)(ctypes.addressof(managed))  # with the GIL held


def _copy_tensor(t: Any) -> memoryview:
    code = _CODES.get((t.dtype.code, t.dtype.bits))
    shape = [t.shape[i] for i in range(t.ndim)]
    if code is None or t.dtype.lanes != 1 or not 2 <= t.ndim <= 3:
        raise ArgumentError(f"a tensor of shape {tuple(shape)} and DLPack type "
                            f"{t.dtype.code}:{t.dtype.bits}")
    dense = [1] * t.ndim
    for i in range(t.ndim - 1, 0, -1):
        dense[i - 1] = dense[i] * shape[i]
    strides = [t.strides[i] for i in range(t.ndim)] if t.strides else dense
    size = t.dtype.bits // 8
    if strides != dense:
        raise ArgumentError(f"a tensor with strides {tuple(strides)}: make it contiguous first")
    n = dense[0] * shape[0] * size
    data = ctypes.string_at(t.data + t.byte_offset, n) if n else b""
    return memoryview(data).cast(code, shape) if n else _empty()


def _empty() -> memoryview:
    raise ArgumentError("an array without elements")


# ---- Arrays from outside ----


def _from_interface(interface: Dict[str, Any]) -> memoryview:
    """An object with __array_interface__ alone."""
    codes = {"|u1": "B", "|i1": "b", "<u2": "H", "<i2": "h", "<f4": "f", "<f8": "d", "<i4": "i"}
    code = codes.get(interface["typestr"])
    shape, strides = tuple(interface["shape"]), interface.get("strides")
    data = interface.get("data")
    if code is None or not isinstance(data, tuple):
        raise ArgumentError(f"an array of type {interface['typestr']}")
    if strides is not None:
        raise ArgumentError(f"an array with strides {tuple(strides)}: make it contiguous first")
    n = ctypes.sizeof(getattr(ctypes, {"B": "c_uint8", "b": "c_int8", "H": "c_uint16",
                                       "h": "c_int16", "f": "c_float", "d": "c_double",
                                       "i": "c_int32"}[code]))
    for size in shape:
        n *= size
    return memoryview(ctypes.string_at(data[0], n)).cast(code, shape) if n else _empty()


def is_array(source: object) -> bool:
    return any(hasattr(source, name) for name in ("__array_interface__", "__dlpack__")) or \
        _has_buffer(source)


def _has_buffer(source: object) -> bool:
    try:
        memoryview(source).release()  # type: ignore[arg-type]
    except TypeError:
        return False
    except (ValueError, BufferError):
        pass
    return True


def view_of(source: Any) -> memoryview:
    """A view in C order of an array of any origin, whatever it lies in."""
    try:
        view = memoryview(source)
    except (TypeError, ValueError, BufferError):
        if hasattr(source, "__dlpack__"):
            return _import_dlpack(source)
        if not hasattr(source, "__array_interface__"):
            raise TypeError(f"{type(source).__name__}: not an array") from None
        return _from_interface(source.__array_interface__)
    if view.nbytes == 0:
        return _empty()
    if not view.c_contiguous:
        code = view.format.lstrip("<=@")
        if len(code) != 1 or code not in "bBhHiIlLqQnNfd?":
            raise ArgumentError(f"an array of type {view.format}")
        view = _shaped(view.tobytes(order="C"), code, view.shape)
    return view


def _shaped(data: Any, code: str, shape: Any) -> memoryview:
    return memoryview(data).cast("B").cast(code, shape)


PIXEL_TYPES = {"B": _abi.BV_PIXEL_U8, "H": _abi.BV_PIXEL_U16, "h": _abi.BV_PIXEL_I16,
               "f": _abi.BV_PIXEL_F32}


def pixel_view(source: Any) -> Tuple[memoryview, int, int, int, str]:
    """View, height, width, channels and type code of an array [H,W], [H,W,1] or [H,W,3]."""
    view = view_of(source)
    code = view.format.lstrip("<=@") if not view.format.startswith(">") else view.format
    if code == "d":
        from array import array
        view = _shaped(array("f", view.cast("B").cast("d")), "f", view.shape)
        code = "f"
    if code not in PIXEL_TYPES:
        raise ArgumentError(f"an array of type {view.format}: pixels are uint8, uint16, int16, "
                            "float32 or float64")
    shape = tuple(view.shape or ())
    if len(shape) == 2:
        return view, shape[0], shape[1], 1, code
    if len(shape) == 3 and shape[2] in (1, 3):
        return view, shape[0], shape[1], shape[2], code
    raise ArgumentError(f"an array of shape {shape}: an image is [height, width] or "
                        "[height, width, channels] with 1 or 3 channels")


