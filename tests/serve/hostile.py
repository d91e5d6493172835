"""Requests that should not be: each has an error object for an answer, the service lives on, and
what it tells holds nothing of them."""
import gzip
import json
import os
import random
import socket
import sys
import tempfile
import threading
import time
import unittest

from service import ROOT, SAMPLE, TOKEN, Service, multipart, sample_base64, wait_until

JSON = {"Content-Type": "application/json"}
GOOD = {"input": "pleural effusion"}


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        root = os.path.join(cls.folder.name, "root")
        os.mkdir(root)
        with open(os.path.join(cls.folder.name, "secret.dcm"), "wb") as file, \
                open(SAMPLE, "rb") as sample:
            file.write(sample.read())
        os.symlink("../secret.dcm", os.path.join(root, "link.dcm"))
        os.symlink("..", os.path.join(root, "up"))
        os.mkfifo(os.path.join(root, "pipe.dcm"))
        with open(os.path.join(root, ".hidden.dcm"), "wb") as file:
            file.write(b"DICM")
        cls.service = Service("--root", root, "--max-body", "4", "--log")

    @classmethod
    def tearDownClass(cls):
        assert cls.service.get("/v2/health/live").status == 200
        cls.service.__exit__(None, None, None)
        cls.folder.cleanup()
        for word in ("secret", "SENTINEL", "hidden", TOKEN, cls.service.token):
            assert word not in cls.service.log, word

    def refuses(self, answer, *statuses):
        self.assertIn(answer.status, statuses, answer.body)
        self.assertTrue(answer.json()["error"]["message"])
        self.assertFalse([k for k in answer.headers if k.lower().startswith("access-control")])

    def test_rebinding(self):
        for host in ("evil.example", f"evil.example:{self.service.port}", "127.0.0.1",
                     "127.0.0.1:1", "localhost.evil.example", "", f"127.0.0.1:{self.service.port}.",
                     f"user@127.0.0.1:{self.service.port}"):
            self.refuses(self.service.get("/v1/models", headers={"Host": host}), 403)
        for host in ("localhost", "LOCALHOST", "127.0.0.1", "[::1]"):
            host = f"{host}:{self.service.port}"
            self.assertEqual(self.service.get("/v1/models", headers={"Host": host}).status, 200)
        two = self.service.raw(f"GET /v1/models HTTP/1.1\r\nHost: localhost:{self.service.port}\r\n"
                               f"Host: evil.example\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        self.assertRegex(two, b"^HTTP/1.1 40[03] ")
        none = self.service.raw(f"GET /v1/models HTTP/1.0\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
                                .encode())
        self.assertRegex(none, b"^HTTP/1.[01] 40[03] ")

    def test_other_sites(self):
        own = f"http://127.0.0.1:{self.service.port}"
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"},
                        {"Origin": own + ".evil.example"}, {"Sec-Fetch-Site": "cross-site"},
                        {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"},
                        {"Origin": f"http://localhost:{self.service.port}"},
                        {"Origin": f"http://127.0.0.1:{self.service.port + 1}"}):
            self.refuses(self.service.post("/v1/embeddings", GOOD, headers=headers), 403)
        headers = {"Origin": own, "Sec-Fetch-Site": "same-origin"}
        self.assertEqual(self.service.post("/v1/embeddings", GOOD, headers=headers).status, 200)
        # The page itself is not handed to another site either.
        self.refuses(self.service.get("/", headers={"Sec-Fetch-Site": "cross-site"}), 403)
        self.refuses(self.service.ask("OPTIONS", "/v1/classify",
                                      headers={"Origin": "http://evil.example",
                                               "Access-Control-Request-Method": "POST"}), 403)

    def test_forms(self):
        for kind in ("application/x-www-form-urlencoded", "text/plain", "",
                     "application/jsonp", "text/plain; application/json"):
            answer = self.service.ask("POST", "/v1/embeddings", json.dumps(GOOD),
                                      {"Content-Type": kind})
            self.refuses(answer, 415)

    def test_tokens(self):
        tries = [None, "", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "x" * 5000, TOKEN + "\t,",
                 self.service.token]
        tries += ["%064x" % random.getrandbits(256) for _ in range(200)]
        for token in tries:
            self.refuses(self.service.get("/v1/models", bearer=token), 401)
        for cookie in ("biovl=1", f"biovl-{self.service.port}=", f"biovl-{self.service.port}={TOKEN}",
                       f"biovl-{self.service.port}={self.service.token}", ";;;=;" * 50):
            self.refuses(self.service.get("/v1/models", bearer=None, headers={"Cookie": cookie}), 401)
        for token in ("", "0" * 64, self.service.token[:-1]):
            self.refuses(self.service.get("/?token=" + token, bearer=None), 401)
        basic = self.service.get("/v1/models", bearer=None, headers={"Authorization": "Basic eDp5"})
        self.refuses(basic, 401)

    def test_paths(self):
        for path in ("../secret.dcm", "link.dcm", "up/secret.dcm", "/etc/passwd", "pipe.dcm",
                     ".hidden.dcm", "a/../../secret.dcm", "./link.dcm", "", "x" * 3000, "a//b",
                     "up", "secret.dcm\0", "..\\secret.dcm"):
            answer = self.service.post("/v1/classify", {"image": {"path": path}, "labels": ["a"]})
            self.refuses(answer, 400, 422)
        for path in ("..", "up", "/", "../root", ".", "%2e%2e", "..%2f", "link.dcm"):
            self.refuses(self.service.get("/v1/files?path=" + path), 400)
        self.assertEqual(self.service.get("/v1/files").json()["files"], [])
        for url in ("/../../etc/passwd", "/v1/files/..", "//", "/v1//models", "/%2e%2e/", "/V1/models",
                    "/v2/models//infer", "/v2/models/../ready", "/v2/models/a/b/ready"):
            self.refuses(self.service.get(url), 404, 405)

    def test_methods(self):
        self.refuses(self.service.get("/v1/classify"), 405)
        for method in ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"):
            self.refuses(self.service.ask(method, "/v1/models"), 405)
        self.assertEqual(self.service.ask("HEAD", "/v1/models").status, 200)

    def test_heads(self):
        start = f"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1:{self.service.port}\r\n".encode()
        bombs = [start + b"X: " + b"a" * 200000 + b"\r\n\r\n", start + b"X: y\r\n" * 50000 + b"\r\n",
                 b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\n\r\n",
                 b"GET /?" + b"a=b&" * 50000 + b" HTTP/1.1\r\n\r\n",
                 b"\r\n" * 5000 + start + b"\r\n", b"\0" * 1000, os.urandom(2000) + b"\r\n\r\n",
                 b"GET  HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 500]
        for bomb in bombs:
            answer = self.service.raw(bomb, wait=2)
            self.assertTrue(answer == b"" or answer.split(b" ")[1][:1] in (b"4", b"5"), answer[:200])

    def test_smuggling(self):
        head = (f"POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1:{self.service.port}\r\n"
                f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n")
        both = head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        self.assertRegex(self.service.raw(both.encode()), b"^HTTP/1.1 400 ")
        # What stands twice two readers may read differently; only chunks end without a length.
        own = f"Origin: http://127.0.0.1:{self.service.port}\r\n"
        body = '{"input": "a"}'
        size = f"Content-Length: {len(body)}\r\n"
        for more in (size + "Content-Length: 2\r\n", size + size,
                     size + own + "Origin: http://evil.example\r\n",
                     size + "Content-Type: text/plain\r\n",
                     size + "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n",
                     size + "Authorization: Bearer x\r\n", size + "HOST: evil.example\r\n",
                     size + "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n",
                     "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                     "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity\r\n"):
            answer = self.service.raw(f"{head}{more}\r\n{body}".encode(), end=False, wait=10)
            self.assertRegex(answer, b"^HTTP/1.1 400 ", more)
        for length in ("-1", "99999999999999999999", "4294967296", "0x10", "1 1"):
            answer = self.service.raw(f"{head}Content-Length: {length}\r\n\r\n{{}}".encode())
            self.assertRegex(answer, b"^HTTP/1.1 4", length)

    def test_large(self):
        self.refuses(self.service.post("/v1/embeddings", {"input": "a" * (3 << 20)}), 400)
        head = (f"POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1:{self.service.port}\r\n"
                f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n")
        answer = self.service.raw(f"{head}Content-Length: {5 << 20}\r\n\r\n".encode(), end=False)
        self.assertRegex(answer, b"^HTTP/1.1 413 ")
        chunk = b"10000\r\n" + b"a" * 65536 + b"\r\n"
        answer = self.service.raw(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk * 70
                                  + b"0\r\n\r\n")
        self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 413 "), answer[:100])
        # Values that take far more memory than their text.
        for bomb in ("[" + "0," * 65600 + "0]", "[" * 100000 + "]" * 100000,
                     '{"input":' + "[" * 3000, "{" * 100000):
            self.refuses(self.service.ask("POST", "/v1/embeddings", bomb, JSON), 400, 413, 422)
        self.refuses(self.service.post("/v1/classify", {"images": [{"base64": ""}] * 65,
                                                        "labels": ["a"]}), 413)
        self.refuses(self.service.post("/v1/embeddings", {"input": ["a"] * 2049}), 413)
        self.assertLess(self.service.metric("process_resident_memory_bytes"),
                        2e9 if os.environ.get("BIOVL_SANITIZE") else 4e8)

    def test_compressed(self):
        bomb = gzip.compress(b"[" + b"0," * 10_000_000 + b"0]")
        for coding in ("gzip", "deflate", "br", "gzip, identity"):
            answer = self.service.ask("POST", "/v1/embeddings", bomb,
                                      {**JSON, "Content-Encoding": coding})
            self.refuses(answer, 415)

    def test_documents(self):
        bodies = ["", "{", "null", "[]", "3", '"a"', "{}", '{"input": null}', '{"input": {}}',
                  '{"input": "a", "model": 3, "input": 4}', '{"input": "\\u0000"}', '{"input": "\\ud800"}',
                  '{"input": [[1,2]]}', '{"input": "a", "model": "../x"}', '{"input": [{"image": 3}]}',
                  '{"input": [{"image": {}}]}', "{" + '"a":1,' * 1000 + "}"]
        for body in bodies + [b"\xff\xfe{}", b"{\"input\": \"\xff\"}"]:
            self.refuses(self.service.ask("POST", "/v1/embeddings", body, JSON), 400, 404, 422)
        image = {"base64": sample_base64()}
        for document in ({"image": image}, {"image": image, "labels": []},
                         {"image": image, "labels": [1]}, {"image": image, "labels": {}},
                         {"image": image, "labels": ["a\x01b"]}, {"labels": ["a"]},
                         {"image": [], "labels": ["a"]}, {"images": [], "labels": ["a"]},
                         {"images": [3], "labels": ["a"]}, {"image": 3, "labels": ["a"]},
                         {"image": image, "labels": ["a"] * 513},
                         {"image": {"part": 0}, "labels": ["a"]},
                         {"image": {"part": -1}, "labels": ["a"]},
                         {"image": image, "labels": ["a"], "templates": "/etc/passwd"},
                         {"image": image, "labels": ["a"], "templates": "{"},
                         {"image": dict(image, frame=9), "labels": ["a"]},
                         {"image": dict(image, prior=image), "labels": ["a"]}):
            answer = self.service.post("/v1/classify", document)
            if answer.status == 200:
                self.assertIn("error", answer.json()["results"][0], document)
            else:
                self.refuses(answer, 400, 413, 422)

    def test_members(self):
        """What has another type is not passed over for a default that nobody asked for."""
        image = {"base64": sample_base64()}
        kept = {"id": self.service.post("/v1/images", {"image": image}).json()["images"][0]["id"]}
        classify = {"image": image, "labels": ["a"]}
        for path, document in (
                [("/v1/classify", dict(classify, **more)) for more in (
                    {"model": 3}, {"templates": 5}, {"templates": {}}, {"show_prompts": "yes"},
                    {"model": "a\0b"}, {"model": "a" * 70000})] +
                [("/v1/classify", dict(classify, image=dict(image, **more))) for more in (
                    {"frame": -1}, {"frame": 0}, {"frame": "3"}, {"frame": 1.5}, {"frame": 1 << 40},
                    {"frame": 2}, {"name": 3}, {"id": kept["id"]}, {"path": "a"}, {"part": 0})] +
                [("/v1/classify", dict(classify, image=dict(kept, **more))) for more in (
                    {"frame": 1}, {"prior": image}, {"name": "a"})] +
                [("/v1/embeddings", dict(GOOD, **more)) for more in (
                    {"encoding_format": "text"}, {"encoding_format": 3}, {"model": []})] +
                [("/v1/explain", {"image": image, "texts": "a", "method": 3}),
                 ("/v1/explain", {"image": image}), ("/v1/explain", {"texts": "a"}),
                 ("/v1/match", {"image": image}), ("/v1/match", {"texts": "a"}),
                 ("/v1/ask", {"image": image, "question": "a" * 70000})]):
            self.refuses(self.service.post(path, document), 400, 422)
        null = dict(classify, model=None, templates=None, image=dict(image, frame=None, name=None))
        self.assertEqual(self.service.post("/v1/classify", null).status, 200)

    def test_files_of_readers(self):
        with open(SAMPLE, "rb") as file:
            sample = file.read()
        cuts = [sample[:n] for n in (0, 1, 128, 132, 200, 1000, len(sample) // 2)]
        cuts += [b"\x89PNG\r\n\x1a\n" + os.urandom(100), b"\xff\xd8\xff" + os.urandom(100),
                 b"\0" * 128 + b"DICM" + b"\xff" * 500]
        for data in cuts:
            body, headers = multipart(("image", "SENTINEL^NAME.dcm", data),
                                      ("request", None, b'{"labels": ["a"]}'))
            self.refuses(self.service.ask("POST", "/v1/classify", body, headers), 400, 422)

    def test_what_a_file_says(self):
        """Bytes that are no UTF-8, and a slope that leads beyond all numbers."""
        with open(SAMPLE, "rb") as file:
            sample = file.read()

        def keep(old, new):
            self.assertEqual(sample.count(old), 1)
            body, headers = multipart(("image", "a.dcm", sample.replace(old, new)))
            return self.service.ask("POST", "/v1/images", body, headers).json()["images"][0]

        image = keep(b"\x18\0\x15\0CS\6\0CHEST ", b"\x18\0\x15\0CS\6\0CH\xffST ")
        self.assertEqual(image["body_part"], "CH\\xFFST")
        image = keep(b"\x28\0\x53\x10DS\2\0001 ", b"\x28\0\x53\x10DS\6\0001e308 ")
        self.refuses(self.service.get(f"/v1/images/{image['id']}/gray"), 422)
        image = keep(b"\x28\0\x53\x10DS\2\0001 ", b"\x28\0\x53\x10DS\6\0001e300 ")
        facts = self.service.get(f"/v1/images/{image['id']}/gray").headers["Biovl-Facts"]
        self.assertLess(json.loads(facts)["low"], 1e305)

    def test_multipart(self):
        good, headers = multipart(("image", "a", b"x"), ("request", None, b'{"labels": ["a"]}'))
        cut = [(good[:n], headers) for n in range(0, len(good) - 3, 7)]
        wrong = [(good, {"Content-Type": t}) for t in (
            "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x",
            "multipart/form-data; boundary=" + "x" * 200, 'multipart/form-data; boundary="')]
        # A file may be called like a parameter.
        with open(SAMPLE, "rb") as file:
            sample = file.read()
        for disposition in ('filename="x; name=request; y"; name="image"',
                            'name="image"; filename="x; filename=y; name=request"'):
            body = (f"--=_b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode()
                    + sample + b"\r\n" + good[good.rindex(b"--=_b\r\n"):])
            answer = self.service.ask("POST", "/v1/classify", body, headers)
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(answer.json()["path"], disposition.split('filename="')[1].split('"')[0])
        many = multipart(*[("image", "a", b"") for _ in range(100)])
        twice = multipart(("request", None, b"{}"), ("request", None, b"{}"))
        nameless = (b"--=_b\r\n\r\nx\r\n--=_b--\r\n", headers)
        for body, head in cut + wrong + [many, twice, nameless]:
            self.refuses(self.service.ask("POST", "/v1/classify", body, head), 400, 413, 422)


class Slow(unittest.TestCase):
    def test_slow_clients_hold_up_nobody(self):
        """100 clients send a byte now and then; 8 others are served meanwhile; the slow are ended."""
        with Service("--connections", "120") as service:
            start = f"POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nX: ".encode()
            links = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(100)]
            for link in links:
                link.sendall(start)
            failed, done = [], threading.Event()

            def good():
                while not done.is_set():
                    answer = service.post("/v1/embeddings", GOOD)
                    if answer.status != 200:
                        failed.append(answer.body)

            threads = [threading.Thread(target=good) for _ in range(8)]
            for thread in threads:
                thread.start()
            began = time.monotonic()
            while links and time.monotonic() - began < 120:
                for link in links[:]:
                    try:
                        link.sendall(b"a")
                        link.settimeout(0.001)
                        if link.recv(100) == b"":
                            raise ConnectionResetError
                    except (socket.timeout, BlockingIOError):
                        pass
                    except OSError:
                        links.remove(link)
                        link.close()
                time.sleep(0.5)
            done.set()
            for thread in threads:
                thread.join()
            self.assertEqual((links, failed), ([], []))
            self.assertGreaterEqual(service.metric("biovl_connections_overdue_total"), 100)

    def test_bodies_have_a_bound_together(self):
        with Service("--max-body", "2") as service:
            head = (f"POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
                    f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {2 << 20}\r\n\r\n").encode()
            links = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(16)]
            for link in links:
                link.sendall(head)
            wait_until(lambda: service.metric("biovl_requests_waiting") == 16)
            for link in links:
                link.sendall(b" " * (1 << 20))
            wait_until(lambda: service.metric("biovl_body_bytes") == 8 << 20)
            for link in links:
                link.sendall(b" " * (1 << 20))
            answers = [link.recv(4096) for link in links]
            for link in links:
                link.close()
            statuses = sorted(a.split(b" ")[1] for a in answers)
            self.assertEqual(statuses, [b"422"] * 4 + [b"429"] * 12)
            wait_until(lambda: service.metric("biovl_body_bytes") == 0)

    def test_who_goes_away_is_not_worked_for(self):
        with Service() as service:
            body = json.dumps({"images": [{"base64": sample_base64()}] * 64, "labels": ["a"]})
            head = (f"POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
                    f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n")
            link = socket.create_connection(("127.0.0.1", service.port))
            link.sendall(head.encode() + body.encode())
            wait_until(lambda: service.metric("biovl_images_total") > 0)
            link.close()
            wait_until(lambda: service.metric("biovl_requests_waiting") == 0)
            self.assertEqual(service.metric("biovl_clients_gone_total"), 1)
            self.assertLess(service.metric("biovl_images_total"), 64)

    def test_a_full_queue_says_when_to_come_again(self):
        with Service("--queue", "2") as service:
            request = {"images": [{"base64": sample_base64()}] * 16, "labels": ["a"]}
            answers = []
            threads = [threading.Thread(target=lambda: answers.append(
                service.post("/v1/classify", request))) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            statuses = sorted(a.status for a in answers)
            self.assertEqual(set(statuses), {200, 429}, statuses)
            for answer in answers:
                if answer.status == 429:
                    self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
