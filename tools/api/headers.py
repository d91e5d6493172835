"""Reads the public headers: the part of C that include/biovl/ is written in, with its comments.

describe(folder) returns the description that docs/bindings.md explains. Whatever the reader does
not understand ends it with an error: a binding must not miss a declaration.
"""
import pathlib
import re

SCALARS = {"void", "char", "unsigned char", "int", "unsigned", "long", "size_t", "float", "double",
           "int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t"}


class HeaderError(Exception):
    pass


def comment_text(lines):
    return " ".join(line.strip()[2:].strip() for line in lines).strip()


def parse_type(words, pointers="", array=None):
    """A type from its words, the declarator's stars, and an array's size."""
    tokens = re.findall(r"\w+|\*", words + pointers)
    base, constants, depth = [], [False], 0
    for token in tokens:
        if token == "*":
            depth += 1
            constants.append(False)
        elif token == "const":
            constants[depth] = True
        elif depth == 0:
            base.append(token)
        else:
            raise HeaderError(f"{words}{pointers}: a word after the star")
    name = " ".join(base)
    if name not in SCALARS and not re.fullmatch(r"(struct|enum) bv_\w+", name):
        raise HeaderError(f"{name}: a type that bindings do not know")
    spelled = ("const " if constants[0] else "") + name
    for constant in constants[1:]:
        spelled += " *" + ("const" if constant else "")
    result = {"c": spelled.replace("* *", "**"), "base": name, "const": constants[0],
              "pointers": depth}
    if array is not None:
        result["array"] = array
    return result


def parse_parameters(text):
    if text.strip() == "void":
        return []
    return [parameter for part in text.split(",") for parameter in parse_declaration(part)]


def parse_declaration(text):
    """Fields or a parameter: one type and its declarators."""
    text = " ".join(text.split())
    callback = re.fullmatch(r"(.+?) ?\(\*(\w+)\)\((.*)\)", text)
    if callback:
        returns, name, parameters = callback.groups()
        return [{"name": name, "type": {"c": f"{returns} (*)({parameters})",
                                        "returns": parse_type(returns),
                                        "parameters": parse_parameters(parameters)}}]
    first = re.match(r"((?:const )?(?:(?:struct|enum) \w+|unsigned char|\w+))(?: (const)\b)?", text)
    if not first:
        raise HeaderError(f"{text}: not a declaration")
    found = []
    for declarator in text[first.end():].split(","):
        match = re.fullmatch(r"\s*((?:\*|const|\s)*)(\w+)(?:\[(\d+)\])?", declarator)
        if not match:
            raise HeaderError(f"{text}: not a declarator: {declarator}")
        stars, name, array = match.groups()
        found.append({"name": name,
                      "type": parse_type(first.group(0), " " + stars, array and int(array))})
    return found


def split_members(body, separator):
    """(declaration, comment) of each member of a struct or enum."""
    members, leading, current = [], [], ""
    for line in body.split("\n"):
        code, slashes, comment = line.partition("//")
        if not code.strip():
            if not slashes:
                leading = []
            elif len(code) > 4 and members and not current:
                members[-1][1].append("//" + comment)  # goes on beside the member before
            else:
                leading.append("//" + comment)
            continue
        current += " " + code.strip()
        if current.endswith(separator):
            members.append([current.strip().rstrip(separator), leading + (
                ["//" + comment] if slashes else [])])
            leading, current = [], ""
        elif slashes:
            leading.append("//" + comment)
    if current.strip():
        members.append([current.strip(), leading])
    return [(declaration, comment_text(comment)) for declaration, comment in members]


def parse_enum(body):
    values, next_value = [], 0
    for declaration, doc in split_members(body, ","):
        for part in declaration.split(","):
            name, _, value = (p.strip() for p in part.partition("="))
            next_value = int(value, 0) if value else next_value
            values.append({"name": name, "value": next_value, "doc": doc})
            next_value += 1
    return values


def parse_struct(body):
    return [dict(field, doc=doc) for declaration, doc in split_members(body, ";")
            for field in parse_declaration(declaration)]


def statements(text):
    """(comment lines, statement) of what stands at the outermost level."""
    text = re.sub(r"#ifdef __cplusplus.*?#endif\n", "", text, flags=re.S)
    text = re.sub(r"^#[^\n]*\n", "", text, flags=re.M)
    comment, statement, depth = [], "", 0
    for line in text.split("\n"):
        code = line.split("//")[0]
        if depth == 0 and not statement and not code.strip():
            comment = comment + [line] if line.strip() else []
            continue
        statement += line + "\n"
        depth += code.count("{") - code.count("}")
        if depth == 0 and code.rstrip().endswith(";"):
            yield comment, statement.strip()
            comment, statement = [], ""
    if statement.strip():
        raise HeaderError(f"an unfinished declaration: {statement[:60]}")


def parse_function(text):
    text, doc = re.sub(r"//[^\n]*", "", text), comment_text(re.findall(r"//[^\n]*", text))
    match = re.fullmatch(r"BV_API (.+?)(\**)(bv_\w+)\((.*)\);", " ".join(text.split()))
    if not match:
        raise HeaderError(f"neither function nor type: {text[:60]}")
    returns, stars, name, parameters = match.groups()
    return {"name": name, "returns": parse_type(returns, stars),
            "parameters": parse_parameters(parameters), "doc": doc}


def parse_header(name, text, api):
    for comment, statement in statements(text):
        common = {"header": name, "doc": comment_text(comment)}
        match = re.fullmatch(r"(struct|enum) (bv_\w+)(?: \{\n(.*)\})?;", statement, re.S)
        if not match:
            function = parse_function(statement)
            doc = (common["doc"] + " " + function["doc"]).strip()
            api["functions"].append({**function, **common, "doc": doc})
            continue
        kind, tag, body = match.groups()
        if body is None:
            api["handles"].setdefault(tag, dict(name=tag, **common))
        elif kind == "enum":
            api["enums"].append(dict(name=tag, values=parse_enum(body), **common))
        else:
            fields = parse_struct(body)
            api["structs"].append(dict(
                name=tag, sized=fields[0]["name"] == "size", fields=fields, **common))


def describe(folder):
    folder = pathlib.Path(folder)
    api = {"handles": {}, "enums": [], "structs": [], "functions": []}
    for path in sorted(folder.glob("*.h")):
        try:
            parse_header(f"biovl/{path.name}", path.read_text(encoding="utf-8"), api)
        except HeaderError as error:
            raise SystemExit(f"{path}: {error}") from None
    macros = dict(re.findall(r"#define BV_(\w+) (\d+)$", (folder / "version.h").read_text(), re.M))
    complete = {s["name"] for s in api["structs"]}
    handles = [h for h in api["handles"].values() if h["name"] not in complete]
    return {"version": "{VERSION_MAJOR}.{VERSION_MINOR}.{VERSION_PATCH}".format(**macros),
            "abi": int(macros["ABI_VERSION"]), **api, "handles": handles}
