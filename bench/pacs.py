#!/usr/bin/python3
"""pacs.py BUILD-FOLDER [ROUNDS]: receiving side by side, over loopback: this receiver (without an
index), DCMTK's storescp --fork and Orthanc. 200 objects of 9 KB and 64 of 8 MB, sent by storescu
over 1 and 8 associations at once. Seconds of the fastest of ROUNDS, taken in turn; ratios to
storescp. Then 64 objects of 8 MB fetched from Orthanc by C-GET, by `biovl pacs pull` and getscu;
and the receiver's memory after 10,000 small objects. Needs dcmtk, orthanc, python3-pydicom
(Debian)."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def make(folder, n, side):
    rng = np.random.default_rng(side)
    os.makedirs(folder)
    for i in range(n):
        d = Dataset()
        d.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
        d.SOPInstanceUID = f"1.2.276.0.9999.7.{side}.{i + 1}"
        d.StudyInstanceUID = f"1.2.276.0.9999.5.{side}.{i}"
        d.SeriesInstanceUID = f"1.2.276.0.9999.6.{side}.{i}"
        d.PatientID, d.PatientName, d.Modality = "LARGE" if side > 1000 else f"P{i}", "N", "CR"
        d.Rows = d.Columns = side
        d.BitsAllocated = d.BitsStored = 8
        d.HighBit, d.SamplesPerPixel, d.PixelRepresentation = 7, 1, 0
        d.PhotometricInterpretation = "MONOCHROME2"
        d.PixelData = rng.integers(0, 255, (side, side), dtype=np.uint8).tobytes()
        d.file_meta = FileMetaDataset()
        d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        d.file_meta.MediaStorageSOPClassUID = d.SOPClassUID
        d.file_meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID
        d.is_little_endian, d.is_implicit_VR = True, False
        d.save_as(f"{folder}/{i:04d}.dcm", write_like_original=False)


def send(title, port, files, associations):
    """Seconds until all are stored, each storescu with its share."""
    shares = [files[i::associations] for i in range(associations)]
    began = time.monotonic()
    senders = [subprocess.Popen(["storescu", "-aec", title, "127.0.0.1", str(port), *share],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
               for share in shares]
    if any(s.wait() != 0 for s in senders):
        raise SystemExit(f"storescu to {title} failed")
    return time.monotonic() - began


class Peer:
    def __init__(self, name, title, command, port):
        self.name, self.title, self.port = name, title, port
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        for _ in range(100):
            if subprocess.run(["echoscu", "-aec", title, "127.0.0.1", str(port)],
                              stderr=subprocess.DEVNULL, check=False).returncode == 0:
                return
            time.sleep(0.2)
        raise SystemExit(f"{name} does not answer")

    def memory(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) // 1024 for line in f if line.startswith("VmRSS"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def start(build, work):
    ports = [free_port() for _ in range(4)]
    for name in ("ours", "storescp", "orthanc"):
        os.makedirs(f"{work}/{name}")
    with open(f"{work}/orthanc.json", "w", encoding="ascii") as f:
        json.dump({"StorageDirectory": f"{work}/orthanc", "IndexDirectory": f"{work}/orthanc",
                   "DicomPort": ports[2], "HttpPort": ports[3], "DicomAet": "ORTHANC",
                   "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
                   "OverwriteInstances": True, "DicomThreadsCount": 16}, f)
    return [Peer("biovl", "BIOVL", [f"{build}/bench/bench_receive", str(ports[0]), f"{work}/ours"],
                 ports[0]),
            Peer("storescp --fork", "STORESCP",
                 ["storescp", "--fork", "-aet", "STORESCP", "-od", f"{work}/storescp",
                  str(ports[1])], ports[1]),
            Peer("Orthanc", "ORTHANC", ["Orthanc", f"{work}/orthanc.json"], ports[2])]


def fetch(build, work, port, rounds):
    """Seconds of the fastest fetch of all of the 64 large objects into a folder, by each client."""
    folder = f"{work}/fetched"
    best = {"biovl": 1e9, "getscu": 1e9}
    for _ in range(rounds):
        for name in best:
            shutil.rmtree(folder, ignore_errors=True)
            began = time.monotonic()
            if name == "biovl":
                subprocess.run([f"{build}/bin/biovl", "pacs", "pull",
                                f"dicom://ORTHANC@127.0.0.1:{port}", folder, "--patient", "LARGE"],
                               check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            else:
                os.makedirs(folder)
                subprocess.run(["getscu", "-aec", "ORTHANC", "-od", folder, "-k",
                                "QueryRetrieveLevel=PATIENT", "-k", "PatientID=LARGE", "-P",
                                "127.0.0.1", str(port)], check=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
            best[name] = min(best[name], time.monotonic() - began)
            got = sum(os.path.getsize(f"{folder}/{f}") > 8000000 for f in os.listdir(folder))
            if got != 64:
                raise SystemExit(f"{name} fetched {got} objects of 64")
    print(f"64 of 8 MB by C-GET: biovl {best['biovl']:.2f} s, getscu {best['getscu']:.2f} s; "
          f"{best['biovl'] / best['getscu']:.2f} of getscu", flush=True)


def main():
    build, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    work = tempfile.mkdtemp()
    peers = []
    try:
        sets = [("200 of 9 KB", 200, 90), ("64 of 8 MB", 64, 2896)]
        for what, n, side in sets:
            make(f"{work}/{side}", n, side)
        peers = start(build, work)
        for what, n, side in sets:
            files = sorted(f"{work}/{side}/{name}" for name in os.listdir(f"{work}/{side}"))
            for associations in (1, 8):
                best = {p.name: 1e9 for p in peers}
                for _ in range(rounds):
                    for p in peers:
                        took = send(p.title, p.port, files, associations)
                        best[p.name] = min(best[p.name], took)
                told = ", ".join(f"{name} {s:.2f} s" for name, s in best.items())
                print(f"{what}, {associations} associations: {told}; "
                      f"{best['biovl'] / best['storescp --fork']:.2f} of storescp, "
                      f"{best['biovl'] / best['Orthanc']:.2f} of Orthanc", flush=True)
        fetch(build, work, peers[2].port, rounds)
        files = sorted(f"{work}/90/{name}" for name in os.listdir(f"{work}/90"))
        before = peers[0].memory()
        for _ in range(50):
            send("BIOVL", peers[0].port, files, 8)
        print(f"memory before and after 10,000 objects: {before} and {peers[0].memory()} MB")
    finally:
        for p in peers:
            p.stop()
        shutil.rmtree(work)


main()
