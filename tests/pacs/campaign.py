#!/usr/bin/env python3
"""campaign.py PROGRAM LIBRARY [PART [COUNT]]: a receiver under faults.

What a receiver has acknowledged is in its index, whatever happens to it, and the next object is
accepted: kills, failing writes (LIBRARY is failing_writes.c), mutated units and data sets, slow
and half-open peers beside senders. Descriptors and memory stay flat. PART is kills, writes,
mutants or peers; COUNT is how many. Only the standard library is needed.
"""

import mmap
import os
import random
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time

CLASS, SYNTAX = b"1.2.840.10008.5.1.4.1.1.1.1", b"1.2.840.10008.1.2"


def fail(text):
    print("FAILED:", text)
    sys.exit(1)


# ---- Objects and messages ----


def padded(value, fill=b"\0"):
    return value + fill * (len(value) % 2)


def element(group, number, value):
    return struct.pack("<HHI", group, number, len(value)) + value


def data_set(number, shade):
    uid = padded(b"2.25.%d" % number)
    pixels = bytes((x * y + shade) % 256 for y in range(32) for x in range(32))
    return b"".join(element(*e) for e in [
        (8, 0x16, padded(CLASS)), (8, 0x18, uid), (8, 0x60, b"DX"), (0x10, 0x20, b"P1"),
        (0x18, 0x5101, b"PA"), (0x20, 0xD, padded(b"2.25.1.%d" % number)),
        (0x20, 0xE, padded(b"2.25.2.%d" % number)), (0x28, 2, struct.pack("<H", 1)),
        (0x28, 4, b"MONOCHROME2 "), (0x28, 0x10, struct.pack("<H", 32)),
        (0x28, 0x11, struct.pack("<H", 32)), (0x28, 0x100, struct.pack("<H", 8)),
        (0x28, 0x101, struct.pack("<H", 8)), (0x28, 0x102, struct.pack("<H", 7)),
        (0x28, 0x103, struct.pack("<H", 0)), (0x7FE0, 0x10, pixels)])


def item(kind, value):
    return struct.pack(">BBH", kind, 0, len(value)) + value


def unit(kind, value):
    return struct.pack(">BBI", kind, 0, len(value)) + value


def request():
    context = item(0x20, b"\1\0\0\0" + item(0x30, CLASS) + item(0x40, SYNTAX))
    user = item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3"))
    return unit(1, struct.pack(">HH", 1, 0) + b"BIOVL".ljust(16) + b"CAMPAIGN".ljust(16) +
                bytes(32) + item(0x10, b"1.2.840.10008.3.1.1.1") + context + user)


def store(number, shade=0):
    fields = b"".join(element(0, e, v) for e, v in [
        (2, padded(CLASS)), (0x100, struct.pack("<H", 1)), (0x110, struct.pack("<H", 1)),
        (0x700, struct.pack("<H", 0)), (0x800, struct.pack("<H", 0)),
        (0x1000, padded(b"2.25.%d" % number))])
    command = element(0, 0, struct.pack("<I", len(fields))) + fields
    return b"".join(unit(4, struct.pack(">IBB", len(part) + 2, 1, flag) + part)
                    for flag, part in ((3, command), (2, data_set(number, shade))))


RELEASE = unit(5, bytes(4))


def read_unit(connection):
    def exactly(n):
        got = b""
        while len(got) < n:
            more = connection.recv(n - len(got))
            if not more:
                raise ConnectionError("closed")
            got += more
        return got
    kind, _, length = struct.unpack(">BBI", exactly(6))
    return kind, exactly(length)


def send(port, number, shade=0, timeout=60):
    """The status of the C-STORE of one object; None where the receiver broke off or was busy."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as connection:
            connection.sendall(request())
            if read_unit(connection)[0] != 2:
                return None
            connection.sendall(store(number, shade))
            kind, value = read_unit(connection)
            if kind != 4:
                return None
            at = value.find(struct.pack("<HHI", 0, 0x900, 2))
            status = struct.unpack("<H", value[at + 8:at + 10])[0] if at >= 0 else None
            connection.sendall(RELEASE)
            return status
    except OSError:
        return None


# ---- The receiver ----


class Receiver:
    def __init__(self, program, folder, *options, environment=None):
        self.program, self.folder = program, folder
        self.index = os.path.join(folder, "i.biovl")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.options, self.environment = options, dict(os.environ, **(environment or {}))
        self.process = None

    def create(self):
        subprocess.run([self.program, "index", "create", self.index, "--keep-identifiers"],
                       check=True, stdout=subprocess.DEVNULL)

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "pacs", "listen", self.index, "--port", str(self.port), "--threads", "1",
             *self.options], env=self.environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        line = self.process.stderr.readline()
        if b"listening" not in line:
            fail("the receiver does not start: %s" % (line + self.process.stderr.read()))
        # What it says is read, or it would wait for room in the pipe.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(30)
        if how == signal.SIGTERM and code != 0:
            fail("the receiver ended with %d" % code)

    def alive(self):
        return self.process.poll() is None

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def kilobytes(self):
        with open("/proc/%d/status" % self.process.pid) as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def holds(self):
        connection = sqlite3.connect(self.index)
        ids = {row[0] for row in connection.execute("SELECT id FROM item")}
        connection.close()
        return ids


def must_store(receiver, number):
    if send(receiver.port, number) != 0:
        fail("object %d was not accepted" % number)


def expect_held(receiver, acknowledged):
    missing = {"2.25.%d" % n for n in acknowledged} - receiver.holds()
    if missing:
        fail("acknowledged, but not in the index: %s" % sorted(missing)[:5])


# ---- The parts ----


def kills(program, library, folder, count):
    receiver, acknowledged, number = Receiver(program, folder), [], 1000
    receiver.create()
    for _ in range(count):
        receiver.start()
        must_store(receiver, number)
        acknowledged.append(number)
        killer = threading.Timer(random.uniform(0, 0.4), receiver.stop, [signal.SIGKILL])
        killer.start()
        while killer.is_alive():
            number += 1
            if send(receiver.port, number) == 0:
                acknowledged.append(number)
        killer.join()
        number += 1
        expect_held(receiver, acknowledged)
    return "%d objects acknowledged" % len(acknowledged)


def writes(program, library, folder, count):
    path = os.path.join(folder, "control")
    with open(path, "wb") as made:
        made.write(struct.pack("<iii", -1, 0, 0))
    receiver = Receiver(program, folder, environment={"LD_PRELOAD": library, "FAILING_WRITES": path})
    receiver.create()
    receiver.start()
    acknowledged, refused, number = [], 0, 1000
    with open(path, "r+b") as shared:
        control = mmap.mmap(shared.fileno(), 12)
        for round_ in range(count):
            control[0:8] = struct.pack("<ii", random.randrange(40), round_ % 3)
            number += 1
            status = send(receiver.port, number)
            if status == 0:
                acknowledged.append(number)
            else:
                refused += 1
            control[0:4] = struct.pack("<i", -1)
            number += 1
            must_store(receiver, number)
            acknowledged.append(number)
            if round_ == count // 10:
                before = receiver.descriptors(), receiver.kilobytes()
        fired = struct.unpack("<i", control[8:12])[0]
    after = receiver.descriptors(), receiver.kilobytes()
    check_flat(before, after)
    receiver.stop()
    expect_held(receiver, acknowledged)
    if fired == 0:
        fail("no write failed")
    return "%d writes failed, %d objects refused for it" % (fired, refused)


def mutate(stream):
    stream = bytearray(stream)
    for _ in range(random.choice((1, 1, 1, 2, 4, 16))):
        at, kind = random.randrange(len(stream)), random.randrange(4)
        if kind == 0:
            stream[at] = random.randrange(256)
        elif kind == 1:
            stream[at] ^= 1 << random.randrange(8)
        elif kind == 2:
            del stream[at:at + random.randrange(1, 9)]
        else:
            stream[at:at] = bytes(random.randrange(256) for _ in range(random.randrange(1, 9)))
        if not stream:
            return b"\0"
    return bytes(stream[:random.randrange(1, len(stream) + 1)] if random.random() < 0.1 else stream)


def throw(port, stream):
    """Sends whatever it is and waits for the receiver's end of the connection."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        try:
            connection.sendall(stream)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except TimeoutError:
            fail("a connection of %d mutated bytes does not end" % len(stream))
        except OSError:
            pass


def mutants(program, library, folder, count):
    receiver = Receiver(program, folder, "--idle-timeout", "5")
    receiver.create()
    receiver.start()
    before, number = None, 1000
    for i in range(count):
        # The request, the command or the data set alone, or all of it.
        parts = [request(), store(1), RELEASE]
        k = random.choice((0, 1, 1, 1))
        parts[k] = mutate(parts[k])
        throw(receiver.port, b"".join(parts))
        if not receiver.alive():
            fail("the receiver is gone after %d mutants" % (i + 1))
        if i % 500 == 0:
            number += 1
            must_store(receiver, number)
        if i == count // 5:
            before = receiver.descriptors(), receiver.kilobytes()
    must_store(receiver, number + 1)
    check_flat(before, (receiver.descriptors(), receiver.kilobytes()))
    receiver.stop()
    return "%d mutants" % count


def peers(program, library, folder, count):
    receiver = Receiver(program, folder, "--max-associations", str(count + 28), "--idle-timeout",
                        "5")
    receiver.create()
    receiver.start()
    must_store(receiver, 999)
    before = receiver.descriptors(), receiver.kilobytes()
    whole, over = request() + store(1), threading.Event()

    def linger(k):
        # Nothing, half a request, a request and nothing, half an object; or a byte now and then.
        said = (b"", request()[:40], request(), whole[:-300], b"")[k % 5]
        try:
            with socket.create_connection(("127.0.0.1", receiver.port), 60) as connection:
                connection.sendall(said)
                for byte in whole if k % 5 == 4 else ():
                    connection.sendall(bytes([byte]))
                    if over.wait(0.3):
                        return
                over.wait(120)
        except OSError:
            pass

    lingering = [threading.Thread(target=linger, args=(k,), daemon=True) for k in range(count)]
    for thread in lingering:
        thread.start()
    acknowledged, lock = [], threading.Lock()

    def sender(k):
        for n in range(10):
            number = 10000 + 100 * k + n
            while send(receiver.port, number) != 0:
                time.sleep(0.2)
            with lock:
                acknowledged.append(number)

    began = time.monotonic()
    senders = [threading.Thread(target=sender, args=(k,), daemon=True) for k in range(8)]
    for thread in senders:
        thread.start()
    for thread in senders:
        thread.join(240)
    seconds = time.monotonic() - began
    if len(acknowledged) != 80:
        fail("%d of 80 objects in %.0f s" % (len(acknowledged), seconds))
    over.set()
    for thread in lingering:
        thread.join(60)
    time.sleep(1)
    check_flat(before, (receiver.descriptors(), receiver.kilobytes()))
    receiver.stop()
    expect_held(receiver, acknowledged)
    return "80 objects in %.1f s" % seconds


def check_flat(before, after):
    # A few descriptors may be of connections that are about to end; memory is the allocator's.
    if after[0] > before[0] + 4:
        fail("descriptors: %d, then %d" % (before[0], after[0]))
    if after[1] > before[1] + 65536:
        fail("memory: %d KiB, then %d KiB" % (before[1], after[1]))
    print("  descriptors %d, then %d; memory %d KiB, then %d KiB" % (
        before[0], after[0], before[1], after[1]))


def main():
    program, library = sys.argv[1:3]
    parts = {"kills": (kills, 200), "writes": (writes, 200), "mutants": (mutants, 10000),
             "peers": (peers, 100)}
    chosen = sys.argv[3:4] or list(parts)
    seed = int(os.environ.get("CAMPAIGN_SEED", time.time()))
    random.seed(seed)
    print("seed", seed)
    for name in chosen:
        run, count = parts[name]
        count = int(sys.argv[4]) if len(sys.argv) > 4 else count
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            said = run(program, library, folder, count)
            print("%s: %d, %s, in %.0f s" % (name, count, said, time.monotonic() - began),
                  flush=True)


if __name__ == "__main__":
    main()
