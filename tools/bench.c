// biovl bench: times of encoders, one row per configuration.
#include "biovl/bench.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

struct bench {
    const char *arch, *batches, *thread_counts, *precisions, *tokens, *device;
    int seconds_tenths;
    bool json, csv, markdown, ops;
    const struct bv_model *model;
};

static void print_header(const struct bench *b)
{
    if (b->csv)
        printf("arch,device,precision,threads,batch,tokens,runs,ms_per_item,sd,min_ms\n");
    else if (b->markdown)
        printf("| arch | device | precision | threads | batch | tokens | ms/item | sd |\n"
               "|---|---|---|---|---|---|---|---|\n");
}

static void print_ops(const json_t *ops)
{
    size_t i;
    const json_t *op;
    json_array_foreach(ops, i, op) printf("    %9.4f ms %9.1f GFLOP/s  %-12s %-28s %s\n",
                                          json_real_value(json_object_get(op, "ms")),
                                          json_real_value(json_object_get(op, "gflops")),
                                          json_string_value(json_object_get(op, "op")),
                                          json_string_value(json_object_get(op, "kernel")),
                                          json_string_value(json_object_get(op, "name")));
}

static void print_row(const struct bench *b, const char *json)
{
    json_t *row = b->json ? NULL : json_loads(json, 0, NULL);
    if (!row) {
        printf("%s\n", json);
        return;
    }
    const char *format = b->csv ? "%s,%s,%s,%lld,%lld,%lld,%lld,%.6g,%.6g,%.6g\n"
                         : b->markdown
                             ? "| %s | %s | %s | %lld | %lld | %lld | %.3f | %.3f |\n"
                             : "%-10s %-10s %-5s threads %lld  batch %-4lld tokens %-4lld "
                               "%10.3f ms/item  sd %.3f\n";
    const char *arch = json_string_value(json_object_get(row, "arch"));
    const char *device = json_string_value(json_object_get(row, "device"));
    const char *precision = json_string_value(json_object_get(row, "precision"));
    long long threads = json_integer_value(json_object_get(row, "threads"));
    long long batch = json_integer_value(json_object_get(row, "batch"));
    long long tokens = json_integer_value(json_object_get(row, "tokens"));
    double ms = json_real_value(json_object_get(row, "ms_per_item"));
    double sd = json_real_value(json_object_get(row, "sd"));
    if (b->csv)
        printf(format, arch, device, precision, threads, batch, tokens,
               (long long)json_integer_value(json_object_get(row, "runs")), ms, sd,
               json_real_value(json_object_get(row, "min_ms")));
    else
        printf(format, arch, device, precision, threads, batch, tokens, ms, sd);
    print_ops(json_object_get(row, "ops"));
    json_decref(row);
}

// The next number of a list "1,8,32"; false at its end.
static bool next_number(const char **list, int *number)
{
    if (!**list)
        return false;
    char *end = NULL;
    long value = strtol(*list, &end, 10);
    *number = end == *list || value < 0 || value > 100000 ? -1 : (int)value;
    *list = *end ? end + 1 : end;
    return true;
}

static enum bv_status measure(const struct bench *b, struct bv_context *context,
                              struct bv_bench_options *o)
{
    char *json = NULL;
    enum bv_status status = bv_bench(context, o, &json);
    if (status == BV_OK)
        print_row(b, json);
    (void)fflush(stdout);
    bv_free(json);
    return status;
}

// Every combination of the lists.
static enum bv_status measure_all(const struct bench *b, struct bv_context *context,
                                  struct bv_bench_options *o)
{
    enum bv_status status = BV_OK;
    const char *threads = b->thread_counts;
    while (status == BV_OK && next_number(&threads, &o->threads)) {
        const char *batches = b->batches;
        while (status == BV_OK && next_number(&batches, &o->batch)) {
            const char *tokens = b->tokens;
            while (status == BV_OK && next_number(&tokens, &o->tokens))
                status = measure(b, context, o);
        }
    }
    return status;
}

static int run(struct bench *b, const char *model_file)
{
    struct bv_context *context = NULL;
    struct bv_model *model = NULL;
    struct bv_bench_options o = {
        .size = sizeof o, .arch = b->arch, .device = b->device, .ops = b->ops};
    o.seconds = b->seconds_tenths / 10.0;
    enum bv_status status = bv_context_open(&context, 1);
    if (status == BV_OK && !b->arch)
        status = bv_model_open(context, model_file, &model);
    o.model = model;
    if (!b->tokens) // an image encoder, and for a model its text encoder too
        b->tokens = !b->arch ? "0,32" : strncmp(b->arch, "bert", 4) == 0 ? "128" : "0";
    print_header(b);
    for (const char *p = b->precisions; status == BV_OK && *p;) {
        char precision[16];
        size_t n = strcspn(p, ",");
        (void)snprintf(precision, sizeof precision, "%.*s", (int)n, p);
        p += n + (p[n] == ',');
        o.precision = precision;
        status = measure_all(b, context, &o);
    }
    int code = (int)exit_code_of(status);
    if (status != BV_OK)
        code = (int)report_failure(context, status);
    bv_model_close(&model);
    bv_context_close(&context);
    return code;
}

int run_bench(int argc, char **argv)
{
    struct bench b = {.batches = "1",
                      .thread_counts = "0",
                      .precisions = "auto",
                      .device = "auto",
                      .seconds_tenths = 10};
    struct strings files = {0};
    const struct option options[] = {
        {"--arch", OPTION_STRING, &b.arch, "NAME",
         "resnet50, vit-b16, vit-b32, swin-t, bert-base (random weights)"},
        {"--tokens", OPTION_STRING, &b.tokens, "N,N", "lengths of the texts"},
        {"--batch", OPTION_STRING, &b.batches, "N,N", "images or texts at once (1)"},
        {"--threads", OPTION_STRING, &b.thread_counts, "N,N", "processor threads (0: all)"},
        {"--device", OPTION_STRING, &b.device, "DEVICE", "auto, cpu, vulkan, vulkan:1"},
        {"--precision", OPTION_STRING, &b.precisions, "P,P",
         "auto, f32; GPU: f16; CPU: bf16, int8"},
        {"--deciseconds", OPTION_INTEGER, &b.seconds_tenths, "N", "how long to repeat (10: 1 s)"},
        {"--ops", OPTION_FLAG, &b.ops, NULL, "times per op, from the GPU's timestamps"},
        {"--json", OPTION_FLAG, &b.json, NULL, "one JSON object per row"},
        {"--csv", OPTION_FLAG, &b.csv, NULL, "comma-separated rows"},
        {"--markdown", OPTION_FLAG, &b.markdown, NULL, "a table"},
    };
    const struct usage usage = {"bench", "(MODEL | --arch NAME) [options]",
                                "Times encoders: mean and deviation of wall milliseconds per item.",
                                options, sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &files);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        const char *model = model_path(files.n ? files.items[0] : NULL);
        if (files.n > 1 || (b.arch && files.n) || (!b.arch && !model) ||
            b.json + b.csv + b.markdown > 1)
            (void)fprintf(stderr, "usage: biovl bench %s\n", usage.synopsis);
        else
            code = run(&b, model);
    }
    free_strings(&files);
    return code;
}
