// arguments.h: command lines: a table of options, and what is left over.
#ifndef BV_TOOLS_ARGUMENTS_H
#define BV_TOOLS_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

// Strings of argv, borrowed.
struct strings {
    const char **items;
    size_t n;
};

struct option {
    const char *name; // "--labels"; a one-letter alias may follow: "--output|-o"
    enum { OPTION_FLAG, OPTION_STRING, OPTION_INTEGER, OPTION_LIST } kind;
    void *target;         // bool, const char *, int, struct strings
    const char *argument; // its name in the help; NULL for flags
    const char *help;
};

struct usage {
    const char *command; // "classify"
    const char *synopsis;
    const char *description;
    const struct option *options;
    size_t n_options;
};

enum parse_result { PARSE_OK, PARSE_HELP, PARSE_ERROR };

// Parses argv[1 …]. A list takes all words up to the next option ("--" ends options). What is no
// option goes to positional. An error is printed on stderr with a hint at --help; --help prints the
// usage on stdout, --help-json the same as JSON. The lists are freed with free_strings().
enum parse_result parse_arguments(const struct usage *usage, int argc, char **argv,
                                  struct strings *positional);

void free_strings(struct strings *strings);
bool add_string(struct strings *strings, const char *text);

// text as a number, if there is one (NULL: *value stays); says on standard error what is none.
bool parse_number(const char *option, const char *text, double *value);

#endif
