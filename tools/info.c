// biovl info: what is in a model file, which systems are known, which devices are there.
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "survey.h"

static void print_model(const json_t *info)
{
    const json_t *card = json_object_get(info, "card");
    static const char *const fields[] = {"title", "paper", "source", "license"};
    printf("system      %s\n", json_string_value(json_object_get(info, "system")));
    for (size_t i = 0; i < 4; i++)
        if (json_object_get(card, fields[i]))
            printf("%-11s %s\n", fields[i], json_string_value(json_object_get(card, fields[i])));
    printf("parameters  %" JSON_INTEGER_FORMAT "\n",
           json_integer_value(json_object_get(info, "parameters")));
    printf("tensors     %zu\n", json_array_size(json_object_get(info, "tensors")));
    printf("sha256      %s\n", json_string_value(json_object_get(info, "sha256")));
    static const char *const objects[] = {"image",       "text",    "tokenizer", "preprocess",
                                          "logit_scale", "prompts", "scoring",   "head"};
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        const json_t *value = json_object_get(card, objects[i]);
        char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
        if (text)
            printf("%-11s %.400s%s\n", objects[i], text, strlen(text) > 400 ? " …" : "");
        bv_free(text);
    }
}

static void print_systems(const json_t *systems)
{
    size_t i;
    const json_t *card;
    json_array_foreach(systems, i, card)
        printf("%-20s %-40s %s\n", json_string_value(json_object_get(card, "name")),
               json_string_value(json_object_get(card, "title")),
               json_string_value(json_object_get(card, "source")));
}

static void print_build(const json_t *info)
{
    char *text = json_dumps(info, JSON_INDENT(2));
    printf("%s\n", text ? text : "?");
    bv_free(text);
}

static void print_prompts(const json_t *sets)
{
    size_t i;
    const json_t *set;
    json_array_foreach(sets, i, set)
        printf("%-22s %s\n", json_string_value(json_object_get(set, "name")),
               json_string_value(json_object_get(set, "description")));
}

static void print_devices(const json_t *devices)
{
    size_t i;
    json_t *device;
    json_array_foreach(devices, i, device)
    {
        const char *key;
        json_t *value;
        json_object_foreach(device, key, value)
        {
            char *text = json_dumps(value, JSON_ENCODE_ANY);
            printf("%s%s=%s", strcmp(key, "device") == 0 ? "" : "  ", key, text ? text : "?");
            bv_free(text);
        }
        (void)putchar('\n');
    }
}

// Prints a JSON text as it is or through print.
static void show(char *json, bool as_json, void (*print)(const json_t *))
{
    json_t *value = as_json ? NULL : json_loads(json, JSON_DECODE_ANY, NULL);
    if (value)
        print(value);
    else
        printf("%s\n", json);
    json_decref(value);
    bv_free(json);
}

struct wanted {
    bool devices, systems, prompts, build, as_json;
    bool compile;
    const char *allowed;
};

static int run(const struct model_options *model, const struct wanted *w)
{
    struct opened o = {0};
    char *json = NULL;
    enum bv_status status = BV_OK;
    int code = EXIT_OK;
    if (w->build) {
        status = bv_build_info(&json);
        code = (int)exit_code_of(status);
        if (status == BV_OK)
            show(json, w->as_json, print_build);
    } else if (w->devices || w->systems || w->prompts) {
        status = bv_context_open(&o.context, model->threads);
        if (status == BV_OK && w->systems && (status = bv_systems(o.context, &json)) == BV_OK)
            show(json, w->as_json, print_systems);
        if (status == BV_OK && w->prompts && (status = bv_prompt_sets(o.context, &json)) == BV_OK)
            show(json, w->as_json, print_prompts);
        if (status == BV_OK && w->devices && w->compile) {
            code = survey_kernels(o.context, model->device, w->allowed, w->as_json);
            close_model(&o);
            return code;
        }
        if (status == BV_OK && w->devices && (status = bv_devices(o.context, &json)) == BV_OK)
            show(json, w->as_json, print_devices);
        code = (int)exit_code_of(status);
        if (status != BV_OK)
            (void)report_failure(o.context, status);
    } else {
        status = open_model(&o, model, false);
        code = (int)exit_code_of(status);
        if (status == BV_OK && bv_model_describe(o.context, o.model, &json) == BV_OK)
            show(json, w->as_json, print_model);
    }
    close_model(&o);
    return code;
}

int run_info(int argc, char **argv)
{
    struct model_options model = {0};
    struct strings files = {0};
    struct wanted w = {.devices = false};
    const struct option options[] = {
        {"--devices", OPTION_FLAG, &w.devices, NULL, "the processors and GPUs of this machine"},
        {"--systems", OPTION_FLAG, &w.systems, NULL, "the published systems that convert"},
        {"--prompts", OPTION_FLAG, &w.prompts, NULL,
         "the prompt sets that --templates takes by name"},
        {"--build", OPTION_FLAG, &w.build, NULL,
         "version, decoders, instruction sets and libraries of this build"},
        {"--compile", OPTION_FLAG, &w.compile, NULL,
         "with --devices: compile every GPU kernel; 1: refused, 2: spills"},
        {"--allow-spills", OPTION_STRING, &w.allowed, "FILE", "lines: SHADER MOST DEVICE"},
        {"--json", OPTION_FLAG, &w.as_json, NULL, "everything, as JSON"},
        MODEL_OPTIONS(&model),
    };
    const struct usage usage = {"info",
                                "[MODEL] [--devices] [--systems] [--prompts] [--build] [--json]",
                                "Describes a model file, or what this build and machine can do.",
                                options, sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &files);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK && files.n > 1) {
        (void)fprintf(stderr, "usage: biovl info %s\n", usage.synopsis);
    } else if (parsed == PARSE_OK) {
        if (files.n)
            model.model = files.items[0];
        code = run(&model, &w);
    }
    free_strings(&files);
    return code;
}
