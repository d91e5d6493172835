// biovl ask: answers to a question about an image, from the model's answer vocabulary.
#include <stdio.h>
#include <stdlib.h>

#include "fused.h"

struct ask {
    struct fused_options fused;
    const char *question, *answers;
    int top;
};

// The answer vocabulary: a file's lines, else the names that the model carries, else numbers.
struct names {
    char *text;
    struct strings lines;
};

struct ranked {
    double score;
    size_t index;
};

static int by_score(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static const char *name_of(const struct names *names, const struct bv_fused_image *image, size_t i,
                           char number[32])
{
    const char *name =
        names->lines.n ? names->lines.items[i] : bv_fused_image_name(image, "answer", i);
    if (name)
        return name;
    (void)snprintf(number, 32, "answer %zu", i);
    return number;
}

static int read_names(const struct ask *a, size_t n, struct names *names)
{
    size_t size = 0;
    if (!a->answers)
        return EXIT_OK;
    names->text = read_text(a->answers, &size);
    if (!names->text)
        return EXIT_INPUT;
    if (!split_lines(names->text, size, true, &names->lines))
        return EXIT_DEVICE;
    for (size_t i = 0; i < names->lines.n; i++) {
        json_t *line = json_string(names->lines.items[i]);
        json_decref(line);
        if (!line) {
            (void)fprintf(stderr, "biovl: %s: answer %zu is not valid UTF-8\n", a->answers, i + 1);
            return EXIT_INPUT;
        }
    }
    if (names->lines.n == n)
        return EXIT_OK;
    (void)fprintf(stderr, "biovl: %s: %zu answers, but the model's head scores %zu\n", a->answers,
                  names->lines.n, n);
    return EXIT_INPUT;
}

// path: of the image, where several may be asked about; else NULL.
static int print_answers(const struct ask *a, const struct opened *o,
                         const struct bv_fused_image *image, const char *path,
                         const struct names *names, const struct ranked *ranked, size_t n,
                         int truncated)
{
    char number[32];
    size_t top = a->top > 0 && (size_t)a->top < n ? (size_t)a->top : n;
    const char *kind = bv_fused_image_kind(image, "answer");
    if (!a->fused.json) {
        if (path)
            printf("%s\n", path);
        printf("%s  (%s)\n", a->question, kind);
        for (size_t i = 0; i < top; i++)
            printf("  %10.6f  %s\n", ranked[i].score,
                   name_of(names, image, ranked[i].index, number));
        return EXIT_OK;
    }
    json_t *object = fused_json(o, image), *list = json_array();
    if (!object)
        return EXIT_INTERNAL;
    for (size_t i = 0; i < top; i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:I, s:f, s:s}", "answer",
                                                    name_of(names, image, ranked[i].index, number),
                                                    "index", (json_int_t)ranked[i].index, "score",
                                                    ranked[i].score, "kind", kind));
    (void)json_object_set_new(object, "question", json_string(a->question));
    (void)json_object_set_new(object, "truncated", json_boolean(truncated));
    (void)json_object_set_new(object, "answers", list);
    return print_fused_json(object);
}

static int ask(void *arg, const struct opened *o, struct bv_fused_image *image, const char *name)
{
    const struct ask *a = arg;
    size_t n = bv_fused_image_count(image, "answer");
    struct names names = {0};
    double *scores = calloc(n, sizeof *scores);
    struct ranked *ranked = calloc(n, sizeof *ranked);
    int truncated = 0, code = scores && ranked ? read_names(a, n, &names) : EXIT_DEVICE;
    if (code == EXIT_OK) {
        enum bv_status status =
            bv_fused_image_scores(image, "answer", a->question, scores, n, &truncated);
        if (status != BV_OK)
            code = (int)report_failure(o->context, status);
    }
    if (code == EXIT_OK) {
        for (size_t i = 0; i < n; i++)
            ranked[i] = (struct ranked){scores[i], i};
        qsort(ranked, n, sizeof *ranked, by_score);
        print_research_notice(o);
        if (truncated)
            (void)fprintf(stderr, "biovl: warning: the question was cut to the model's maximum\n");
        code =
            print_answers(a, o, image, a->fused.frame ? name : NULL, &names, ranked, n, truncated);
    }
    free(scores);
    free(ranked);
    free(names.text);
    free_strings(&names.lines);
    return code;
}

int run_ask(int argc, char **argv)
{
    struct ask a = {.top = 5};
    const struct option options[] = {
        {"--question|-q", OPTION_STRING, &a.question, "TEXT", "the question"},
        {"--answers", OPTION_STRING, &a.answers, "FILE",
         "the answer vocabulary, one per line, in the order of the model's head"},
        {"--top|-k", OPTION_INTEGER, &a.top, "N", "how many answers (5; 0: all)"},
        FUSED_OPTIONS(&a.fused),
    };
    const struct usage usage = {
        "ask", "(IMAGE | --regions FILE) --question TEXT [options]",
        "Answers to a question about an image, with scores, from the model's answer vocabulary.",
        options, sizeof options / sizeof *options};
    struct strings images = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &images);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        if (images.n > 1 || (images.n == 0 && !a.fused.regions) || !a.question || !*a.question)
            (void)fprintf(stderr, "usage: biovl ask %s\n", usage.synopsis);
        else
            code = with_fused(&a.fused, images.n ? images.items[0] : a.fused.regions, "answer", ask,
                              &a);
    }
    free_strings(&images);
    return code;
}
