"""The description of the interface as Rust declarations (a -sys crate's lib.rs)."""

SCALARS = {"void": "c_void", "char": "c_char", "unsigned char": "c_uchar", "int": "c_int",
           "unsigned": "c_uint", "long": "c_long", "size_t": "usize", "float": "f32",
           "double": "f64", "int32_t": "i32", "int64_t": "i64", "uint8_t": "u8", "uint16_t": "u16",
           "uint32_t": "u32", "uint64_t": "u64"}
KEYWORDS = {"type", "where", "match", "move", "ref", "in", "use", "fn", "mod",
            "abstract", "become", "box", "do", "final", "macro", "override", "priv", "try", "typeof",
            "unsized", "virtual", "yield", "loop", "impl", "trait", "dyn", "async", "await", "crate",
            "pub", "mut", "let", "super"}


def identifier(name):
    return f"r#{name}" if name in KEYWORDS else name


def type_name(t, parameter=False):
    if "returns" in t:
        arguments = ", ".join(type_name(p["type"], True) for p in t["parameters"])
        returns = returned(t["returns"])
        return f"Option<unsafe extern \"C\" fn({arguments}){returns}>"
    base = t["base"]
    name = SCALARS.get(base) or ("c_int" if base.startswith("enum ") else base.split()[1])
    pointers = t["pointers"] + (1 if parameter and "array" in t else 0)
    for depth in range(pointers):
        constant = t["const"] if depth == 0 else "*const" in t["c"]
        name = f"*{'const' if constant else 'mut'} {name}"
    return f"[{name}; {t['array']}]" if "array" in t and not parameter else name


def returned(t):
    return "" if t["base"] == "void" and t["pointers"] == 0 else f" -> {type_name(t)}"


def doc_lines(doc, indent=""):
    return [f"{indent}/// {doc}"] if doc else []


def write(api):
    lines = ["//! Generated from the public headers by tools/api/generate.py.",
             "#![allow(non_camel_case_types)]",
             "use std::os::raw::{c_char, c_int, c_long, c_uchar, c_uint, c_void};", "",
             f"pub const BV_ABI_VERSION: c_int = {api['abi']};"]
    for enum in api["enums"]:
        lines += [""] + doc_lines(enum["doc"])
        lines.append(f"pub type {enum['name']} = c_int;")
        for value in enum["values"]:
            lines += doc_lines(value["doc"])
            lines.append(f"pub const {value['name']}: c_int = {value['value']};")
    for handle in api["handles"]:
        lines += ["", "#[repr(C)]", f"pub struct {handle['name']} {{", "    _private: [u8; 0],", "}"]
    for struct in api["structs"]:
        lines += [""] + doc_lines(struct["doc"]) + ["#[repr(C)]", f"pub struct {struct['name']} {{"]
        for field in struct["fields"]:
            lines += doc_lines(field["doc"], "    ")
            lines.append(f"    pub {identifier(field['name'])}: {type_name(field['type'])},")
        lines.append("}")
    lines += ["", "#[link(name = \"biovl\")]", "extern \"C\" {"]
    for function in api["functions"]:
        arguments = ", ".join(f"{identifier(p['name'])}: {type_name(p['type'], True)}"
                              for p in function["parameters"])
        lines += doc_lines(function["doc"], "    ")
        lines.append(f"    pub fn {function['name']}({arguments}){returned(function['returns'])};")
    return "\n".join(lines + ["}"]) + "\n"
