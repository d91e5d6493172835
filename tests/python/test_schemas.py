"""What the command prints is what docs/schema says."""
import json

import pytest
from conftest import LABELS, ROOT, SAMPLE, conformance, run

jsonschema = pytest.importorskip("jsonschema")
SCHEMAS = {p.name.split(".")[0]: json.loads(p.read_text(encoding="utf-8"))
           for p in (ROOT / "docs/schema").glob("*.schema.json")}


def closed(schema):
    """The schema, refusing what it does not name."""
    if isinstance(schema, list):
        return [closed(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    result = {k: closed(v) for k, v in schema.items()}
    if schema.get("type") == "object" and "required" in schema:
        result.setdefault("additionalProperties", False)
    return result


def check(name, value, exact=True):
    schema = closed(SCHEMAS[name]) if exact else SCHEMAS[name]
    jsonschema.Draft202012Validator(schema).validate(value)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_schema(name):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$id"] == f"urn:biovl:schema:{name}:1"
    with pytest.raises(jsonschema.ValidationError):
        check(name, {"nothing": 1} if SCHEMAS[name]["type"] == "object" else [{"nothing": 1}])


def test_outputs(tmp_path):
    for arguments, name, exact in (
            (["classify", SAMPLE, "-l", LABELS, "--json"], "classify", True),
            (["explain", SAMPLE, "--text", "effusion", "cardiomegaly", "--json"], "explain", True),
            (["explain", SAMPLE, "--text", "effusion", "--method", "rise", "--masks", "32", "--json"],
             "explain", False),
            (["match", SAMPLE, "--text", "effusion", "--json"], "match", True),
            (["info", "--json"], "info-model", True),
            (["info", "--build", "--json"], "info-build", True),
            (["info", "--devices", "--json"], "info-devices", True),
            (["info", "--systems", "--json"], "info-systems", False),
            (["info", "--prompts", "--json"], "info-prompts", True)):
        check(name, json.loads(run(*arguments)), exact)
    index = tmp_path / "i.db"
    run("index", "create", index, "--keep-identifiers")
    run("index", "add", index, SAMPLE)
    check("index-info", json.loads(run("index", "info", index)))
    check("search", json.loads(run("search", index, "--text", "effusion", "--json")))


def test_ask(tmp_path):
    vocabulary, source = conformance("vocab/small-roberta-vocab.json",
                                     "m3ae/small_vqa_rad_finetuned.ckpt")
    run("convert", source, "-o", tmp_path / "ask.st", "--vocab", vocabulary, "--set",
        "fusion.heads=4", "text.heads=4")
    check("ask", json.loads(run("ask", SAMPLE, "-m", tmp_path / "ask.st", "-q", "x", "--json")))


def test_label(tmp_path):
    vocabulary, source = conformance("vocab/small-uncased-vocab.txt", "chexbert/small_chexbert.pth")
    run("convert", source, "-o", tmp_path / "label.st", "--vocab", vocabulary, "--set", "text.heads=4")
    lines = run("label", "--text", "No edema.", "Edema.", "-m", tmp_path / "label.st", "--json").splitlines()
    assert len(lines) == 2
    for line in lines:
        check("label", json.loads(line))
