"""python3 shard.py FOLDER: cuts diffusion_pytorch_model.safetensors there into two shards and an index."""
import json
import pathlib
import struct
import sys

folder = pathlib.Path(sys.argv[1])
whole = folder / "diffusion_pytorch_model.safetensors"
data = whole.read_bytes()
size = struct.unpack("<Q", data[:8])[0]
header, data = json.loads(data[8 : 8 + size]), data[8 + size :]
header.pop("__metadata__", None)
names, files = sorted(header), {}
for number in (1, 2):
    file = f"diffusion_pytorch_model-{number:05d}-of-00002.safetensors"
    entries, body = {}, b""
    for name in names[number - 1 :: 2]:
        begin, end = header[name]["data_offsets"]
        entries[name] = {**header[name], "data_offsets": [len(body), len(body) + end - begin]}
        body += data[begin:end]
        files[name] = file
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    (folder / file).write_bytes(struct.pack("<Q", len(text)) + text + body)
whole.unlink()
index = {"metadata": {}, "weight_map": files}
(folder / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
