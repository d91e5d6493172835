"""Every result is the command's, to the last bit."""
import json
import struct

from conftest import LABELS, SAMPLE, conformance, png, run

import biovl


def test_classify(model):
    result, = model.classify([SAMPLE], LABELS)
    printed = run("classify", SAMPLE, "--labels", LABELS, "--json").rstrip("\n")
    assert result.to_json() == printed
    told = json.loads(printed)
    assert result.to_dict() == told
    assert [s.score for s in result.scores] == [s["score"] for s in told["scores"]]
    assert [s.label for s in result.scores] == [s["label"] for s in told["scores"]]
    assert result.kind == told["scores"][0]["kind"] and result.path == SAMPLE
    assert result.provenance["model"]["sha256"] == model.sha256
    assert result["Edema"] == told["scores"][4]["score"]


def test_classify_many_as_one(model):
    many = model.classify([SAMPLE] * 18, ["Edema", "Pneumonia"])
    one, = model.classify([SAMPLE], ["Edema", "Pneumonia"])
    assert [r.to_json() for r in many] == [one.to_json()] * 18


def test_templates_and_prompts(model, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("A = effusion | fluid\nB\n")
    printed = run("classify", SAMPLE, "-l", labels, "--templates", "plain-v1", "--json")
    for given in (labels, ["A = effusion | fluid", "B"]):
        result, = model.classify([SAMPLE], given, templates="plain-v1")
        assert result.to_json() == printed.rstrip("\n")
    result, = model.classify([SAMPLE], {"A": ["effusion", "fluid"], "B": "edema"})
    assert result.labels == ("A", "B")


def test_embeddings(model, tmp_path):
    texts = ["pleural effusion", "no finding"]
    for arguments, rows in ((["--text", *texts], model.embed_texts(texts)),
                            (["--image", SAMPLE], model.embed_images([SAMPLE])),
                            (["--raw", "--image", SAMPLE], model.embed_images([SAMPLE], raw=True))):
        run("embed", *arguments, "-o", tmp_path / "out.npy")
        assert (tmp_path / "out.npy").read_bytes().endswith(rows.tobytes())
        printed = [json.loads(line) for line in run("embed", *arguments).splitlines()]
        assert [struct.pack(f"{len(p)}f", *p) for p in printed] == \
            [struct.pack(f"{len(r)}f", *r) for r in rows.tolist()]


def test_info(model):
    assert biovl.info() == json.loads(run("info", model.path, "--json"))
    assert biovl.build_info() == json.loads(run("--version").split("\n", 1)[1])
    assert {s["name"] for s in biovl.systems()} >= {"chexzero", "biovl-cxr-small"}


def test_convert_match_ask(tmp_path):
    vocabulary, match, ask = conformance(
        "vocab/small-roberta-vocab.json", "m3ae/small_m3ae.ckpt",
        "m3ae/small_vqa_rad_finetuned.ckpt")
    heads = {"fusion.heads": 4, "text.heads": 4}
    told = biovl.convert(match, tmp_path / "match.st", vocabulary=vocabulary, overrides=heads)
    assert told["sha256"] == biovl.Model(tmp_path / "match.st").sha256
    texts = ["pleural effusion", "clear lungs"]
    result = biovl.Model(tmp_path / "match.st").match(SAMPLE, texts)
    assert result.to_dict() == json.loads(
        run("match", SAMPLE, "-m", tmp_path / "match.st", "--text", *texts, "--json"))
    biovl.convert(ask, tmp_path / "ask.st", vocabulary=vocabulary, overrides=heads)
    answers = biovl.Model(tmp_path / "ask.st").ask(SAMPLE, "Is there an effusion?", top=3)
    assert answers.to_dict() == json.loads(
        run("ask", SAMPLE, "-m", tmp_path / "ask.st", "-q", "Is there an effusion?", "--top", 3,
            "--json"))


def test_evaluate(model, tmp_path):
    data = tmp_path / "data.csv"
    rows = []
    for i in range(6):
        (tmp_path / f"{i}.png").write_bytes(png(bytes((i + 1) * p % 256 for p in range(1200))))
        rows.append(f"{i}.png,{i},{i % 2}")
    data.write_text("\n".join(["path,patient_id,Edema"] + rows) + "\n")
    found = biovl.evaluate(model, data, ["Edema"], folder=tmp_path / "a", bootstrap=40)
    labels = tmp_path / "labels.txt"
    labels.write_text("Edema")
    run("eval", data, "--labels", labels, "-o", tmp_path / "b", "--bootstrap", 40)
    assert found.rows == 6 and found.failed == 0
    assert (tmp_path / "a/predictions.csv").read_text() == \
        (tmp_path / "b/predictions.csv").read_text()
    assert found.metrics == json.loads((tmp_path / "b/metrics.json").read_text())
