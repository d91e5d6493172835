"""Embeddings go to NumPy and others without a copy."""
import gc
import weakref

import pytest

from biovl import _arrays


def test_buffer(model):
    rows = model.embed_texts(["effusion", "edema", "pneumonia"])
    view = memoryview(rows)
    assert rows.shape == view.shape == (3, 128) and len(rows) == 3
    assert rows.tolist()[1] == list(rows[1])
    assert rows.truncated == (False, False, False) and rows.errors == {}
    assert model.embed_texts([]).shape == (0, 128)
    assert model.embed_texts([]).tolist() == []
    assert model.embed_texts(["effusion " * 2000]).truncated == (True,)


def test_numpy(model):
    np = pytest.importorskip("numpy")
    rows = model.embed_texts(["effusion", "edema"])
    array = np.asarray(rows)
    assert array.dtype == np.float32 and array.shape == (2, 128)
    rows[0][0] = 7
    assert array[0, 0] == 7
    assert np.asarray(rows, np.float64).dtype == np.float64


def test_dlpack(model):
    np = pytest.importorskip("numpy")
    rows = model.embed_texts(["effusion", "edema"])
    alive = weakref.ref(rows)
    shared = np.from_dlpack(rows)
    assert np.array_equal(shared, np.asarray(rows))
    del rows
    gc.collect()
    assert alive() is not None and shared[0, 0] == alive()[0][0]
    del shared
    gc.collect()
    assert not _arrays._exported
    capsule = model.embed_texts(["effusion"]).__dlpack__()
    assert len(_arrays._exported) == 1
    del capsule
    assert not _arrays._exported
