"""The description of the interface as a Python module of ctypes declarations."""

SCALARS = {"void": "None", "char": "c_char", "unsigned char": "c_ubyte", "int": "c_int",
           "unsigned": "c_uint", "long": "c_long", "size_t": "c_size_t", "float": "c_float",
           "double": "c_double", "int32_t": "c_int32", "int64_t": "c_int64", "uint8_t": "c_uint8",
           "uint16_t": "c_uint16", "uint32_t": "c_uint32", "uint64_t": "c_uint64"}


def type_name(t):
    if "returns" in t:
        parts = [type_name(t["returns"])] + [type_name(p["type"]) for p in t["parameters"]]
        return f"CFUNCTYPE({', '.join(parts)})"
    base, pointers = t["base"], t["pointers"]
    if base.startswith("enum "):
        name = "c_int"
    else:
        name = SCALARS.get(base) or base.split()[1]
    if name == "None" and pointers:
        name, pointers = "c_void_p", pointers - 1
    elif name == "c_char" and pointers:
        name, pointers = "c_char_p", pointers - 1
    for _ in range(pointers):
        name = f"POINTER({name})"
    return f"{name} * {t['array']}" if "array" in t else name


def argument_name(t):
    """An array as a parameter is a pointer."""
    if "array" not in t:
        return type_name(t)
    return type_name({k: v for k, v in t.items() if k != "array"} | {"pointers": t["pointers"] + 1})


def struct_lines(struct):
    yield f"\n\nclass {struct['name']}(Structure):\n    _fields_ = ["
    for field in struct["fields"]:
        yield f"        (\"{field['name']}\", {type_name(field['type'])}),"
    yield "    ]"


def by_dependence(structs):
    """Structs after those that they contain by value."""
    done = set()
    todo = list(structs)
    names = {f"struct {s['name']}" for s in structs}
    while todo:
        for struct in todo:
            needs = {f["type"]["base"] for f in struct["fields"] if f["type"].get("base") in names}
            if all(n in done or n == f"struct {struct['name']}" for n in needs):
                break
        todo.remove(struct)
        done.add(f"struct {struct['name']}")
        yield struct


def write(api):
    lines = ['"""Generated from the public headers by tools/api/generate.py."""',
             "# mypy: ignore-errors",
             "from ctypes import (CFUNCTYPE, POINTER, Structure, c_char_p, c_double, c_float, "
             "c_int,\n                    c_int32, c_int64, c_long, c_size_t, c_ubyte, c_uint, "
             "c_uint8, c_uint16,\n                    c_uint32, c_uint64, c_void_p)", "",
             f"VERSION = \"{api['version']}\"", f"ABI_VERSION = {api['abi']}"]
    for enum in api["enums"]:
        lines.append("")
        lines += [f"{value['name']} = {value['value']}" for value in enum["values"]]
    for handle in api["handles"]:
        lines.append(f"\n\nclass {handle['name']}(Structure):\n    pass")
    for struct in by_dependence(api["structs"]):
        lines += struct_lines(struct)
    lines.append("\n\nFUNCTIONS = {")
    for function in api["functions"]:
        arguments = ", ".join(argument_name(p["type"]) for p in function["parameters"])
        lines.append(f"    \"{function['name']}\": ({type_name(function['returns'])}, "
                     f"[{arguments}]),")
    lines.append("}")
    return "\n".join(lines) + "\n"
