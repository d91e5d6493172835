"""A C program that prints "struct size" and "struct.field offset" of every public struct."""


def write(api):
    lines = ["#include <stddef.h>", "#include <stdio.h>"]
    lines += [f"#include \"{h}\"" for h in sorted({s["header"] for s in api["structs"]})]
    lines += ["int main(void)", "{"]
    for struct in api["structs"]:
        name = struct["name"]
        lines.append(f"    printf(\"{name} %zu\\n\", sizeof(struct {name}));")
        for field in struct["fields"]:
            lines.append(f"    printf(\"{name}.{field['name']} %zu\\n\", "
                         f"offsetof(struct {name}, {field['name']}));")
    return "\n".join(lines + ["    return 0;", "}"]) + "\n"
