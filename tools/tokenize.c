// biovl tokenize: token ids of texts, as JSON lines.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

// A JSON string; control characters are escaped, the rest of UTF-8 stays.
static void print_json_string(const char *text)
{
    (void)putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < 0x20)
            printf("\\u%04x", *c);
        else
            (void)putchar(*c);
    }
    (void)putchar('"');
}

static enum bv_status tokenize_one(const struct opened *o, const char *text)
{
    int32_t *ids = NULL;
    size_t n = 0;
    int truncated = 0;
    enum bv_status status =
        bv_tokenize(o->context, o->model, text, strlen(text), &ids, &n, &truncated);
    if (status != BV_OK)
        return status;
    (void)fputs("{\"text\":", stdout);
    print_json_string(text);
    (void)fputs(",\"ids\":[", stdout);
    for (size_t i = 0; i < n; i++)
        printf("%s%d", i ? "," : "", ids[i]);
    printf("]%s}\n", truncated ? ",\"truncated\":true" : "");
    bv_free(ids);
    return BV_OK;
}

static int run(const struct model_options *model, const struct strings *texts)
{
    struct opened o = {0};
    enum bv_status status = open_model(&o, model, false), last = BV_OK;
    int code = (int)exit_code_of(status);
    size_t n_failed = 0;
    for (size_t i = 0; status == BV_OK && i < texts->n; i++) {
        enum bv_status one = tokenize_one(&o, texts->items[i]);
        if (one != BV_OK) {
            (void)report_failure(o.context, one);
            last = one;
            n_failed++;
        }
    }
    if (status == BV_OK)
        code = (int)exit_code_of_batch(texts->n, n_failed, last);
    close_model(&o);
    return code;
}

int run_tokenize(int argc, char **argv)
{
    struct model_options model = {0};
    struct strings texts = {0}, rest = {0};
    const char *file = NULL;
    const struct option options[] = {
        {"--text|-t", OPTION_LIST, &texts, "TEXT...", "texts"},
        {"--text-file", OPTION_STRING, &file, "FILE", "one text per line, - is stdin"},
        MODEL_OPTIONS(&model),
    };
    const struct usage usage = {"tokenize", "(--text TEXT... | --text-file FILE) [--model M]",
                                "Prints {\"text\":…,\"ids\":[…]} for each text.", options,
                                sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &rest);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    char *text = NULL;
    size_t size = 0;
    if (parsed == PARSE_OK && (rest.n > 0 || (texts.n == 0) == !file)) {
        (void)fprintf(stderr, "usage: biovl tokenize %s\n", usage.synopsis);
    } else if (parsed == PARSE_OK) {
        code = EXIT_INPUT;
        if (file)
            text = read_text(file, &size);
        if (!file || (text && split_lines(text, size, true, &texts)))
            code = run(&model, &texts);
    }
    free(text);
    free_strings(&texts);
    free_strings(&rest);
    return code;
}
