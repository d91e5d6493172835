"""Indexes: what is added is found, as the command finds it."""
import json
import shutil
import threading

import pytest
from conftest import SAMPLE, run

import biovl


@pytest.fixture
def index(model, tmp_path):
    with biovl.Index.create(tmp_path / "i.db", model, keep_identifiers=True) as index:
        shutil.copy(SAMPLE, tmp_path / "a.dcm")
        (tmp_path / "b.txt").write_text("There is a pleural effusion on the left.")
        told = index.add([tmp_path / "a.dcm", tmp_path / "b.txt", tmp_path / "none.png"])
        assert told["images"] == 1 and told["reports"] == 1 and told["failed"] == 1
        assert "none.png" in told["failures"][0]
        yield index


def test_search(index, model, tmp_path):
    hits = index.search(text="pleural effusion", k=3)
    assert hits and hits[0].rank == 1
    lines = run("search", tmp_path / "i.db", "--text", "pleural effusion", "-k", 3, "--json")
    assert [h.to_dict() for h in hits] == [json.loads(line) for line in lines.splitlines()]
    by_image, = index.search(image=SAMPLE, k=1)
    by_vector, = index.search(vector=model.embed_images([SAMPLE]), k=1, find="image")
    assert by_image.id == by_vector.id and by_image.score > 0.999
    report, = index.search(text="effusion", find="report", k=1)
    assert "effusion" in report.report


def test_settings(index):
    assert index.describe() and index.verify()["file"] == "ok"
    for call in (lambda: index.search(k=1), lambda: index.search(text="x", where=["?"]),
                 lambda: index.search(vector=memoryview(b"12345678").cast("f"))):
        with pytest.raises(biovl.Error):
            call()
    found = []
    thread = threading.Thread(target=lambda: found.extend(index.search(text="x", k=1)))
    thread.start()
    thread.join()
    assert len(found) == 1
    index.close()
    with pytest.raises(biovl.ArgumentError):
        index.describe()
