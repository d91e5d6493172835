#include "checkpoint/pickle.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "checkpoint/torch.h"

#define MAX_NAME_BYTES 512

typedef enum bv_status constructor(struct bv_pickle *pickle, const struct bv_pickle_value *function,
                                   struct bv_pickle_value *args, struct bv_pickle_value **out,
                                   struct bv_error *err);

// construct NULL: a token only, which may be passed around but not called.
struct bv_pickle_rule {
    const char *name;
    constructor *construct;
};

// ---- constructors ----------------------------------------------------------------------------

static enum bv_status make_object(struct bv_pickle *p, const struct bv_pickle_value *function,
                                  struct bv_pickle_value *args, struct bv_pickle_value **out,
                                  struct bv_error *err)
{
    return bv_pickle_new_object(p, function, args, out, err);
}

// A container of kind filled from the first argument where that is a sequence.
static enum bv_status make_sequence(struct bv_pickle *p, enum bv_pickle_kind kind,
                                    const struct bv_pickle_value *args,
                                    struct bv_pickle_value **out, struct bv_error *err)
{
    const struct bv_pickle_value *from = bv_pickle_item(args, 0);
    BV_TRY(bv_pickle_new(p, kind, out, err));
    if (!bv_pickle_item(from, 0))
        return BV_OK;
    return bv_pickle_append(p, *out, from->items, from->n, err);
}

static enum bv_status make_list(struct bv_pickle *p, const struct bv_pickle_value *function,
                                struct bv_pickle_value *args, struct bv_pickle_value **out,
                                struct bv_error *err)
{
    (void)function;
    return make_sequence(p, BV_PICKLE_LIST, args, out, err);
}

static enum bv_status make_tuple(struct bv_pickle *p, const struct bv_pickle_value *function,
                                 struct bv_pickle_value *args, struct bv_pickle_value **out,
                                 struct bv_error *err)
{
    (void)function;
    return make_sequence(p, BV_PICKLE_TUPLE, args, out, err);
}

static enum bv_status make_set(struct bv_pickle *p, const struct bv_pickle_value *function,
                               struct bv_pickle_value *args, struct bv_pickle_value **out,
                               struct bv_error *err)
{
    (void)function;
    return make_sequence(p, BV_PICKLE_SET, args, out, err);
}

// dict(), dict(other) and dict([(key, value), …]); defaultdict's first argument is a type.
static enum bv_status make_dict(struct bv_pickle *p, const struct bv_pickle_value *function,
                                struct bv_pickle_value *args, struct bv_pickle_value **out,
                                struct bv_error *err)
{
    (void)function;
    const struct bv_pickle_value *from = bv_pickle_item(args, 0);
    if (from && from->kind == BV_PICKLE_GLOBAL)
        from = bv_pickle_item(args, 1);
    BV_TRY(bv_pickle_new(p, BV_PICKLE_DICT, out, err));
    if (from && from->kind == BV_PICKLE_DICT)
        return bv_pickle_append(p, *out, from->items, from->n, err);
    for (size_t i = 0; bv_pickle_item(from, i); i++) {
        struct bv_pickle_value *pair[2] = {bv_pickle_item(bv_pickle_item(from, i), 0),
                                           bv_pickle_item(bv_pickle_item(from, i), 1)};
        if (!pair[0] || !pair[1])
            return bv_fail(err, BV_ERR_FORMAT, "a dictionary of things that are not pairs");
        BV_TRY(bv_pickle_append(p, *out, pair, 1, err));
    }
    return BV_OK;
}

// Text that stands for bytes, one code point below 256 for each: what protocol 2 has for bytes.
static enum bv_status latin1(struct bv_pickle *p, const struct bv_pickle_value *text,
                             struct bv_pickle_value *out, struct bv_error *err)
{
    char *bytes = NULL;
    BV_TRY(bv_pickle_text(p, text->n + 1, &bytes, err));
    size_t n = 0, taken = 0;
    for (size_t at = 0; at < text->n; at += taken) {
        uint32_t code = 0;
        taken = bv_utf8_decode(text->text + at, text->n - at, &code);
        if (!taken || code > 255)
            return bv_fail(err, BV_ERR_FORMAT, "text that does not stand for bytes");
        bytes[n++] = (char)code;
    }
    out->text = bytes;
    out->n = n;
    return BV_OK;
}

// bytes(…), bytearray(…) and _codecs.encode(text, 'latin1').
static enum bv_status make_bytes(struct bv_pickle *p, const struct bv_pickle_value *function,
                                 struct bv_pickle_value *args, struct bv_pickle_value **out,
                                 struct bv_error *err)
{
    (void)function;
    const struct bv_pickle_value *from = bv_pickle_item(args, 0);
    BV_TRY(bv_pickle_new(p, BV_PICKLE_BYTES, out, err));
    if (from && from->kind == BV_PICKLE_STRING)
        return latin1(p, from, *out, err);
    if (from && from->kind == BV_PICKLE_BYTES) {
        (*out)->text = from->text;
        (*out)->n = from->n;
    }
    return BV_OK;
}

static double number(const struct bv_pickle_value *value)
{
    if (value && value->kind == BV_PICKLE_INT)
        return (double)value->integer;
    return value && value->kind == BV_PICKLE_FLOAT ? value->real : 0;
}

static enum bv_status make_complex(struct bv_pickle *p, const struct bv_pickle_value *function,
                                   struct bv_pickle_value *args, struct bv_pickle_value **out,
                                   struct bv_error *err)
{
    (void)function;
    BV_TRY(bv_pickle_new(p, BV_PICKLE_COMPLEX, out, err));
    (*out)->parts[0] = number(bv_pickle_item(args, 0));
    (*out)->parts[1] = number(bv_pickle_item(args, 1));
    return BV_OK;
}

// copyreg._reconstructor(type, base, state): an instance without state.
static enum bv_status make_instance(struct bv_pickle *p, const struct bv_pickle_value *function,
                                    struct bv_pickle_value *args, struct bv_pickle_value **out,
                                    struct bv_error *err)
{
    (void)function;
    const struct bv_pickle_value *type = bv_pickle_item(args, 0);
    if (!type || type->kind != BV_PICKLE_GLOBAL)
        return bv_fail(err, BV_ERR_FORMAT, "an instance without a class");
    return bv_pickle_instance(p, type, NULL, out, err);
}

// Parameters, and TorchScript's type tags: the first argument, as it is.
static enum bv_status make_first(struct bv_pickle *p, const struct bv_pickle_value *function,
                                 struct bv_pickle_value *args, struct bv_pickle_value **out,
                                 struct bv_error *err)
{
    (void)p;
    struct bv_pickle_value *first = bv_pickle_item(args, 0);
    if (!first)
        return bv_fail(err, BV_ERR_FORMAT, "%s without an argument", function->text);
    *out = first;
    return BV_OK;
}

// torch._tensor._rebuild_from_type_v2(function, type, args, state): a tensor subclass.
static enum bv_status make_subclass(struct bv_pickle *p, const struct bv_pickle_value *function,
                                    struct bv_pickle_value *args, struct bv_pickle_value **out,
                                    struct bv_error *err)
{
    (void)function;
    const struct bv_pickle_value *inner = bv_pickle_item(args, 0);
    if (!inner || inner->kind != BV_PICKLE_GLOBAL ||
        strncmp(inner->text, "torch._utils.", strlen("torch._utils.")) != 0)
        return bv_fail(err, BV_ERR_REFUSED,
                       "refused: a tensor is rebuilt by something other than "
                       "torch; nothing was run");
    return bv_pickle_call(p, inner, bv_pickle_item(args, 2), out, err);
}

// ---- the list --------------------------------------------------------------------------------

// Sorted by name. builtins, copyreg and numpy.core stand for their older and newer names too.
static const struct bv_pickle_rule rules[] = {
    {"_codecs.encode", make_bytes},
    {"argparse.Namespace", make_object},
    {"builtins.Ellipsis", NULL},
    {"builtins.NotImplemented", NULL},
    {"builtins.bool", NULL},
    {"builtins.bytearray", make_bytes},
    {"builtins.bytes", make_bytes},
    {"builtins.complex", make_complex},
    {"builtins.dict", make_dict},
    {"builtins.float", NULL},
    {"builtins.frozenset", make_set},
    {"builtins.int", NULL},
    {"builtins.list", make_list},
    {"builtins.long", NULL},
    {"builtins.object", make_object},
    {"builtins.range", make_object},
    {"builtins.set", make_set},
    {"builtins.slice", make_object},
    {"builtins.str", NULL},
    {"builtins.tuple", make_tuple},
    {"builtins.type", NULL},
    {"builtins.unicode", NULL},
    {"collections.Counter", make_dict},
    {"collections.OrderedDict", make_dict},
    {"collections.defaultdict", make_dict},
    {"collections.deque", make_list},
    {"copyreg._reconstructor", make_instance},
    {"datetime.date", make_object},
    {"datetime.datetime", make_object},
    {"datetime.time", make_object},
    {"datetime.timedelta", make_object},
    {"datetime.timezone", make_object},
    {"decimal.Decimal", make_object},
    {"fractions.Fraction", make_object},
    {"functools.partial", make_object},
    {"numpy.core.multiarray._reconstruct", bv_numpy_reconstruct},
    {"numpy.core.multiarray.scalar", bv_numpy_scalar},
    {"numpy.dtype", make_object},
    {"numpy.ndarray", NULL},
    {"pathlib.Path", make_object},
    {"pathlib.PosixPath", make_object},
    {"pathlib.PurePath", make_object},
    {"pathlib.PurePosixPath", make_object},
    {"pathlib.PureWindowsPath", make_object},
    {"pathlib.WindowsPath", make_object},
    {"torch.Size", make_tuple},
    {"torch._tensor._rebuild_from_type_v2", make_subclass},
    {"torch._utils._rebuild_meta_tensor_no_storage", make_object},
    {"torch._utils._rebuild_parameter", make_first},
    {"torch._utils._rebuild_parameter_with_state", make_first},
    {"torch._utils._rebuild_qtensor", make_object},
    {"torch._utils._rebuild_sparse_tensor", make_object},
    {"torch._utils._rebuild_tensor", bv_torch_rebuild},
    {"torch._utils._rebuild_tensor_v2", bv_torch_rebuild},
    {"torch._utils._rebuild_tensor_v3", bv_torch_rebuild_v3},
    {"torch.device", make_object},
    {"torch.jit._pickle.build_boollist", make_list},
    {"torch.jit._pickle.build_doublelist", make_list},
    {"torch.jit._pickle.build_intlist", make_list},
    {"torch.jit._pickle.build_tensorlist", make_list},
    {"torch.jit._pickle.restore_type_tag", make_first},
    {"torch.serialization._get_layout", make_object},
    {"typing.Any", NULL},
    {"uuid.UUID", make_object},
};

// Classes (names in capitals) of these packages are called when an enumeration or a small record
// is pickled; the call makes an opaque object.
static const char *const harmless_packages[] = {
    "fairseq.",      "lightning.",   "lightning_fabric.",
    "numpy.random.", "omegaconf.",   "pytorch_lightning.",
    "timm.",         "torch.nn.",    "torch.optim.",
    "torchmetrics.", "torchvision.", "transformers.",
    "yacs.",
};

// The standard library: a name in it that is not on the list above has no place in a model file.
// Sorted.
static const char *const standard_library[] = {
    "_codecs",
    "_collections",
    "_ctypes",
    "_frozen_importlib",
    "_imp",
    "_io",
    "_operator",
    "_pickle",
    "_posixsubprocess",
    "_socket",
    "_sqlite3",
    "_ssl",
    "_thread",
    "_winapi",
    "abc",
    "aifc",
    "antigravity",
    "array",
    "ast",
    "asyncio",
    "asyncore",
    "atexit",
    "base64",
    "bdb",
    "binascii",
    "bisect",
    "builtins",
    "bz2",
    "cProfile",
    "calendar",
    "cgi",
    "cgitb",
    "cmd",
    "code",
    "codecs",
    "codeop",
    "collections",
    "commands",
    "compileall",
    "concurrent",
    "configparser",
    "contextlib",
    "contextvars",
    "copy",
    "copyreg",
    "csv",
    "ctypes",
    "curses",
    "dataclasses",
    "datetime",
    "dbm",
    "decimal",
    "difflib",
    "dis",
    "distutils",
    "doctest",
    "email",
    "ensurepip",
    "enum",
    "faulthandler",
    "fcntl",
    "filecmp",
    "fileinput",
    "fnmatch",
    "fractions",
    "ftplib",
    "functools",
    "gc",
    "getpass",
    "gettext",
    "glob",
    "grp",
    "gzip",
    "hashlib",
    "heapq",
    "hmac",
    "html",
    "http",
    "idlelib",
    "imaplib",
    "imp",
    "importlib",
    "inspect",
    "io",
    "itertools",
    "json",
    "keyword",
    "lib2to3",
    "linecache",
    "locale",
    "logging",
    "lzma",
    "mailbox",
    "marshal",
    "math",
    "mimetypes",
    "mmap",
    "modulefinder",
    "msvcrt",
    "multiprocessing",
    "netrc",
    "nntplib",
    "nt",
    "ntpath",
    "numbers",
    "opcode",
    "operator",
    "optparse",
    "os",
    "pdb",
    "pickle",
    "pickletools",
    "pip",
    "pipes",
    "pkg_resources",
    "pkgutil",
    "platform",
    "plistlib",
    "popen2",
    "poplib",
    "posix",
    "posixpath",
    "pprint",
    "profile",
    "pstats",
    "pty",
    "pwd",
    "py_compile",
    "pydoc",
    "queue",
    "random",
    "re",
    "readline",
    "reprlib",
    "resource",
    "rlcompleter",
    "runpy",
    "sched",
    "secrets",
    "select",
    "selectors",
    "setuptools",
    "shelve",
    "shlex",
    "shutil",
    "signal",
    "site",
    "smtpd",
    "smtplib",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "stat",
    "statistics",
    "string",
    "struct",
    "subprocess",
    "symtable",
    "sys",
    "sysconfig",
    "syslog",
    "tarfile",
    "telnetlib",
    "tempfile",
    "termios",
    "textwrap",
    "threading",
    "time",
    "timeit",
    "tkinter",
    "tokenize",
    "trace",
    "traceback",
    "tracemalloc",
    "tty",
    "turtle",
    "types",
    "unittest",
    "urllib",
    "urllib2",
    "uuid",
    "venv",
    "warnings",
    "wave",
    "weakref",
    "webbrowser",
    "winreg",
    "wsgiref",
    "xml",
    "xmlrpc",
    "zipapp",
    "zipfile",
    "zipimport",
    "zlib",
};

static int compare_rule(const void *name, const void *rule)
{
    return strcmp(name, ((const struct bv_pickle_rule *)rule)->name);
}

static int compare_text(const void *name, const void *text)
{
    return strcmp(name, *(const char *const *)text);
}

static bool in_standard_library(const char *name)
{
    char package[32];
    size_t n = strcspn(name, ".");
    if (n >= sizeof package)
        return false;
    memcpy(package, name, n);
    package[n] = 0;
    return bsearch(package, standard_library, sizeof standard_library / sizeof *standard_library,
                   sizeof *standard_library, compare_text) != NULL;
}

// Python 2 and 3, and NumPy 1 and 2, have different names for a few modules.
static const char *modern_name(const char *name, char *buffer, size_t size)
{
    static const char *const older[][2] = {
        {"__builtin__.", "builtins."},
        {"copy_reg.", "copyreg."},
        {"numpy._core.", "numpy.core."},
        {"pathlib._local.", "pathlib."},
    };
    for (size_t i = 0; i < sizeof older / sizeof *older; i++) {
        size_t n = strlen(older[i][0]);
        if (strncmp(name, older[i][0], n) == 0 && strlen(older[i][1]) + strlen(name + n) < size) {
            size_t prefix = strlen(older[i][1]);
            memcpy(buffer, older[i][1], prefix);
            memcpy(buffer + prefix, name + n, strlen(name + n) + 1);
            return buffer;
        }
    }
    return name;
}

// Letters, digits, '_', '.' and bytes of UTF-8: what an identifier can hold.
static bool is_identifier(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("_.<>", text[i]) &&
            !((unsigned char)text[i] & 0x80))
            return false;
    return n > 0 && memchr(text, 0, n) == NULL && bv_utf8_valid(text, n, NULL);
}

enum bv_status bv_pickle_global(struct bv_pickle *pickle, const char *module, size_t module_bytes,
                                const char *name, size_t name_bytes, struct bv_pickle_value **out,
                                struct bv_error *err)
{
    if (module_bytes + name_bytes > MAX_NAME_BYTES || !is_identifier(module, module_bytes) ||
        !is_identifier(name, name_bytes))
        return bv_fail(err, BV_ERR_FORMAT, "the pickle names something that is no identifier");
    struct bv_pickle_value *value = NULL;
    BV_TRY(bv_pickle_new(pickle, BV_PICKLE_GLOBAL, &value, err));
    char *text = NULL;
    BV_TRY(bv_pickle_text(pickle, module_bytes + name_bytes + 2, &text, err));
    memcpy(text, module, module_bytes);
    text[module_bytes] = '.';
    memcpy(text + module_bytes + 1, name, name_bytes);
    text[module_bytes + 1 + name_bytes] = 0;
    char buffer[MAX_NAME_BYTES + 16];
    const char *modern = modern_name(text, buffer, sizeof buffer);
    value->rule = bsearch(modern, rules, sizeof rules / sizeof *rules, sizeof *rules, compare_rule);
    if (!value->rule && in_standard_library(modern))
        return bv_fail(err, BV_ERR_REFUSED,
                       "refused: the pickle names %s, which has no place in a model file; nothing "
                       "was run",
                       text);
    value->text = value->rule ? value->rule->name : text;
    value->n = strlen(value->text);
    *out = value;
    return BV_OK;
}

static bool is_harmless_class(const char *name)
{
    const char *last = strrchr(name, '.');
    if (!last || !isupper((unsigned char)last[1]))
        return false;
    for (size_t i = 0; i < sizeof harmless_packages / sizeof *harmless_packages; i++)
        if (strncmp(name, harmless_packages[i], strlen(harmless_packages[i])) == 0)
            return true;
    return false;
}

enum bv_status bv_pickle_call(struct bv_pickle *pickle, const struct bv_pickle_value *function,
                              struct bv_pickle_value *args, struct bv_pickle_value **out,
                              struct bv_error *err)
{
    if (function->kind != BV_PICKLE_GLOBAL)
        return bv_fail(err, BV_ERR_REFUSED,
                       "refused: the pickle calls something that it made itself; nothing was run");
    if (function->rule && function->rule->construct)
        return function->rule->construct(pickle, function, args, out, err);
    if (!function->rule && is_harmless_class(function->text))
        return bv_pickle_new_object(pickle, function, args, out, err);
    return bv_fail(err, BV_ERR_REFUSED,
                   "refused: the pickle calls %s, which is not one of the constructors that model "
                   "files need; nothing was run",
                   function->text);
}

enum bv_status bv_pickle_instance(struct bv_pickle *pickle, const struct bv_pickle_value *type,
                                  struct bv_pickle_value *args, struct bv_pickle_value **out,
                                  struct bv_error *err)
{
    if (type->kind != BV_PICKLE_GLOBAL)
        return bv_fail(err, BV_ERR_FORMAT, "an instance of something that is no class");
    if (type->rule && (type->rule->construct == make_dict || type->rule->construct == make_list ||
                       type->rule->construct == make_set || type->rule->construct == make_tuple))
        return type->rule->construct(pickle, type, args, out, err);
    return bv_pickle_new_object(pickle, type, args, out, err);
}

enum bv_status bv_pickle_build(struct bv_pickle *pickle, struct bv_pickle_value *value,
                               struct bv_pickle_value *state, struct bv_error *err)
{
    if (value->kind == BV_PICKLE_GLOBAL)
        return bv_fail(err, BV_ERR_REFUSED,
                       "refused: the pickle changes %s itself; nothing was run", value->text);
    if (value->kind != BV_PICKLE_OBJECT)
        return BV_OK;
    if (bv_pickle_is(value->object->type, "numpy.ndarray"))
        return bv_numpy_set_state(pickle, value, state, err);
    // (state of __dict__, state of __slots__): the former where there is one
    struct bv_pickle_value *first = bv_pickle_item(state, 0), *second = bv_pickle_item(state, 1);
    bool pair = state->kind == BV_PICKLE_TUPLE && state->n == 2 && second->kind == BV_PICKLE_DICT;
    if (pair)
        state = first->kind == BV_PICKLE_DICT ? first : second;
    value->object->state = state;
    return BV_OK;
}
