#include "arguments.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool add_string(struct strings *strings, const char *text)
{
    const char **items = realloc(strings->items, (strings->n + 1) * sizeof *items);
    if (!items)
        return false;
    items[strings->n++] = text;
    strings->items = items;
    return true;
}

void free_strings(struct strings *strings)
{
    free(strings->items);
    *strings = (struct strings){0};
}

// Whether a word is one of the alternatives "--output|-o".
static bool is_named(const char *name, const char *word, size_t n)
{
    for (const char *at = name; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
        size_t length = strcspn(at, "|");
        if (length == n && memcmp(at, word, n) == 0)
            return true;
    }
    return false;
}

static const struct option *find(const struct usage *usage, const char *word, size_t n)
{
    for (size_t i = 0; i < usage->n_options; i++)
        if (is_named(usage->options[i].name, word, n))
            return &usage->options[i];
    return NULL;
}

static enum parse_result complain(const struct usage *usage, const char *format, const char *word)
{
    (void)fprintf(stderr, "biovl %s: ", usage->command);
    (void)fprintf(stderr, format, word);
    (void)fprintf(stderr, " (biovl %s --help)\n", usage->command);
    return PARSE_ERROR;
}

static void print_usage(const struct usage *usage)
{
    printf("usage: biovl %s %s\n\n%s\n\n", usage->command, usage->synopsis, usage->description);
    for (size_t i = 0; i < usage->n_options; i++) {
        const struct option *o = &usage->options[i];
        char left[64];
        (void)snprintf(left, sizeof left, "%s %s", o->name, o->argument ? o->argument : "");
        printf("  %-28s %s\n", left, o->help);
    }
}

// The same for programs: manual pages and completions are made of it (tools/manual).
static void print_usage_json(const struct usage *usage)
{
    static const char *const kinds[] = {"flag", "string", "integer", "list"};
    json_t *options = json_array();
    for (size_t i = 0; i < usage->n_options; i++) {
        const struct option *o = &usage->options[i];
        (void)json_array_append_new(options, json_pack("{s:s, s:s, s:s*, s:s}", "name", o->name,
                                                       "kind", kinds[o->kind], "argument",
                                                       o->argument, "help", o->help));
    }
    json_t *told =
        json_pack("{s:s, s:s, s:s, s:o}", "command", usage->command, "synopsis", usage->synopsis,
                  "description", usage->description, "options", options);
    (void)json_dumpf(told, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(told);
}

// "- Lungs are clear." and "-Effusion on the left" are texts: no option's name has a blank in it.
static bool looks_like_option(const char *word)
{
    size_t n = strcspn(word, " \t\n");
    return word[0] == '-' && word[1] != 0 && (word[n] == 0 || strcspn(word, "=") < n);
}

static enum parse_result set_value(const struct usage *usage, const struct option *o,
                                   const char *value)
{
    char *end = NULL;
    switch (o->kind) {
    case OPTION_STRING:
        *(const char **)o->target = value;
        return PARSE_OK;
    case OPTION_INTEGER:
        errno = 0;
        long number = strtol(value, &end, 10);
        if (errno || end == value || *end || number < INT_MIN || number > INT_MAX)
            return complain(usage, "\"%s\" is not a number", value);
        *(int *)o->target = (int)number;
        return PARSE_OK;
    case OPTION_LIST:
        return add_string(o->target, value) ? PARSE_OK : complain(usage, "%s", "out of memory");
    case OPTION_FLAG:
        break;
    }
    return complain(usage, "%s takes no value", o->name);
}

// One option at argv[*i]; moves *i past its values.
static enum parse_result take_option(const struct usage *usage, int argc, char **argv, int *i)
{
    const char *word = argv[(*i)++];
    const char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
    const struct option *o = find(usage, word, equals ? (size_t)(equals - word) : strlen(word));
    if (!o)
        return complain(usage, "unknown option %s", word);
    if (o->kind == OPTION_FLAG) {
        if (equals)
            return complain(usage, "%s takes no value", word);
        *(bool *)o->target = true;
        return PARSE_OK;
    }
    if (equals)
        return set_value(usage, o, equals + 1);
    if (*i >= argc || (looks_like_option(argv[*i]) && o->kind == OPTION_LIST))
        return complain(usage, "%1$s needs a value; one that begins with a dash: %1$s=-...", word);
    enum parse_result result = set_value(usage, o, argv[(*i)++]);
    while (result == PARSE_OK && o->kind == OPTION_LIST && *i < argc &&
           !looks_like_option(argv[*i]))
        result = set_value(usage, o, argv[(*i)++]);
    return result;
}

enum parse_result parse_arguments(const struct usage *usage, int argc, char **argv,
                                  struct strings *positional)
{
    bool only_words = false;
    for (int i = 1; i < argc;) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
            i++;
        } else if (!only_words && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            print_usage(usage);
            return PARSE_HELP;
        } else if (!only_words && strcmp(argv[i], "--help-json") == 0) {
            print_usage_json(usage);
            return PARSE_HELP;
        } else if (only_words || !looks_like_option(argv[i])) {
            if (!add_string(positional, argv[i++]))
                return complain(usage, "%s", "out of memory");
        } else {
            enum parse_result result = take_option(usage, argc, argv, &i);
            if (result != PARSE_OK)
                return result;
        }
    }
    return PARSE_OK;
}

bool parse_number(const char *option, const char *text, double *value)
{
    char *end = NULL;
    if (!text)
        return true;
    *value = strtod(text, &end);
    if (*text && *end == 0)
        return true;
    (void)fprintf(stderr, "biovl: %s takes a number, not \"%s\"\n", option, text);
    return false;
}
