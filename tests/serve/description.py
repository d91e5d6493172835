"""The OpenAPI description is true: its paths and methods are those that are answered, its examples
of answers are what the schemas say, and nothing else is answered."""
import json
import os
import re
import sys
import unittest

from service import ROOT, Service, sample_base64

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)

with open(os.path.join(ROOT, "docs/schema/service.json")) as file:
    DOCUMENT = json.load(file)
IMAGE = {"base64": sample_base64()}
REQUESTS = {
    "/v1/session": [None],
    "/v1/images": [{"image": IMAGE}, {"images": [IMAGE, {"base64": "AAAA"}]}],
    "/v1/classify": [{"image": IMAGE, "labels": ["Edema"], "show_prompts": True},
                     {"images": [IMAGE, {"base64": "AAAA"}], "labels": "Edema\nMass = a mass"}],
    "/v1/embeddings": [{"input": "a"}, {"input": [{"image": IMAGE}], "encoding_format": "base64"}],
    "/v1/search": [{"text": "a"}],
    "/v1/explain": [{"image": IMAGE, "texts": "pleural effusion"}],
    "/v1/match": [{"image": IMAGE, "texts": ["a normal chest"]}],
    "/v1/ask": [{"image": IMAGE, "question": "a?"}],
    "/v2/models/{model}/infer": [{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1],
                                              "data": [IMAGE["base64"]]}]}],
}


class Description(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service("--root", os.path.join(ROOT, "assets"))
        kept = cls.service.post("/v1/images", {"image": IMAGE}).json()["images"]
        cls.image = kept[0]["id"]
        cls.model = cls.service.get("/v1/models").json()["data"][0]["id"]

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__(None, None, None)

    def check(self, schema, value, what):
        # References are to the document.
        resolver = jsonschema.RefResolver("", DOCUMENT)
        validator = jsonschema.Draft202012Validator(schema, resolver=resolver)
        errors = [f"{e.json_path}: {e.message[:200]}" for e in validator.iter_errors(value)]
        self.assertEqual(errors, [], what)

    def url(self, path):
        return path.replace("{model}", self.model).replace("{image}", self.image)

    def test_is_served(self):
        self.assertEqual(self.service.get("/v1/openapi.json").json(), DOCUMENT)

    def test_routes(self):
        with open(os.path.join(ROOT, "src/serve/routes.c")) as file:
            routes = re.findall(r'^    \{"([A-Z]+)", "([^"]+)", (true|false)', file.read(), re.M)
        described = [(method.upper(), path, str(operation.get("security") == []).lower())
                     for path, methods in DOCUMENT["paths"].items()
                     for method, operation in methods.items()]
        self.assertEqual(sorted(routes), sorted(described))

    def test_methods_and_tokens(self):
        for path, methods in DOCUMENT["paths"].items():
            for method in ("GET", "POST", "PUT"):
                answer = self.service.ask(method, self.url(path))
                self.assertEqual(answer.status == 405, method.lower() not in methods, (method, path))
            for method, operation in methods.items():
                answer = self.service.ask(method.upper(), self.url(path), bearer=None)
                self.assertEqual(answer.status == 401, operation.get("security") != [], path)

    def test_answers(self):
        for path, methods in DOCUMENT["paths"].items():
            for method, operation in methods.items():
                for request in REQUESTS.get(path, [None]):
                    if request:
                        content = operation["requestBody"]["content"]
                        self.check(content["application/json"]["schema"], request, path)
                    answer = self.service.ask(method.upper(), self.url(path), request)
                    self.assertIn(str(answer.status), operation["responses"], path)
                    self.check_answer(operation, answer, path)

    def check_answer(self, operation, answer, path):
        content = operation["responses"][str(answer.status)]["content"]
        kind = answer.headers["Content-Type"].split(";")[0]
        self.assertIn(kind, content, path)
        if kind == "application/json":
            self.check(content[kind]["schema"], answer.json(), path)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
