#!/usr/bin/env python3
"""The service beside the command: throughput of 8 clients against `biovl classify` (which
decodes one image after another) over the same images, latency of lone requests and at half load, memory over many requests.

    bench/serve.py build/release/bin/biovl [--images 200] [--requests 20000]

Images are drawings of differing brightness made of assets/sample/cxr.dcm's size, 16-bit PNG, in a
temporary folder below which the service reads them. Command and service take turns, three times;
each number is the median. Nothing but Python's standard library is needed.
"""
import argparse
import http.client
import json
import os
import re
import signal
import statistics
import struct
import subprocess
import tempfile
import threading
import time
import zlib

LABELS = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural effusion"]


def write_png(path, width, height, seed):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + struct.pack(f">{width}H", *((x * y * seed + 97 * x) % 65536 for x in range(width)))
                    for y in range(height))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0))
                   + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


class Service:
    def __init__(self, biovl, folder):
        token = os.path.join(folder, "token")
        self.process = subprocess.Popen([biovl, "serve", "--root", folder, "--token-file", token],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.port = int(re.search(r":(\d+)/", self.process.stdout.readline())[1])
        with open(token) as file:
            self.headers = {"Authorization": "Bearer " + file.read().strip(),
                            "Content-Type": "application/json"}

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def ask(self, link, path, value=None):
        link.request("POST" if value else "GET", path, json.dumps(value) if value else None, self.headers)
        answer = link.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return body

    def memory(self):
        text = self.ask(self.connect(), "/metrics").decode()
        return float(re.search(r"process_resident_memory_bytes (\d+)", text)[1]) / 1e6

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def classify(service, link, name):
    service.ask(link, "/v1/classify", {"image": {"path": name}, "labels": LABELS})


def clients(service, names, n, pause=0.0):
    """n clients share the images; the time of all, and each request's."""
    left, lock, times = list(names), threading.Lock(), []

    def work():
        link = service.connect()
        while True:
            with lock:
                if not left:
                    return
                name = left.pop()
            began = time.perf_counter()
            classify(service, link, name)
            times.append(time.perf_counter() - began)
            time.sleep(pause)

    threads = [threading.Thread(target=work) for _ in range(n)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began, times


def p99(times):
    return sorted(times)[int(0.99 * (len(times) - 1))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("biovl")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--requests", type=int, default=20000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        names = [f"{i}.png" for i in range(options.images)]
        for i, name in enumerate(names):
            write_png(os.path.join(folder, name), 576, 640, i + 1)
        labels = os.path.join(folder, "labels.txt")
        with open(labels, "w") as file:
            file.write("\n".join(LABELS))
        service = Service(options.biovl, folder)
        link = service.connect()
        classify(service, link, names[0])  # the prompts are embedded once
        command, served, lone, half = [], [], [], []
        for _ in range(3):
            began = time.perf_counter()
            subprocess.run([options.biovl, "classify", "--no-cache", "--labels", labels, "--json"]
                           + [os.path.join(folder, n) for n in names], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            command.append(options.images / (time.perf_counter() - began))
            seconds, _ = clients(service, names, 8)
            served.append(options.images / seconds)
            _, times = clients(service, names[:60], 1)
            lone.append(p99(times))
            # Half load: as many requests as half of that throughput.
            _, times = clients(service, names, 4, pause=8 / served[-1])
            half.append(p99(times))
        print(json.dumps({
            "images": options.images, "processors": os.cpu_count(), "load": os.getloadavg()[0],
            "command_images_per_s": round(statistics.median(command), 1),
            "service_images_per_s": round(statistics.median(served), 1),
            "ratio": round(statistics.median(served) / statistics.median(command), 2),
            "p99_ms_alone": round(1000 * statistics.median(lone), 1),
            "p99_ms_half_load": round(1000 * statistics.median(half), 1)}))
        link = service.connect()  # the other one was idle for too long
        before = service.memory()
        for i in range(options.requests):
            if i % 10:
                service.ask(link, "/v1/models")
            else:
                classify(service, link, names[i % len(names)])
            if i == options.requests // 10:
                before = service.memory()
        print(json.dumps({"requests": options.requests, "MB_after_a_tenth": before,
                          "MB_after_all": service.memory()}))
        service.end()


if __name__ == "__main__":
    main()
