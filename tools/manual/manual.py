#!/usr/bin/env python3
"""usage: manual.py BIOVL OUT

Writes manual pages (scdoc sources) to OUT/man and completions for bash, zsh and fish to
OUT/completions, from what BIOVL VERB --help-json tells of its option tables.
"""
import json
import pathlib
import re
import subprocess
import sys

EVAL_TASKS = ("merge", "retrieval", "grounding", "vqa", "compare", "subgroups", "conformal", "labels", "protocols")


def run(command, *arguments):
    done = subprocess.run([command, *arguments], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def actions(text):
    """(name, summary) of the lines of a help text that name them."""
    return re.findall(r"^  ([a-z]+) {2,}(\S.*)$", text, re.M)


def verbs(biovl):
    """{verb: (summary, [usage, …])}: a verb's own usage, or those of its actions."""
    found = {}
    for name, summary in actions(run(biovl, "--help")):
        words = [[name]]
        if name in ("index", "pacs"):
            words = [[name, action] for action, _ in actions(run(biovl, name, "--help"))]
        elif name == "eval":
            words += [[name, task] for task in EVAL_TASKS]
        found[name] = summary, [json.loads(run(biovl, *w, "--help-json")) for w in words]
    return found


# ---- Manual pages ----


def escaped(text):
    text = re.sub(r"([\\_*<>#])", r"\\\1", text)
    return re.sub(r"^([-.|\]\[])", r"\\\1", text)  # what begins a list or a table


def option_lines(option):
    names = ", ".join(f"*{escaped(n)}*" for n in option["name"].split("|"))
    value = option.get("argument")
    return [names + (f" _{escaped(value)}_" if value else ""), "\t" + escaped(option["help"]), ""]


def page(name, summary, usages):
    lines = [f"biovl-{name}(1)", "", "# NAME", "", f"biovl-{name} - {escaped(summary)}", "",
             "# SYNOPSIS", ""]
    for usage in usages:
        lines += [f"*biovl {usage['command']}* {escaped(usage['synopsis'])}", ""]
    lines += ["# DESCRIPTION", ""]
    for usage in usages:
        if len(usages) > 1:
            lines += [f"## biovl {usage['command']}", ""]
        lines += [" ".join(escaped(usage["description"]).split()), ""]
        for option in usage["options"]:
            lines += option_lines(option)
    lines += ["# SEE ALSO", "", "*biovl*(1)", ""]
    return "\n".join(lines)


def front_page(found):
    lines = ["biovl(1)", "", "# NAME", "", "biovl - biomedical vision-language inference", "",
             "# SYNOPSIS", "", "*biovl* _COMMAND_ [options]", "", "# DESCRIPTION", "",
             "Runs published models that read radiographs and text. A tool for research, not a "
             "medical device: scores must not guide the care of a patient.", "", "# COMMANDS", ""]
    for name, (summary, _) in found.items():
        lines += [f"*biovl-{name}*(1)", "\t" + escaped(summary), ""]
    lines += ["# EXIT STATUS", ""]
    for code, meaning in ((0, "all is done"), (1, "some inputs failed, the others are done"),
                          (2, "wrong usage"), (3, "bad input or model"),
                          (4, "device or resources"), (5, "a defect of the program")):
        lines += [f"*{code}*", "\t" + meaning, ""]
    lines += ["# ENVIRONMENT", "", "*BIOVL\\_MODEL*", "\tThe model file that serves where none is "
              "named.", "", "*BIOVL\\_CPU*", "\tThe most that is used of the processor's "
              "instruction sets: portable, avx2, avx512, avx512bf16.", ""]
    return "\n".join(lines)


# ---- Completions ----


def long_names(usage):
    return [n for option in usage["options"] for n in option["name"].split("|")]


def bash(found):
    lines = ["# bash completion for biovl", "_biovl() {",
             "    local current=${COMP_WORDS[COMP_CWORD]} words=", "    COMPREPLY=()",
             "    if [ \"$COMP_CWORD\" -eq 1 ]; then",
             f"        words=\"{' '.join(found)} --help --version\"", "    else",
             "        case \"${COMP_WORDS[1]} ${COMP_WORDS[2]-}\" in"]
    for name, (_, usages) in found.items():
        own = {u["command"]: u for u in usages}
        for command, usage in sorted(own.items(), key=lambda item: -len(item[0])):
            pattern = f"'{command} '*" if " " not in command else f"'{command}'*"
            lines.append(f"        {pattern}) words=\"{' '.join(long_names(usage))} --help\" ;;")
        if name not in own:
            lines.append(f"        '{name} '*) words=\""
                         f"{' '.join(c.split()[1] for c in own)} --help\" ;;")
    lines += ["        esac", "    fi",
              "    if [[ $current == -* ]] || [ \"$COMP_CWORD\" -eq 1 ]; then",
              "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")", "    else",
              "        mapfile -t COMPREPLY < <(compgen -W \"${words//-[^ ]*/}\" -- \"$current\"; "
              "compgen -f -- \"$current\")", "    fi", "}",
              "complete -o filenames -F _biovl biovl", ""]
    return "\n".join(lines)


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def zsh(found):
    lines = ["#compdef biovl", "local -a commands", "commands=("]
    lines += [f"    {quoted(name + ':' + summary)}" for name, (summary, _) in found.items()]
    lines += [")", "if (( CURRENT == 2 )); then", "    _describe command commands", "    return",
              "fi", "case \"${words[2]} ${words[3]}\" in"]
    for _, usages in found.values():
        for usage in sorted(usages, key=lambda u: -len(u["command"])):
            pattern = quoted(usage["command"] + (" " if " " not in usage["command"] else "")) + "*"
            arguments = ["'*:file:_files'"]
            for option in usage["options"]:
                for name in option["name"].split("|"):
                    text = option["help"].translate(str.maketrans({"[": "(", "]": ")", ":": " "}))
                    arguments.append(quoted(name + f"[{text}]" + (
                        "" if option["kind"] == "flag" else f":{option['argument']}:_files")))
            lines.append(f"{pattern}) _arguments {' '.join(arguments)} ;;")
    lines += ["*) _files ;;", "esac", ""]
    return "\n".join(lines)


def fish(found):
    lines = []
    for name, (summary, usages) in found.items():
        lines.append(f"complete -c biovl -n __fish_use_subcommand -a {name} -d {quoted(summary)}")
        for usage in usages:
            words = usage["command"].split()
            for option in usage["options"]:
                names = [n for n in option["name"].split("|")]
                flags = " ".join(f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}"
                                 for n in names)
                value = "" if option["kind"] == "flag" else " -r"
                seen = " and ".join(f"__fish_seen_subcommand_from {w}" for w in words)
                lines.append(f"complete -c biovl -n {quoted(seen.replace(' and ', '; and '))} "
                             f"{flags}{value} -d {quoted(option['help'])}")
    return "\n".join(lines) + "\n"


def main():
    biovl, out = sys.argv[1], pathlib.Path(sys.argv[2])
    found = verbs(biovl)
    files = {"man/biovl.1.scd": front_page(found), "completions/biovl": bash(found),
             "completions/_biovl": zsh(found), "completions/biovl.fish": fish(found)}
    for name, (summary, usages) in found.items():
        files[f"man/biovl-{name}.1.scd"] = page(name, summary, usages)
    for name, text in files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
