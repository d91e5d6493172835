"""A running `biovl serve` for the tests, and requests to it with the standard library alone."""
import base64
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

BIOVL, ROOT = sys.argv[1], sys.argv[2]
SAMPLE = os.path.join(ROOT, "assets/sample/cxr.dcm")
TOKEN = "a-token-of-the-tests-0123456789"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Service:
    """Starts the service with a token file; `with` stops it and looks at how it ended."""

    def __init__(self, *options, token=True, code=0):
        self.folder = tempfile.TemporaryDirectory()
        self.code = code
        self.told = False
        arguments = [BIOVL, "serve", *options]
        if token:
            path = os.path.join(self.folder.name, "token")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(TOKEN + "\n")
            arguments += ["--token-file", path]
        self.errors = open(os.path.join(self.folder.name, "err"), "w+")
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True)
        self.opening = self.process.stdout.readline().strip()
        match = re.match(r"https?://([\[\]0-9a-z.:]+):(\d+)/\?token=([0-9a-f]{64})$", self.opening)
        assert match, f"no address: {self.opening!r} {self.said()}"
        self.host, self.port, self.token = match[1], int(match[2]), match[3]

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.end()
        try:
            self.log = self.process.communicate(timeout=300)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the service does not end")
        said = self.said()
        self.errors.close()
        self.folder.cleanup()
        if not failure[0]:
            assert self.process.returncode == self.code, (self.process.returncode, said)
        elif said:
            print(said, file=sys.stderr)

    def end(self):
        """Tells it to end, once: the second signal would end it at once."""
        if not self.told and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.told = True

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def ask(self, method, path, body=None, headers=None, bearer=TOKEN):
        """One request on a connection of its own."""
        sent = {}
        if isinstance(body, (dict, list)):
            body, sent["Content-Type"] = json.dumps(body), "application/json"
        if bearer:
            sent["Authorization"] = "Bearer " + bearer
        sent.update(headers or {})
        connection = self.connect()
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def post(self, path, body, **more):
        return self.ask("POST", path, body, **more)

    def raw(self, data, wait=20, end=True):
        """Bytes as they are; the first answer, or what comes until the service closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as link:
            answer = b""
            try:
                link.sendall(data)
                if end:
                    link.shutdown(socket.SHUT_WR)
                while chunk := link.recv(65536):
                    answer += chunk
                    length = re.search(rb"\r\nContent-Length: (\d+)\r\n(?:.*\r\n)*?\r\n", answer)
                    if length and len(answer) >= length.end() + int(length[1]):
                        break
            except OSError:  # reset, ended while bytes were on their way, or silent for too long
                pass
            return answer

    def metric(self, name):
        text = self.get("/metrics").body.decode()
        match = re.search(r"^" + re.escape(name) + r" ([0-9.e+-]+)$", text, re.M)
        return float(match[1]) if match else 0.0


def sample_base64():
    with open(SAMPLE, "rb") as file:
        return base64.b64encode(file.read()).decode()


def multipart(*parts, boundary="=_b"):
    """(name, file name or None, bytes) … → body and headers."""
    body = b""
    for name, file_name, data in parts:
        disposition = f'form-data; name="{name}"'
        if file_name is not None:
            disposition += f'; filename="{file_name}"'
        body += (f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n").encode()
        body += data + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return body, {"Content-Type": f'multipart/form-data; boundary="{boundary}"'}


def command(*arguments, code=0):
    """What biovl prints."""
    done = subprocess.run([BIOVL, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done.stdout if code == 0 else done.stderr


def wait_until(what, seconds=120):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
