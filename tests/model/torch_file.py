"""Checkpoint files without torch: what torch.save() writes, and safetensors.

A tensor is (name, shape, dtype), its bytes come from a function of these.
"""
import json
import pickle
import struct
import sys
import types
import zipfile


def stand_in(module, name):
    """A global that pickles under torch's name."""
    for part in (module.split(".")[0], module):
        sys.modules.setdefault(part, types.ModuleType(part))
    thing = type(name, (), {"__module__": module})
    setattr(sys.modules[module], name, thing)
    return thing


REBUILD = stand_in("torch._utils", "_rebuild_tensor_v2")
STORAGES = {"float32": (stand_in("torch", "FloatStorage"), 4), "int64": (stand_in("torch", "LongStorage"), 8),
            "float16": (stand_in("torch", "HalfStorage"), 2)}


class Storage:
    def __init__(self, key, dtype, n):
        self.key, self.dtype, self.n = key, dtype, n


class Tensor:
    def __init__(self, storage, shape):
        self.storage, self.shape = storage, shape

    def __reduce__(self):
        strides, step = [], 1
        for size in reversed(self.shape):
            strides.insert(0, step)
            step *= size
        return REBUILD, (self.storage, 0, self.shape, tuple(strides), False, {})


class Pickler(pickle.Pickler):
    def persistent_id(self, thing):
        if isinstance(thing, Storage):
            return ("storage", STORAGES[thing.dtype][0], thing.key, "cpu", thing.n)
        return None


def write_torch(path, tensors, data_of, wrap=lambda state: state):
    """torch.save(wrap(state_dict)): a zip archive of a pickle and one member a tensor."""
    state = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as z:
        for i, (name, shape, dtype) in enumerate(tensors):
            n = 1
            for size in shape:
                n *= size
            state[name] = Tensor(Storage(str(i), dtype, n), tuple(shape))
            z.writestr(f"archive/data/{i}", data_of(name, n, dtype))
        with z.open("archive/data.pkl", "w") as f:
            Pickler(f, 2).dump(wrap(state))
        z.writestr("archive/version", "3\n")


def write_safetensors(path, tensors, data_of):
    header, blocks, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name, shape, dtype in tensors:
        n = 1
        for size in shape:
            n *= size
        blocks.append(data_of(name, n, dtype))
        header[name] = {"dtype": {"float32": "F32", "float16": "F16", "int64": "I64"}[dtype],
                        "shape": list(shape), "data_offsets": [at, at + len(blocks[-1])]}
        at += len(blocks[-1])
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.writelines(blocks)
