#!/usr/bin/env python3
"""hostile.py PROGRAM [all]: every verb of the client among archives that mean harm.

Archives over DICOMweb and DIMSE on loopback answer each verb at each stage with what never ends, is
too large, too deep, of the wrong length, another object, a redirect, half open, or no answer at all.
The client ends in time, with exit code 1 or 3, within its memory, with nothing half-written, and names
no identifier. With "all" everything at every stage, and what takes its whole deadline or gigabytes.
Needs the standard library.
"""

import concurrent.futures
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

CLASS, EXPLICIT = b"1.2.840.10008.5.1.4.1.1.1.1", b"1.2.840.10008.1.2.1"
STUDY, SERIES, OBJECT, OTHER = "2.25.4711", "2.25.4712", "2.25.4713", "2.25.4714"
program = os.path.abspath(sys.argv[1])
everything = "all" in sys.argv[2:]
sanitized = bool(os.environ.get("BIOVL_SANITIZE"))
work = tempfile.mkdtemp()
failures, n_runs, longest = [], 0, (0, "")
lock = threading.Lock()

# ---- Objects ----


def element(group, number, vr, value):
    value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
    head = struct.pack("<HH2s", group, number, vr)
    return head + (struct.pack("<HI", 0, len(value)) if vr in (b"OB", b"OW", b"SQ")
                   else struct.pack("<H", len(value))) + value


def us(n):
    return struct.pack("<H", n)


def data_set(sop=OBJECT, between=b""):
    pixels = bytes((x * y) % 256 for y in range(64) for x in range(64))
    return (element(8, 0x16, b"UI", CLASS) + element(8, 0x18, b"UI", sop.encode()) +
            element(8, 0x60, b"CS", b"DX") + between +
            element(0x20, 0xD, b"UI", STUDY.encode()) + element(0x20, 0xE, b"UI", SERIES.encode()) +
            element(0x28, 2, b"US", us(1)) + element(0x28, 4, b"CS", b"MONOCHROME2") +
            element(0x28, 0x10, b"US", us(64)) + element(0x28, 0x11, b"US", us(64)) +
            element(0x28, 0x100, b"US", us(8)) + element(0x28, 0x101, b"US", us(8)) +
            element(0x28, 0x102, b"US", us(7)) + element(0x28, 0x103, b"US", us(0)) +
            element(0x7FE0, 0x10, b"OB", pixels))


def file_of(body, sop=OBJECT, syntax=EXPLICIT):
    meta = (element(2, 1, b"OB", b"\0\1") + element(2, 2, b"UI", CLASS) +
            element(2, 3, b"UI", sop.encode()) + element(2, 0x10, b"UI", syntax))
    return (bytes(128) + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta + body)


def nested(depth):
    # Sequences of undefined length in items of undefined length, never closed.
    one = (struct.pack("<HH2sHI", 0x40, 0xA730, b"SQ", 0, 0xFFFFFFFF) +
           struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF))
    return one * depth


LONGER = struct.pack("<HH2sHI", 0x9, 0x1001, b"OB", 0, 0x7FFFFFF0)  # than what follows
ODD = {  # data sets under the right name that cannot be taken
    "nested": data_set(between=nested(20000)),
    "longer": data_set(between=LONGER),
    "cut": data_set()[:200],
    "unlike": data_set(OTHER),
}

# ---- Over HTTP ----


def answer(body, kind="application/dicom+json", code="200 OK", more=""):
    return ("HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%sConnection: close\r\n\r\n" %
            (code, kind, len(body), more)).encode() + body


def listing(*entries):
    return json.dumps(entries).encode()


def attributes(**values):
    return {tag[1:]: {"vr": "UI", "Value": [value]} for tag, value in values.items()}


def part(bytes_):
    return answer(b"--b\r\nContent-Type: application/dicom\r\n\r\n" + bytes_ + b"\r\n--b--\r\n",
                  'multipart/related; type="application/dicom"; boundary=b')


ONE_STUDY = listing(attributes(_0020000D=STUDY))
ONE_INSTANCE = listing(attributes(_0020000E=SERIES, _00080018=OBJECT, _00080016=CLASS.decode()))
STORED = json.dumps({"00081199": {"vr": "SQ", "Value": [attributes(_00081155=OBJECT)]}}).encode()
FEED = json.dumps({"Changes": [{"ChangeType": "NewInstance", "ID": "a-1"}], "Last": 1,
                   "Done": True}).encode()


def honest(stage):
    return {"studies": answer(ONE_STUDY), "instances": answer(ONE_INSTANCE),
            "object": part(file_of(data_set())), "store": answer(STORED), "changes": answer(FEED),
            "resource": answer(json.dumps({"MainDicomTags": {
                "SOPInstanceUID": OBJECT, "SeriesInstanceUID": SERIES, "StudyInstanceUID": STUDY},
                "ParentSeries": "b-2"}).encode())}[stage]


def stage_of(request):
    line = request.split(b"\r\n", 1)[0].decode("latin-1")
    path = line.split(" ")[1] if line.count(" ") > 1 else ""
    if line.startswith("POST"):
        return "store"
    if path.endswith("/again"):
        return "again"
    if "/changes" in path:
        return "changes"
    if "/dicom-web/" not in path:
        return "resource"
    if re.search(r"/instances/", path):
        return "object"
    return "instances" if "/instances" in path else "studies"


def until_closed(s):
    while s.recv(65536):
        pass


def repeat(s, block, pause=0.0):
    while True:
        s.sendall(block)
        if pause:
            time.sleep(pause)


def chunked(s, block, pause=0.0):
    s.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\n"
              b"Transfer-Encoding: chunked\r\n\r\n")
    repeat(s, b"%x\r\n" % len(block) + block + b"\r\n", pause)


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def send(bytes_):
    return lambda s, port: s.sendall(bytes_)


def redirect(target):
    return lambda s, port: s.sendall(
        answer(b"", code="302 Found", more="Location: %s\r\n" % target.replace("PORT", str(port))))


def then_wait(bytes_):
    def deed(s, port):
        s.sendall(bytes_)
        until_closed(s)
    return deed


# What any answer may be instead.
ANYWHERE = {
    "half-open": then_wait(b""),
    "no-body": then_wait(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
    "announced-too-much": send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[]"),
    "announced-exabytes": then_wait(b"HTTP/1.1 200 OK\r\nContent-Length: 4611686018427387904\r\n\r\n["),
    "announced-too-little": send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + ONE_STUDY),
    "bad-length": send(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n[]"),
    "bad-chunk": send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n[]"),
    "headers-for-ever": lambda s, port: (s.sendall(b"HTTP/1.1 200 OK\r\n"),
                                         repeat(s, b"X-Header: value\r\n" * 1000)),
    "continue-for-ever": lambda s, port: repeat(s, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "no-http": send(b"\x16\x03\x01garbage\0\xff" * 20),
    "reset": lambda s, port: reset(s),
    "to-itself": redirect("http://127.0.0.1:PORT/dicom-web/again"),
    "to-another-host": redirect("http://localhost:PORT/elsewhere"),
    "to-another-port": redirect("http://127.0.0.1:1/elsewhere"),
    "to-a-file": redirect("file:///etc/passwd"),
    "compressed": send(answer(b"\x1f\x8b\x08garbage", more="Content-Encoding: gzip\r\n")),
    "gone": send(answer(b"", code="500 Error")),
    "credentials": send(answer(b"", code="401 Unauthorized",
                               more="WWW-Authenticate: Basic realm=x\r\n")),
}
JSON = {
    "deep": send(answer(b"[" * 400000)),
    "deep-and-closed": send(answer(b"[" * 200000 + b"]" * 200000)),
    "many-values": send(answer(b"[" + b"{}," * 2000000 + b"{}]")),
    "no-json": send(answer(b"<html>" + b"x" * 1000)),
    "half-json": send(answer(ONE_STUDY[:-3])),
    "no-list": send(answer(b'{"0020000D": 1}')),
}
OBJECTS = {
    "another": send(part(file_of(data_set(OTHER), OTHER))),
    "another-inside": send(part(file_of(ODD["unlike"]))),
    "nested": send(part(file_of(ODD["nested"]))),
    "longer": send(part(file_of(ODD["longer"]))),
    "cut": send(part(file_of(ODD["cut"]))),
    "empty": send(answer(b"")),
    "no-dicom": send(part(b"<html>" * 100)),
    "no-end": send(part(file_of(data_set())).replace(b"--b--", b"")),
    "unknown-syntax": send(part(file_of(data_set(), syntax=b"1.2.3.4"))),
    "implicit": send(part(file_of(data_set(), syntax=b"1.2.840.10008.1.2"))),
}
STORES = {
    "failed": send(answer(json.dumps({"00081198": {"vr": "SQ", "Value": [
        attributes(_00081155=OBJECT)]}}).encode())),
    "another": send(answer(STORED.replace(OBJECT.encode(), OTHER.encode()))),
    "accepted-only": send(answer(b"", code="202 Accepted")),
    "many-values": JSON["many-values"],
    "deep": send(answer(b'{"00081198":' + b"[" * 100000, code="202 Accepted")),
    "see-other": redirect("http://127.0.0.1:PORT/dicom-web/studies"),
}
CHANGES = {
    "in-a-circle": lambda s, port: s.sendall(answer(json.dumps(
        {"Changes": [], "Last": 0 if b"since=1" in s.request or b"last" in s.request else 1,
         "Done": False}).encode())),
    "moves-on-with-nothing": lambda s, port: s.sendall(answer(json.dumps(
        {"Changes": [], "Last": int(re.search(rb"since=(\d+)", s.request).group(1)) + 1
         if b"since=" in s.request else 10 ** 9, "Done": False}).encode())),
    "too-many": send(answer(json.dumps({"Changes": [{"ChangeType": "NewInstance", "ID": "a-1"}] * 5000,
                                        "Last": 5000, "Done": True}).encode())),
    "negative": send(answer(b'{"Changes": [], "Last": -5, "Done": false}')),
}
# In full: what never ends but does not stop either, and what is large.
SLOW = {
    "drips": lambda s, port: chunked(s, b"[", 0.2),
    "runs-on": lambda s, port: chunked(s, b" " * 100, 0.2),
    "floods": lambda s, port: chunked(s, b" " * 1000000),
}


def pages(s, port):
    offset = int(re.search(rb"offset=(\d+)", s.request).group(1))
    s.sendall(answer(listing(*[attributes(_0020000D="2.25.%d" % (offset + i))
                               for i in range(2000)])))


class Connection:
    """A socket that remembers what was asked."""

    def __init__(self, s, request):
        self.s, self.request = s, request

    def __getattr__(self, name):
        return getattr(self.s, name)


def serve_http(s, port, stage, deed):
    request = b""
    while b"\r\n\r\n" not in request:
        more = s.recv(65536)
        if not more:
            return
        request += more
    length = re.search(rb"Content-Length: (\d+)", request)
    head = request.index(b"\r\n\r\n") + 4
    while length and len(request) - head < int(length.group(1)):
        more = s.recv(65536)
        if not more:
            return
        request += more
    here = stage_of(request)
    if here in (stage, "again"):
        deed(Connection(s, request), port)
    else:
        s.sendall(honest(here))


# ---- Over DIMSE ----


def item(kind, value):
    return struct.pack(">BBH", kind, 0, len(value)) + value


def unit(kind, value):
    return struct.pack(">BBI", kind, 0, len(value)) + value


def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise OSError("closed")
        data += more
    return data


def read_unit(s):
    kind, _, length = struct.unpack(">BBI", exactly(s, 6))
    return kind, exactly(s, length)


def accept_of(request, contexts=None):
    offered, at = [], 68
    while at + 4 <= len(request):
        kind, _, length = struct.unpack(">BBH", request[at:at + 4])
        if kind == 0x20:
            syntaxes = re.findall(rb"@\0..(1\.2\.840\.10008\.1\.2[0-9.]*)", request[at:at + 4 + length], re.S)
            offered.append((request[at + 4], EXPLICIT if EXPLICIT in syntaxes else syntaxes[0],
                            request[at + 12:at + 4 + length].split(b"@")[0].rstrip(b"\0")))
        at += 4 + length
    body = b"".join(item(0x21, bytes([c[0], 0, 0, 0]) + item(0x40, c[1])) for c in offered) \
        if contexts is None else contexts
    return offered, unit(2, struct.pack(">HH", 1, 0) + request[4:36] + bytes(32) +
                         item(0x10, b"1.2.840.10008.3.1.1.1") + body +
                         item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3")))


def command(field, status=None, sop=b"", message=1, has=True):
    rows = [(2, CLASS + b"\0" * (len(CLASS) % 2)), (0x100, us(field)),
            (0x120 if field & 0x8000 else 0x110, us(message)), (0x800, us(0 if has else 0x101))]
    if status is not None:
        rows.append((0x900, us(status)))
    if sop:
        rows.append((0x1000, sop + b"\0" * (len(sop) % 2)))
    body = b"".join(struct.pack("<HHI", 0, e, len(v)) + v for e, v in sorted(rows))
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def fragment(context, flags, value):
    return unit(4, struct.pack(">IBB", len(value) + 2, context, flags) + value)


def message(context, bytes_, data=b""):
    out = fragment(context, 3, bytes_)
    blocks = [data[i:i + 8000] for i in range(0, len(data), 8000)]
    for i, block in enumerate(blocks):
        out += fragment(context, 2 if i + 1 == len(blocks) else 0, block)
    return out


FIND, GET, STORE = 0x20, 0x10, 0x01


class Talk:
    """An association that was accepted; ask is the context of the last message."""

    def __init__(self, s, offered):
        self.s, self.offered, self.ask = s, offered, 0
        self.store = next((c[0] for c in offered if c[2] == CLASS and c[1] == EXPLICIT), 1)

    def send(self, bytes_):
        self.s.sendall(bytes_)

    def done(self, field, status=0):
        self.send(message(self.ask, command(field | 0x8000, status, has=False)))

    def match(self, data, status=0xFF00, **more):
        return message(self.ask, command(FIND | 0x8000, status, **more), data)

    def object(self, body, sop=OBJECT, **more):
        return message(self.store, command(STORE, sop=sop.encode(), message=7, **more), body)


def uid_match(level):
    rows = element(8, 0x16, b"UI", CLASS) if level == "IMAGE" else b""
    rows += element(8, 0x18, b"UI", OBJECT.encode()) if level == "IMAGE" else b""
    rows += element(0x20, 0xD, b"UI", STUDY.encode())
    return rows + (element(0x20, 0xE, b"UI", SERIES.encode()) if level != "STUDY" else b"")


def find_honestly(t, query):
    level = "STUDY" if b"STUDY" in query else "SERIES" if b"SERIES" in query else "IMAGE"
    t.send(t.match(uid_match(level)))
    t.done(FIND)


def get_honestly(t, query):
    t.send(t.object(data_set()))
    read_unit(t.s)
    t.done(GET)


def store_honestly(t, query):
    t.send(message(t.ask, command(STORE | 0x8000, 0, OBJECT.encode(), has=False)))


HONEST = {FIND: find_honestly, GET: get_honestly, STORE: store_honestly}


def serve_dimse(s, port, stage, deed):
    if stage == "connect":
        return deed(s, None)
    kind, request = read_unit(s)
    offered, accepted = accept_of(request)
    if stage == "associate":
        return deed(s, request)
    s.sendall(accepted)
    t = Talk(s, offered)
    query, field = b"", 0
    while True:
        kind, body = read_unit(s)
        if kind == 5:
            return s.sendall(unit(6, bytes(4)))
        if kind != 4:
            return None
        at = 0
        while at < len(body):
            length, t.ask, flags = struct.unpack(">IBB", body[at:at + 6])
            value = body[at + 6:at + 4 + length]
            at += 4 + length
            if flags & 1:
                field, query = struct.unpack("<H", re.search(rb"\x00\x00\x00\x01\x02\x00\x00\x00(..)", value, re.S).group(1))[0], b""
            else:
                query += value
            if flags == 2:
                if {FIND: "find", GET: "get", STORE: "store"}.get(field) == stage:
                    deed(t, query)
                elif field in HONEST:
                    HONEST[field](t, query)


def flood(make):
    def deed(t, query):
        block = make(t)
        repeat(t.s if isinstance(t, Talk) else t, block)
    return deed


def once(make):
    return lambda t, query: t.send(make(t))


CONNECT = {
    "half-open": lambda s, q: until_closed(s),
    "reset": lambda s, q: reset(s),
    "no-dicom": lambda s, q: (s.recv(10), s.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10)),
    "floods": lambda s, q: repeat(s, b"\2\0\xff\xff\xff\xff" + bytes(100000)),
}
ASSOCIATE = {
    "huge": lambda s, q: repeat(s, b"\2\0\xff\xff\xff\xff" + bytes(100000)),
    "no-contexts": lambda s, q: (s.sendall(accept_of(q, b"")[1]), until_closed(s)),
    "other-contexts": lambda s, q: (s.sendall(accept_of(q, item(0x21, b"\xff\0\0\0" + item(0x40, EXPLICIT)) * 1000)[1]), until_closed(s)),
    "other-syntax": lambda s, q: (s.sendall(accept_of(q, item(0x21, b"\1\0\0\0" + item(0x40, b"1.2.3.4")))[1]), until_closed(s)),
    "items-within-items": lambda s, q: (s.sendall(accept_of(q, item(0x21, b"\1\0\0\0" + item(0x40, b"1" * 60000)))[1]), until_closed(s)),
    "half": lambda s, q: (s.sendall(accept_of(q)[1][:50]), until_closed(s)),
    "rejects": lambda s, q: s.sendall(unit(3, b"\0\1\1\7")),
    "aborts": lambda s, q: s.sendall(unit(7, bytes(4))),
    "releases": lambda s, q: (s.sendall(unit(5, bytes(4))), until_closed(s)),
    "data": lambda s, q: (s.sendall(fragment(1, 3, bytes(100))), until_closed(s)),
    "twice": lambda s, q: (s.sendall(accept_of(q)[1] * 2), until_closed(s)),
}
MESSAGES = {  # instead of any answer
    "silent": lambda t, q: until_closed(t.s),
    "aborts": once(lambda t: unit(7, bytes(4))),
    "reset": lambda t, q: reset(t.s),
    "unknown-unit": once(lambda t: unit(0x99, bytes(100))),
    "huge-unit": flood(lambda t: b"\4\0\xff\xff\xff\xff" + bytes(100000)),
    "longer-than-unit": once(lambda t: unit(4, struct.pack(">IBB", 1000, t.ask, 3) + b"x" * 10)),
    "no-length": once(lambda t: unit(4, struct.pack(">IBB", 0, t.ask, 3)) * 10),
    "other-context": once(lambda t: message(254, command(FIND | 0x8000, 0, has=False))),
    "other-service": once(lambda t: message(t.ask, command(0x8030, 0, has=False))),
    "other-question": once(lambda t: message(t.ask, command(FIND | 0x8000, 0, message=77, has=False))),
    "asks-back": once(lambda t: message(t.ask, command(FIND), b"x" * 10)),
    "no-command": once(lambda t: fragment(t.ask, 3, b"")),
    "endless-command": flood(lambda t: fragment(t.ask, 1, bytes(8000))),
    "endless-data": lambda t, q: (t.send(fragment(t.ask, 3, command(FIND | 0x8000, 0xFF00))),
                                  repeat(t.s, fragment(t.ask, 0, bytes(16000)))),
    "fails": lambda t, q: [t.done(f, 0xA900) for f in (FIND, GET, STORE)],
}
FINDS = {
    "large-for-ever": flood(lambda t: t.match(element(0x20, 0xD, b"UI", b"2.25.1") +
                                              element(0x40, 0x400, b"OB", bytes(500000)))),
    "longer": lambda t, q: (t.send(t.match(element(8, 5, b"CS", b"ISO_IR 192") + LONGER)), t.done(FIND)),
    "nested": lambda t, q: (t.send(t.match(nested(20000))), t.done(FIND)),
    "evil-names": lambda t, q: (t.send(t.match(element(0x20, 0xD, b"UI", b"../../../etc/x"))), t.done(FIND)),
}
FINDS_IN_FULL = {
    "small-for-ever": flood(lambda t: t.match(element(0x20, 0xD, b"UI", b"2.25.1")) * 1000),
    "nothing-for-ever": flood(lambda t: t.match(b"", has=False) * 1000),
}
GETS = {
    "another": lambda t, q: (t.send(t.object(data_set(OTHER), OTHER)), t.done(GET)),
    "evil-name": lambda t, q: (t.send(t.object(data_set(), "../../x")), t.done(GET)),
    "none": lambda t, q: t.done(GET),
    "no-data": lambda t, q: (t.send(t.object(b"", has=False)), t.done(GET)),
    **{name: (lambda body: lambda t, q: (t.send(t.object(body)), t.done(GET)))(body)
       for name, body in ODD.items()},
}
GETS_IN_FULL = {
    "for-ever": flood(lambda t: t.object(data_set()) * 100),
    "never-last": lambda t, q: (t.send(fragment(t.store, 3, command(STORE, sop=OBJECT.encode(), message=7))),
                                repeat(t.s, fragment(t.store, 0, bytes(16000)) * 10)),
    "pending-for-ever": lambda t, q: repeat(t.s, message(t.ask, command(GET | 0x8000, 0xFF00, has=False)), 0.3),
}
STORES_DIMSE = {
    "another": once(lambda t: message(t.ask, command(STORE | 0x8000, 0, OTHER.encode(), has=False))),
    "pending": flood(lambda t: message(t.ask, command(STORE | 0x8000, 0xFF00, OBJECT.encode(), has=False))),
}

# ---- Runs ----


class Archive:
    """Serves one deed at one stage until it is closed; answers everything else honestly."""

    def __init__(self, serve, stage, deed):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        self.serve, self.stage, self.deed, self.open = serve, stage, deed, []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(s)
            threading.Thread(target=self.one, args=(s,), daemon=True).start()

    def one(self, s):
        try:
            self.serve(s, self.port, self.stage, self.deed)
        except (OSError, struct.error):
            pass
        s.close()

    def close(self):
        self.listener.close()
        for s in self.open:
            s.close()


def run(arguments, limit):
    """Exit code, seconds, KiB of memory, output."""
    began = time.time()
    with tempfile.TemporaryFile() as out:
        p = subprocess.Popen([program] + arguments, stdout=out, stderr=subprocess.STDOUT,
                             stdin=subprocess.DEVNULL)
        timer = threading.Timer(limit, p.kill)
        timer.start()
        _, status, usage = os.wait4(p.pid, 0)
        timer.cancel()
        p.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        return p.returncode, time.time() - began, usage.ru_maxrss, out.read().decode("utf-8", "replace")


def examine(name, verb, folder, url, codes, limit, memory):
    target = os.path.join(folder, "out")
    options = ["--timeout", "1", "--tries", "1"]
    if verb == "find":
        arguments = ["pacs", "find", url]
    elif verb == "pull":
        arguments = ["pacs", "pull", url, target]
    elif verb == "send":
        arguments = ["pacs", "send", url, os.path.join(work, "one.dcm")]
    else:
        shutil.copy(os.path.join(work, "empty.index"), target)
        shutil.copy(os.path.join(work, "empty.index.key"), target + ".key")
        arguments = ["index", "add", target, "--from", url] + (["--changes"] if verb == "changes" else [])
    code, seconds, kib, text = run(arguments + options, limit)
    global longest
    with lock:
        longest = max(longest, (seconds, name))
    wrong = []
    if code not in codes:
        wrong.append("exit code %d" % code)
    if not sanitized and kib > memory:
        wrong.append("%d KiB" % kib)
    if any(uid in text for uid in (STUDY, SERIES, OBJECT, OTHER, "passwd", "root:")):
        wrong.append("an identifier is shown")
    if code in (1, 3) and "biovl" not in text and "object" not in text:
        wrong.append("no reason")
    left = [os.path.join(d, f) for d, _, files in os.walk(folder) for f in files]
    for path in left:
        if path.endswith(".dcm") and data_set() not in open(path, "rb").read():
            wrong.append("a wrong object was kept")
        elif not re.search(r"out(\.key|\.index|/[0-9a-f]{32}\.dcm|/\.pull\.json)?$", path):
            wrong.append("left behind: " + os.path.basename(path))
    if verb in ("add", "changes") and run(["index", "verify", target], limit)[0] != 0:
        wrong.append("the index is damaged")
    if wrong:
        with lock:
            failures.append("%s: %s after %.1f s: %s" % (name, ", ".join(wrong), seconds, text[:300]))


def attempt(protocol, verb, stage, name, deed, codes=(1, 3), limit=120, memory=400000):
    global n_runs
    serve = serve_http if protocol == "web" else serve_dimse
    folder = tempfile.mkdtemp(dir=work)
    archive = Archive(serve, stage, deed)
    url = ("dicomweb://127.0.0.1:%d/dicom-web" if protocol == "web" else "dicom://EVIL@127.0.0.1:%d") \
        % archive.port
    try:
        examine("%s %s, %s %s" % (protocol, verb, stage, name), verb, folder, url, codes, limit, memory)
    finally:
        archive.close()
        shutil.rmtree(folder, ignore_errors=True)
    with lock:
        n_runs += 1


def plan():
    """(protocol, verb, stage, name, deed[, codes])."""
    either = (0, 1, 3)
    for name, deed in ANYWHERE.items():
        for verb, stages in (("find", ["studies"]), ("pull", ["studies", "instances", "object"]),
                             ("send", ["store"]), ("changes", ["changes"])):
            for stage in stages:
                # A STOW answer of any kind with code 200 is believed where it names no object.
                loose = stage == "store" and name in ("announced-too-little", "compressed")
                yield "web", verb, stage, name, deed, either if loose else (1, 3)
    for name, deed in JSON.items():
        for verb, stage in (("find", "studies"), ("pull", "instances"), ("changes", "changes"),
                            ("changes", "resource")):
            # A resource that is no instance was deleted meanwhile.
            yield "web", verb, stage, name, deed, either if stage == "resource" else (1, 3)
    for name, deed in OBJECTS.items():
        for verb in ("pull", "add"):
            # Data of another syntax may be read all the same; what is kept is compared.
            yield "web", verb, "object", name, deed, either if name in ("implicit", "unknown-syntax") else (1, 3)
    for name, deed in STORES.items():
        yield "web", "send", "store", name, deed
    for name, deed in CHANGES.items():
        yield "web", "changes", "changes", name, deed, either if name in ("moves-on-with-nothing", "in-a-circle") else (1, 3)
    for verb in ("find", "pull", "send"):
        for name, deed in CONNECT.items():
            yield "dimse", verb, "connect", name, deed
        for name, deed in ASSOCIATE.items():
            yield "dimse", verb, "associate", name, deed
        for stage in {"find": ["find"], "pull": ["find", "get"], "send": ["store"]}[verb]:
            for name, deed in MESSAGES.items():
                # An object may have 512 MiB.
                memory = 1300000 if (stage, name) == ("get", "endless-data") else 400000
                yield "dimse", verb, stage, name, deed, (1, 3), 120, memory
    for name, deed in FINDS.items():
        codes = either if name in ("longer", "nested", "evil-names") else (1, 3)  # matches of no one
        yield "dimse", "find", "find", name, deed, codes
        yield "dimse", "pull", "find", name, deed, codes
    for name, deed in GETS.items():
        yield "dimse", "pull", "get", name, deed
        yield "dimse", "add", "get", name, deed
    for name, deed in STORES_DIMSE.items():
        yield "dimse", "send", "store", name, deed


def plan_in_full():
    for name, deed in SLOW.items():
        for verb, stage in (("find", "studies"), ("pull", "instances"), ("pull", "object"),
                            ("add", "object"), ("send", "store"), ("changes", "changes")):
            yield "web", verb, stage, name, deed, (1, 3), 300, 1300000
    yield "web", "find", "studies", "pages-for-ever", pages, (1, 3), 300, 1300000
    for name, deed in FINDS_IN_FULL.items():
        yield "dimse", "find", "find", name, deed, (1, 3), 300, 1300000
    for name, deed in GETS_IN_FULL.items():
        yield "dimse", "pull", "get", name, deed, (1, 3), 300, 1300000
        yield "dimse", "add", "get", name, deed, (1, 3), 300, 1300000


def main():
    with open(os.path.join(work, "one.dcm"), "wb") as f:
        f.write(file_of(data_set()))
    subprocess.run([program, "index", "create", os.path.join(work, "empty.index")], check=True,
                   stdout=subprocess.DEVNULL)
    # What an honest archive gives passes: the archives here are wrong in one place only.
    for protocol in ("web", "dimse"):
        for verb in ("find", "pull", "add", "send"):
            attempt(protocol, verb, "none", "honest", None, (0,))
    attempt("web", "changes", "none", "honest", None, (0,))
    chosen = list(plan())
    if not everything:  # each deed once, in places that differ
        places = {}
        for one in chosen:
            places.setdefault((one[0], one[3]), []).append(one)
        chosen = [p[i % len(p)] for i, p in enumerate(places.values())]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for f in [pool.submit(attempt, *one) for one in chosen]:
            f.result()
    if everything:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for f in [pool.submit(attempt, *one) for one in plan_in_full()]:
                f.result()
    for text in failures:
        print("FAILED:", text)
    print("%d runs, %d failed; the longest took %.1f s: %s" % (n_runs, len(failures), *longest))
    return 1 if failures else 0


try:
    sys.exit(main())
finally:
    shutil.rmtree(work, ignore_errors=True)
