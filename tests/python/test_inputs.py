"""The same image, whatever it comes in, has the same scores; what is unclear is refused."""
import ctypes
import io
import os
import shutil
import struct

import pytest
from conftest import GRAY, HEIGHT, SAMPLE, WIDTH, png

import biovl

def scores(model, source):
    return model.classify([source], ["Edema", "Pneumonia"])[0].values


def gray():
    return memoryview(GRAY).cast("B", (HEIGHT, WIDTH))


def test_files(model, tmp_path):
    expected = scores(model, SAMPLE)
    content = open(SAMPLE, "rb").read()
    odd = os.fsencode(tmp_path) + b"/not-utf8-\xff.dcm"
    shutil.copy(SAMPLE, odd)
    sources = [content, bytearray(content), io.BytesIO(content), open(SAMPLE, "rb"),
               os.fsdecode(odd), biovl.Image.open(SAMPLE)]
    for source in sources:
        assert scores(model, source) == expected


def test_pydicom(model):
    pydicom = pytest.importorskip("pydicom")
    assert scores(model, pydicom.dcmread(SAMPLE)) == scores(model, SAMPLE)


def test_pillow(model):
    pillow = pytest.importorskip("PIL.Image")
    image = pillow.open(io.BytesIO(png()))
    assert scores(model, image) == scores(model, png())
    assert scores(model, image.convert("LA")) == scores(model, png())  # by way of a PNG file
    with pytest.raises(biovl.ArgumentError):
        scores(model, image.convert("F"))


def test_buffers(model):
    expected = scores(model, png())
    assert scores(model, gray()) == expected
    assert scores(model, biovl.Pixels(gray())) == expected
    assert scores(model, biovl.Pixels(memoryview(GRAY).cast("B", (HEIGHT, WIDTH, 1)))) == expected
    color = memoryview(bytes(b for b in GRAY for _ in range(3))).cast("B", (HEIGHT, WIDTH, 3))
    assert len(scores(model, color)) == 2


def test_numpy(model):
    np = pytest.importorskip("numpy")
    expected = scores(model, png())
    array = np.frombuffer(GRAY, np.uint8).reshape(HEIGHT, WIDTH)
    wide = np.zeros((HEIGHT, 2 * WIDTH), np.uint8)
    wide[:, ::2] = array
    for source in (array, np.asfortranarray(array), wide[:, ::2], array[::-1][::-1],
                   (array / 255).astype(np.float32), array / 255,
                   biovl.Pixels(array.astype(np.uint16) * 257)):
        assert scores(model, source) == expected


def test_dlpack(model):
    np = pytest.importorskip("numpy")
    array = np.frombuffer(GRAY, np.uint8).reshape(HEIGHT, WIDTH).copy()

    class Tensor:
        def __init__(self, array, device):
            self.array, self.device = array, device

        def __dlpack__(self):
            return self.array.__dlpack__()

        def __dlpack_device__(self):
            return self.device, 0

    assert scores(model, Tensor(array, 1)) == scores(model, png())
    with pytest.raises(biovl.ArgumentError, match="host"):
        scores(model, Tensor(array, 2))
    with pytest.raises(biovl.ArgumentError, match="contiguous"):
        scores(model, Tensor(array[:, ::2], 1))


def test_stored_values(model):
    np = pytest.importorskip("numpy")
    pydicom = pytest.importorskip("pydicom")
    dataset = pydicom.dcmread(SAMPLE)
    pixels = np.frombuffer(dataset.PixelData, np.uint16) if not \
        dataset.file_meta.TransferSyntaxUID.is_compressed else dataset.pixel_array
    stored = biovl.Pixels(pixels.reshape(dataset.Rows, dataset.Columns), "stored",
                          bits=dataset.BitsStored, view="PA",
                          window=(float(dataset.WindowCenter), float(dataset.WindowWidth)))
    assert scores(model, stored) == scores(model, SAMPLE)


@pytest.mark.parametrize("source", [
    biovl.Pixels(gray(), values="seen"), biovl.Pixels(gray(), photometric="MONOCHROME3"),
    biovl.Pixels(gray(), bits=8), memoryview(GRAY).cast("B", (HEIGHT, 10, 4)), memoryview(GRAY[:0]),
    memoryview(GRAY).cast("H", (HEIGHT, WIDTH // 2)), "a\0b"])
def test_unclear(model, source):
    with pytest.raises(biovl.ArgumentError):
        scores(model, source)


def test_ranges(model):
    for value in (1.5, -0.1, float("nan"), float("inf")):
        floats = memoryview(struct.pack("4f", 0, 0.5, 1, value)).cast("f", (2, 2))
        with pytest.raises(biovl.ArgumentError):
            scores(model, floats)


def test_refused_by_kind(model):
    """An array that cannot be read is an item that fails, in a batch as alone."""
    backwards = (ctypes.c_uint16.__ctype_be__ * 8)()
    for source in (memoryview(backwards)[::2], biovl.Pixels(gray(), window=(1, 2, 3))):
        with pytest.raises(biovl.ArgumentError):
            scores(model, source)
        results = model.classify([SAMPLE, source, SAMPLE], ["Edema"], errors="collect")
        assert list(results.failures) == [1]


def test_unreadable_tensors(model):
    class Refusing:
        def __dlpack_device__(self):
            return 1, 0

        def __dlpack__(self):
            raise BufferError("not a number")
    with pytest.raises(biovl.ArgumentError, match="not a number"):
        scores(model, Refusing())


def test_odd_names(model, tmp_path):
    """A path that is no UTF-8 names a file that is open, too."""
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/not-utf8-\xff.dcm")
    shutil.copy(SAMPLE, odd)
    with open(odd, "rb") as stream:
        assert model.classify([stream], ["Edema"])[0].path == odd


def test_texts_that_c_would_cut(model, tmp_path):
    """A zero character ends a text for C: nothing is done with the beginning of one."""
    for call in (lambda: biovl.Model(device="cpu\0x").device, lambda: biovl.Model(SAMPLE + "\0x"),
                 lambda: model.classify([SAMPLE], ["x"], templates="biovl-cxr-v1\0x"),
                 lambda: model.classify([biovl.Pixels(gray(), name="a\0b")], ["x"]),
                 lambda: biovl.evaluate(model, tmp_path / "x.csv", ["x"], where=["a=b\0c"]),
                 lambda: model.embed_texts(["\udcff"]), lambda: model.classify([SAMPLE], ["\udcff"])):
        with pytest.raises(biovl.ArgumentError, match="zero|Unicode"):
            call()


def test_misspelt_columns(model, tmp_path):
    with pytest.raises(TypeError, match="patient_column"):
        biovl.evaluate(model, tmp_path / "x.csv", ["x"], patient_col="p")


def test_types(model):
    for source in (None, 7, object(), io.StringIO("x")):
        with pytest.raises(TypeError):
            scores(model, source)
    for call in (lambda: model.classify(SAMPLE, ["x"]), lambda: model.classify([SAMPLE], "x"),
                 lambda: model.embed_texts("x"), lambda: model.embed_texts([1])):
        with pytest.raises(TypeError):
            call()
