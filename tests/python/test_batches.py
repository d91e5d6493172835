"""Failures in a batch, progress, interrupts, threads, memory."""
import math
import os
import signal
import threading

import pytest
from conftest import SAMPLE

import biovl


def test_errors(model, failing, tmp_path):
    with pytest.raises(biovl.FormatError, match="not-an-image.png") as caught:
        model.classify([SAMPLE, failing], ["x"])
    assert isinstance(caught.value, ValueError) and caught.value.status == "format"
    with pytest.raises(OSError):
        model.classify([str(tmp_path / "none.png")], ["x"])
    with pytest.raises(biovl.FormatError):
        model.classify([SAMPLE], [])
    with pytest.raises(biovl.ArgumentError):
        model.classify([SAMPLE], ["x", "y\nz"])
    with pytest.raises(biovl.ModelError):
        model.explain(SAMPLE, "effusion")
    with pytest.raises(biovl.Error):
        model.ask(SAMPLE, "Is there an effusion?")
    with pytest.raises(biovl.FormatError):
        biovl.Model(SAMPLE)
    with pytest.raises(biovl.DeviceError):
        biovl.Model(device="vulkan:99").classify([SAMPLE], ["x"])


def test_collect(model, failing):
    results = model.classify([SAMPLE, failing, SAMPLE], ["x"], errors="collect")
    assert list(results.failures) == [1] and results[0] == results[2]
    assert isinstance(results[1], biovl.FormatError)
    assert len(results.to_dicts()) == 2
    rows = model.embed_images([failing, SAMPLE, failing], errors="collect")
    assert sorted(rows.errors) == [0, 2]
    assert math.isnan(rows[0][0]) and math.isnan(rows[2][127]) and not math.isnan(rows[1][0])
    assert bytes(rows[1]) == bytes(model.embed_images([SAMPLE])[0])


def test_progress(model):
    seen = []
    model.classify([SAMPLE] * 3, ["x"], progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    model.embed_texts(["a", "b"], progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2, 2)

    def fail(done, total):
        raise LookupError(f"{done} of {total}")
    for call in (lambda: model.embed_texts(["a"], progress=fail),
                 lambda: model.classify([SAMPLE], ["x"], progress=fail)):
        with pytest.raises(LookupError):
            call()
    assert len(model.classify([SAMPLE], ["x"])) == 1  # the model is none the worse


def test_interrupt(model):
    seen = []

    def interrupt(done, total):
        seen.append(done)
        if done == 3:
            os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        model.classify([SAMPLE] * 200, ["x"], progress=interrupt)
    assert len(seen) < 10
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        model.embed_texts(["a"] * 5000, progress=lambda d, t: os.kill(os.getpid(), signal.SIGINT))


def test_threads(model):
    expected = model.classify([SAMPLE], ["Edema"])[0].to_json()
    found = []

    def work():
        for _ in range(5):
            found.append(model.classify([SAMPLE], ["Edema"])[0].to_json())
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 20


def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_leaks(model):
    """What calls leave behind, once the first have taken what they keep."""
    image = biovl.Pixels(memoryview(bytes(64 * 64)).cast("B", (64, 64)))

    def calls(n):
        for i in range(n):
            biovl.Image.open(image)
            model.embed_texts([]).__dlpack__()
            if i % 20 == 0:
                model.classify([image], ["x"])
                model.embed_images([image])
    calls(100)
    before = resident()
    calls(600)
    assert resident() - before < 2 << 20
