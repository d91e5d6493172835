"""Mutated requests, 10000 unless BIOVL_CAMPAIGN says how many, of the seed BIOVL_SEED (23): the service
lives, answers what is right afterwards as before, and takes no more memory."""
import json
import os
import random
import sys
import unittest

from service import ROOT, SAMPLE, TOKEN, Service, multipart

COUNT = int(os.environ.get("BIOVL_CAMPAIGN", "10000"))
PIECES = [b"\0", b"\xff", b"\r\n", b"\r\n\r\n", b"--=_b", b"{", b"}", b"[", b'"', b"\\u0000", b"%00", b"../",
          b"-1", b"1e999", b"99999999999999999999", b"null", b"Content-Length: 7\r\n",
          b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n",
          b"Host: a\r\n", b"HTTP/1.0", b"A" * 5000, b"DICM", b"\xf0\x9f\x98\x80"]


def seeds(port):
    """Requests that are right."""
    with open(SAMPLE, "rb") as file:
        sample = file.read()[:3000]
    head = f"HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {TOKEN}\r\n"
    for path, value in (("/v1/classify", {"image": {"path": "labels/chest.txt"}, "labels": ["a", "b"]}),
                        ("/v1/classify", {"images": [{"base64": "AAAA"}] * 3, "labels": "a\nb"}),
                        ("/v1/embeddings", {"input": ["a", {"text": "b"}, {"image": "AAAA"}]}),
                        ("/v1/match", {"image": {"id": "0" * 32}, "texts": ["a"]}),
                        ("/v1/explain", {"image": {"base64": "AAAA", "frame": 1}, "texts": "a"}),
                        ("/v1/search", {"text": "a", "k": 3, "where": ["view=PA"]}),
                        ("/v2/models/biovl-cxr-small/infer",
                         {"inputs": [{"name": "image", "datatype": "BYTES", "data": ["AAAA"]}]})):
        body = json.dumps(value)
        yield (f"POST {path} {head}Content-Type: application/json\r\nContent-Length: {len(body)}"
               f"\r\n\r\n{body}").encode()
    body, headers = multipart(("image", "a.dcm", sample), ("request", None, b'{"labels": ["a"]}'))
    for path in ("/v1/classify", "/v1/images"):
        yield (f"POST {path} {head}Content-Type: {headers['Content-Type']}\r\n"
               f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    for path in ("/", "/v1/models", "/v1/files?path=labels", "/metrics", "/v1/images/0/gray", "/v2"):
        yield f"GET {path} {head}\r\n".encode()


def mutate(data, chance):
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.randint(0, 30))
        how = chance.randrange(5)
        if how == 0:
            data = data[:at] + chance.choice(PIECES) + data[at:]
        elif how == 1:
            data = data[:at] + data[end:]
        elif how == 2:
            data = data[:at] + bytes(chance.randrange(256) for _ in range(end - at)) + data[end:]
        elif how == 3:
            data = data[:at] + data[at:end] * chance.randint(2, 40) + data[end:]
        else:
            data = data[:at] or data
    return data


class Campaign(unittest.TestCase):
    def test_mutated_requests(self):
        chance = random.Random(int(os.environ.get("BIOVL_SEED", "23")))
        with Service("--root", os.path.join(ROOT, "assets"), "--max-body", "2") as service:
            right = list(seeds(service.port))
            before = service.post("/v1/embeddings", {"input": "pleural effusion"}).json()
            memory = 0
            for i in range(COUNT):
                data = mutate(chance.choice(right), chance)
                answer = service.raw(data, wait=0.3)
                self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 "), (i, answer[:100]))
                self.assertNotIn(b" 500 ", answer[:14], (i, data[:500]))
                if i == COUNT // 10:
                    memory = service.metric("process_resident_memory_bytes")
            after = service.post("/v1/embeddings", {"input": "pleural effusion"}).json()
            self.assertEqual(before, after)
            grown = service.metric("process_resident_memory_bytes") - memory
            print(f"{COUNT} requests; {grown / 1e6:.1f} MB more than after a tenth of them")
            if not os.environ.get("BIOVL_SANITIZE"):  # quarantines
                self.assertLess(grown, 50e6)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
