"""What the service answers is what the commands print; the page opens once; it ends in good order."""
import array
import base64
import http.client
import json
import os
import re
import ssl
import struct
import subprocess
import tempfile
import threading
import unittest

from service import ROOT, SAMPLE, TOKEN, Service, command, multipart, sample_base64, wait_until
import sys

LABELS = ["Cardiomegaly", "Pleural Effusion = pleural effusion | fluid", "No Finding"]


def without(value, *keys):
    return {k: v for k, v in value.items() if k not in keys}


class Answers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.labels = os.path.join(cls.folder.name, "labels.txt")
        with open(cls.labels, "w") as file:
            file.write("\n".join(LABELS))
        cls.index = os.path.join(cls.folder.name, "i.biovl")
        report = os.path.join(cls.folder.name, "report.txt")
        with open(report, "w") as file:
            file.write("Small left pleural effusion.\n")
        command("index", "create", cls.index)
        command("index", "add", cls.index, SAMPLE, report)
        cls.service = Service("--index", cls.index, "--root", os.path.join(ROOT, "assets"), "--log")
        cls.service.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__(None, None, None)
        cls.folder.cleanup()
        for line in cls.service.log.splitlines():
            assert json.loads(line)["event"] == "request", line
        assert "cxr.dcm" not in cls.service.log and "sample" not in cls.service.log

    def test_classify_is_what_the_command_prints(self):
        printed = json.loads(command("classify", SAMPLE, "--labels", self.labels, "--json"))
        with open(SAMPLE, "rb") as file:
            sample = file.read()
        body, headers = multipart(("image", "cxr.dcm", sample),
                                  ("request", None, json.dumps({"labels": LABELS}).encode()))
        answers = [
            self.service.post("/v1/classify", {"image": {"base64": sample_base64()},
                                               "labels": LABELS}),
            self.service.post("/v1/classify", {"image": {"path": "sample/cxr.dcm"},
                                               "labels": "\n".join(LABELS)}),
            self.service.ask("POST", "/v1/classify", body, headers),
        ]
        for answer in answers:
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(without(answer.json(), "path"), without(printed, "path"))

    def test_many_images(self):
        images = [{"path": "sample/cxr.dcm"}, {"base64": "AAAA"}, {"path": "sample/none.dcm"}]
        answer = self.service.post("/v1/classify", {"images": images, "labels": LABELS})
        results = answer.json()["results"]
        self.assertEqual(answer.status, 200)
        self.assertEqual(len(results[0]["scores"]), 3)
        self.assertIn(results[1]["error"]["type"], ("format", "unsupported"))
        self.assertEqual(results[2]["error"]["type"], "argument")

    def test_events(self):
        connection = self.service.connect()
        images = [{"path": "sample/cxr.dcm"}] * 5 + [{"base64": ""}]
        connection.request("POST", "/v1/classify", json.dumps({"images": images, "labels": LABELS}),
                           {"Content-Type": "application/json", "Accept": "text/event-stream",
                            "Authorization": "Bearer " + TOKEN})
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        self.assertEqual(response.getheader("Content-Type"), "text/event-stream")
        events = [dict(line.split(": ", 1) for line in event.split("\n"))
                  for event in response.read().decode().strip().split("\n\n")]
        connection.close()
        self.assertEqual([e["event"] for e in events].count("result"), 6)
        self.assertEqual(json.loads(events[-1]["data"]), {"total": 6})
        progress = [json.loads(e["data"])["done"] for e in events if e["event"] == "progress"]
        self.assertEqual(progress, [1, 2, 3, 4, 5, 6])
        failed = [json.loads(e["data"]) for e in events if e["event"] == "result"
                  and "error" in json.loads(e["data"])["result"]]
        self.assertEqual([f["index"] for f in failed], [5])

    def test_embeddings(self):
        texts = ["pleural effusion", "a normal chest"]
        printed = [json.loads(line) for line in
                   command("embed", "--text", *texts).splitlines()]
        answer = self.service.post("/v1/embeddings", {"input": [texts[0], {"text": texts[1]},
                                                      {"image": {"path": "sample/cxr.dcm"}}]}).json()
        self.assertEqual(answer["object"], "list")
        self.assertGreater(answer["usage"]["prompt_tokens"], 4)
        for row, given in zip(answer["data"], printed):
            for a, b in zip(row["embedding"], given):
                self.assertAlmostEqual(a, b, delta=1e-6)
        image = json.loads(command("embed", "--image", SAMPLE))
        coded = self.service.post("/v1/embeddings", {"input": [{"image": sample_base64()}],
                                                     "encoding_format": "base64"}).json()
        row = base64.b64decode(coded["data"][0]["embedding"])
        for a, b in zip(struct.unpack(f"<{len(row) // 4}f", row), image):
            self.assertAlmostEqual(a, b, delta=1e-6)
        self.assertEqual(self.service.post("/v1/embeddings", {"input": []}).status, 400)
        self.assertEqual(self.service.post("/v1/embeddings", {"input": [3]}).status, 400)

    def test_search(self):
        printed = [json.loads(line) for line in
                   command("search", self.index, "--text", "effusion", "--find", "report",
                           "--json").splitlines()]
        answer = self.service.post("/v1/search", {"text": "effusion", "find": "report"})
        self.assertEqual(answer.json()["hits"], printed)
        answer = self.service.post("/v1/search", {"image": {"path": "sample/cxr.dcm"}, "k": 1})
        self.assertGreater(answer.json()["hits"][0]["score"], 0.999)
        again = self.service.post("/v1/search", {"id": answer.json()["hits"][0]["id"]})
        self.assertEqual(again.status, 200, again.body)
        for wrong in ({}, {"text": "a", "id": "b"}, {"text": "a", "k": 0},
                      {"text": "a", "where": ["nofield=1"]}, {"text": "a", "where": [1]}):
            self.assertEqual(self.service.post("/v1/search", wrong).status, 400, wrong)

    def test_kept_images(self):
        """What the page looks at: the pixels as they are stored, and those that the model is fed."""
        kept = self.service.post("/v1/images", {"images": [{"path": "sample/cxr.dcm"}] * 2}).json()
        first, second = (image["id"] for image in kept["images"])
        self.assertNotEqual(first, second)
        self.assertEqual(kept["images"][0]["windows"][0]["width"] > 0, True)
        gray = self.service.get(f"/v1/images/{first}/gray")
        facts = json.loads(gray.headers["Biovl-Facts"])
        self.assertEqual(len(gray.body), 2 * facts["width"] * facts["height"])
        self.assertEqual((facts["step"], facts["inverted"], facts["center"]), (1, False, 1849.5))
        self.assertEqual(min(array.array("H", gray.body)), 0)
        self.assertEqual((facts["columns"], facts["rows"]), (facts["width"], facts["height"]))
        self.assertEqual(kept["images"][0]["windows"][0]["shape"], "linear")
        # A copy for a small canvas: each value the mean of four, twice.
        small = self.service.get(f"/v1/images/{first}/gray?side=150")
        self.assertEqual(json.loads(small.headers["Biovl-Facts"]), dict(facts, columns=144, rows=160))
        rows, width = array.array("H", gray.body), facts["width"]
        half = lambda rows, width: [(rows[i] + rows[i + 1] + rows[i + width] + rows[i + width + 1] + 2) // 4
                                    for y in range(0, len(rows) // width, 2)
                                    for i in range(y * width, (y + 1) * width, 2)]
        self.assertEqual(list(array.array("H", small.body)), half(half(rows, width), width // 2))
        for side, size in (("1", 2), ("640", len(gray.body)), ("99999999", len(gray.body))):
            self.assertEqual(len(self.service.get(f"/v1/images/{first}/gray?side={side}").body), size)
        for side in ("0", "-1", "x", "1x", "99999999999999"):
            answer = self.service.get(f"/v1/images/{first}/gray?side={side}")
            self.assertEqual((answer.status, answer.json()["error"]["type"]), (400, "argument"), side)
        fed = self.service.get(f"/v1/images/{first}/fed").json()
        pixels = base64.b64decode(fed["base64"])
        out = os.path.join(self.folder.name, "fed.npy")
        command("preprocess", SAMPLE, "-o", out)
        with open(out, "rb") as file:
            self.assertTrue(file.read()[-len(pixels):] == pixels)
        scores = [self.service.post("/v1/classify", {"image": image, "labels": LABELS,
                                                     "show_prompts": True}).json()["scores"]
                  for image in ({"id": first}, {"path": "sample/cxr.dcm"})]
        self.assertEqual(scores[0], scores[1])
        self.assertEqual(scores[0][1]["positive_prompts"], ["pleural effusion", "fluid"])
        self.assertEqual(self.service.ask("DELETE", f"/v1/images/{first}").status, 200)
        self.assertEqual(self.service.ask("DELETE", f"/v1/images/{first}").status, 404)
        self.assertEqual(self.service.get(f"/v1/images/{first}/gray").status, 404)
        self.assertEqual(self.service.get(f"/v1/images/{second}/gray").status, 200)
        # The oldest make room.
        images = [{"path": "sample/cxr.dcm"}] * 16
        self.assertEqual(len(self.service.post("/v1/images", {"images": images}).json()["images"]), 16)
        self.assertEqual(self.service.get(f"/v1/images/{second}/gray").status, 404)

    def test_objects(self):
        """Reports and captures are those that the commands write; their source is sent, not kept."""
        spec = {"image": {"path": "sample/cxr.dcm"}}
        with open(SAMPLE, "rb") as file:
            sample = file.read()
        same = lambda a, b: len(a) == len(b) and sum(x != y for x, y in zip(a, b)) <= 16  # the time of day
        out = os.path.join(self.folder.name, "o.dcm")
        for path, request, command_line in (
                ("/v1/classify", {"labels": LABELS, "as": "dicom-sr"},
                 ("classify", SAMPLE, "--labels", self.labels, "--dicom-sr", out)),
                ("/v1/classify", {"labels": LABELS, "as": "dicom-sc"},
                 ("classify", SAMPLE, "--labels", self.labels, "--dicom-sc", out)),
                ("/v1/explain", {"texts": ["effusion"], "method": "gradcam", "as": "dicom-sc"},
                 ("explain", SAMPLE, "--text", "effusion", "--method", "gradcam", "--dicom-sc", out))):
            command(*command_line)
            with open(out, "rb") as file:
                written = file.read()
            answers = [self.service.post(path, {**spec, **request})]
            if request["as"] == "dicom-sr":
                body, headers = multipart(("image", "a.dcm", sample),
                                          ("request", None, json.dumps(request).encode()))
                answers.append(self.service.ask("POST", path, body, headers))
                answers.append(self.service.post(path, {"image": {"base64": sample_base64()}, **request}))
            for answer in answers:
                self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/dicom"))
                self.assertTrue(same(answer.body, written), (path, request))
        kept = self.service.post("/v1/images", spec).json()["images"][0]["id"]
        sr = {"labels": LABELS, "as": "dicom-sr"}
        png = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0:~\x9bU"
                               b"\0\0\0\nIDATx\x9cc`\0\0\0\2\0\1H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82").decode()
        for path, request, status, said in (
                ("/v1/classify", {**sr, "image": {"id": kept}}, 400, "source"),
                ("/v1/classify", {**sr, "image": {"path": "sample/cxr.dcm", "frame": 2}}, 400, "frame"),
                ("/v1/classify", {**sr, "images": [spec["image"]] * 2}, 400, "one"),
                ("/v1/classify", {**sr, **spec, "images": [spec["image"]]}, 400, "not both"),
                ("/v1/classify", {**sr, **spec, "as": "dicom-seg"}, 400, "dicom-sr"),
                ("/v1/classify", {**sr, "image": {"base64": png}}, 422, "DICOM"),
                ("/v1/explain", {**spec, "texts": ["a"], "as": "dicom-sr"}, 400, "dicom-sc"),
                ("/v1/explain", {**spec, "texts": ["a", "b"], "as": "dicom-sc"}, 400, "one")):
            answer = self.service.post(path, request)
            self.assertEqual(answer.status, status, (request, answer.body[:300]))
            self.assertIn(said, answer.json()["error"]["message"])

    def test_match(self):
        texts = ["a small left pleural effusion", "a normal chest"]
        printed = json.loads(command("match", SAMPLE, "--text", *texts, "--json"))
        answer = self.service.post("/v1/match", {"image": {"path": "sample/cxr.dcm"},
                                                 "texts": texts})
        self.assertEqual(without(answer.json(), "path"), without(printed, "path"))
        answer = self.service.post("/v1/ask", {"image": {"path": "sample/cxr.dcm"},
                                               "question": "is there an effusion?"})
        self.assertEqual((answer.status, answer.json()["error"]["type"]), (400, "model"))

    def test_kserve(self):
        self.assertTrue(self.service.get("/v2/health/live", bearer=None).json()["live"])
        self.assertTrue(self.service.get("/v2/health/ready", bearer=None).json()["ready"])
        name = self.service.get("/v1/models").json()["data"][0]["id"]
        self.assertTrue(self.service.get(f"/v2/models/{name}/ready").json()["ready"])
        self.assertEqual(self.service.get("/v2/models/other/ready").status, 404)
        inputs = [{"name": "image", "datatype": "BYTES", "shape": [2],
                   "data": [sample_base64()] * 2}]
        answer = self.service.post(f"/v2/models/{name}/infer", {"inputs": inputs}).json()
        output = answer["outputs"][0]
        dimension = self.service.get(f"/v2/models/{name}").json()["outputs"][1]["shape"][1]
        self.assertEqual((output["name"], output["shape"]), ("embeddings", [2, dimension]))
        inputs.append({"name": "labels", "datatype": "BYTES", "shape": [3], "data": LABELS})
        answer = self.service.post(f"/v2/models/{name}/infer", {"inputs": inputs, "id": "7"}).json()
        output = answer["outputs"][0]
        printed = json.loads(command("classify", SAMPLE, "--labels", self.labels, "--json"))
        self.assertEqual((answer["id"], output["shape"]), ("7", [2, 3]))
        self.assertEqual(output["data"], [s["score"] for s in printed["scores"]] * 2)

    def test_files(self):
        names = [f["name"] for f in self.service.get("/v1/files").json()["files"]]
        self.assertEqual(names, sorted(names))
        self.assertIn("sample", names)
        self.assertEqual(self.service.get("/v1/files?path=sample").json()["files"][0]["name"],
                         "cxr.dcm")

    def test_requests_of_several_clients_go_together(self):
        before = self.service.metric("biovl_batches_total")
        request = {"images": [{"path": "sample/cxr.dcm"}] * 8, "labels": LABELS}
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(
            self.service.post("/v1/classify", request))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        scores = {json.dumps(r["scores"]) for a in answers for r in a.json()["results"]}
        self.assertEqual([a.status for a in answers], [200] * 4)
        self.assertEqual(len(scores), 1)
        self.assertLess(self.service.metric("biovl_batches_total") - before, 32)


class Opening(unittest.TestCase):
    def test_a_token_opens_once(self):
        with Service(token=False) as service:
            # Who only looks at the head (a preview of links) does not use it up.
            self.assertNotIn("Set-Cookie", service.ask("HEAD", "/?token=" + service.token,
                                                       bearer=None).headers)
            first = service.get("/?token=" + service.token, bearer=None)
            cookie = first.headers["Set-Cookie"]
            self.assertEqual((first.status, first.headers["Location"]), (303, "/"))
            self.assertIn("; HttpOnly; SameSite=Strict", cookie)
            self.assertEqual(service.get("/?token=" + service.token, bearer=None).status, 401)
            headers = {"Cookie": cookie.split(";")[0]}
            self.assertEqual(service.get("/v1/models", bearer=None, headers=headers).status, 200)
            # A page's request carries its origin; one that changes something must.
            path = "/v1/embeddings"
            answer = service.post(path, {"input": "a"}, bearer=None, headers=headers)
            self.assertEqual(answer.status, 403)
            headers["Origin"] = f"http://127.0.0.1:{service.port}"
            answer = service.post(path, {"input": "a"}, bearer=None, headers=headers)
            self.assertEqual(answer.status, 200)
            # Without a token file no bearer is right.
            self.assertEqual(service.get("/v1/models").status, 401)

    def test_page_and_policy(self):
        with Service() as service:
            page = service.get("/", bearer=None)
            self.assertIn(b"not a medical device", page.body)
            self.assertLess(len(page.body), 150000)
            self.assertIn("default-src 'none'", page.headers["Content-Security-Policy"])
            self.assertNotIn("unsafe", page.headers["Content-Security-Policy"])
            self.assertFalse([k for k in page.headers if k.lower().startswith("access-control")])
            session = service.ask("POST", "/v1/session")
            self.assertIn("HttpOnly", session.headers["Set-Cookie"])

    def test_options(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "token")
            with open(path, "w") as file:
                file.write(TOKEN)
            os.chmod(path, 0o644)
            self.assertIn("0600", command("serve", "--token-file", path, code=3))
            self.assertIn("certificate", command("serve", "--bind", "0.0.0.0", code=2))
            self.assertIn("together", command("serve", "--cert", path, code=2))
            command("serve", "--bind", "nowhere", code=2)
            command("serve", "--model", path, code=3)

    def test_read_only(self):
        """The kernel keeps the process from writing, and everything is answered all the same."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "i.biovl")
            command("index", "create", path)
            command("index", "add", path, SAMPLE)
            before = {name: os.stat(os.path.join(folder, name)).st_mtime_ns
                      for name in os.listdir(folder)}
            missing = os.path.join(folder, "token")
            said = command("serve", "--read-only", "--token-file", missing, code=3)
            self.assertIn("makes none", said)
            try:
                service = Service("--read-only", "--index", path)
            except AssertionError as error:
                if "Landlock" in str(error) or "this build" in str(error):
                    self.skipTest(str(error))
                raise
            with service:
                # An index is opened for writing where that can be had: here it cannot.
                process = f"/proc/{service.process.pid}"
                opened = [fd for fd in os.listdir(process + "/fd")
                          if os.readlink(f"{process}/fd/{fd}") == path]
                self.assertTrue(opened)
                for fd in opened:
                    with open(f"{process}/fdinfo/{fd}") as file:
                        self.assertEqual(int(re.search(r"flags:\t(\d+)", file.read())[1], 8) & 3, 0)
                image = {"base64": sample_base64()}
                for path, body in (("/v1/classify", {"image": image, "labels": LABELS}),
                                   ("/v1/search", {"image": image, "where": ["modality=DX"]}),
                                   ("/v1/explain", {"image": image, "texts": ["effusion"], "method": "gradcam"}),
                                   ("/v1/images", {"image": image})):
                    answer = service.post(path, body)
                    self.assertEqual(answer.status, 200, answer.body)
            after = {name: os.stat(os.path.join(folder, name)).st_mtime_ns
                     for name in os.listdir(folder)}
            self.assertEqual(after, before)

    def test_evaluation(self):
        """What a file beside the model says of it is that model's card, or the service does not start."""
        models = os.path.join(ROOT, "assets/models")
        name = "biovl-cxr-small"
        with open(os.path.join(models, name + ".evaluation.json")) as file:
            shipped = json.load(file)
        with open(os.path.join(models, name + ".md")) as file:
            card = re.findall(r"^\| ([a-z ]+) \| (\d+) \| ([0-9.]+) \(([0-9.]+) to ([0-9.]+)\) \|",
                              file.read(), re.M)
        figures = [[l["positives"], l["auroc"], l["low"], l["high"]] for l in shipped["labels"]]
        self.assertEqual(figures, [[int(row[1])] + [float(x) for x in row[2:]] for row in card])
        self.assertEqual(len(figures), 15)
        with Service() as service:
            self.assertEqual(service.get("/v1/models").json()["data"][0]["evaluation"], shipped)
        with tempfile.TemporaryDirectory() as folder:
            model, beside = os.path.join(folder, "m.safetensors"), os.path.join(folder, "m.evaluation.json")
            os.symlink(os.path.join(models, name + ".safetensors"), model)
            with Service("--model", model) as service:
                self.assertNotIn("evaluation", service.get("/v1/models").json()["data"][0])
            label = shipped["labels"][0]
            for wrong, said in ((dict(shipped, sha256="0" * 64), "other tensors"), ([], "an evaluation"),
                                (dict(shipped, labels=None), "an evaluation"),
                                (dict(shipped, labels=[dict(label, auroc=1.2)]), "an evaluation"),
                                (dict(shipped, labels=[dict(label, low="0.1")]), "an evaluation"),
                                (dict(shipped, labels=[dict(label, names=[1])]), "an evaluation")):
                with open(beside, "w") as file:
                    json.dump(wrong, file)
                self.assertIn(said, command("serve", "--model", model, code=3))

    def test_tls(self):
        """Under TLS the cookie is Secure; plain HTTP gets nothing."""
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = os.path.join(folder, "key"), os.path.join(folder, "cert")
            try:
                subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                                key, "-out", certificate, "-subj", "/CN=localhost", "-addext",
                                "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
            except OSError:
                self.skipTest("there is no openssl")
            with Service("--cert", certificate, "--key", key) as service:
                trust = ssl.create_default_context(cafile=certificate)
                link = http.client.HTTPSConnection("127.0.0.1", service.port, context=trust, timeout=60)
                link.request("GET", "/?token=" + service.token)
                answer = link.getresponse()
                self.assertEqual(answer.status, 303)
                self.assertTrue(answer.getheader("Set-Cookie").endswith("; Secure"))
                link.close()
                plain = service.raw(f"GET /v2/health/live HTTP/1.1\r\nHost: 127.0.0.1:{service.port}"
                                    "\r\n\r\n".encode(), wait=5)
                self.assertNotIn(b"HTTP/1.1 200", plain)
            command("serve", "--cert", key, "--key", certificate, code=3)

    def test_makes_a_token_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "token")
            with Service("--token-file", path, token=False) as service:
                self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
                with open(path) as file:
                    token = file.read().strip()
                self.assertEqual(service.get("/v1/models", bearer=token).status, 200)

    def test_ends_in_good_order(self):
        with Service() as service:
            request = {"images": [{"base64": sample_base64()}] * 32, "labels": LABELS}
            answers = []
            thread = threading.Thread(target=lambda: answers.append(
                service.post("/v1/classify", request)))
            thread.start()
            wait_until(lambda: service.metric("biovl_requests_waiting") > 0)
            service.end()
            thread.join()
            self.assertEqual(len(answers[0].json()["results"]), 32)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
