#include "retrieval/scrub.h"

#include <string.h>

#include "base/encoding.h"

enum {
    BUCKETS = 256,
    MAX_FORM = 256,     // code points of a form; longer ones are cut
    MAX_PARTS = 12,     // of one name or place
    MAX_FORMS = 200000, // no header that is read has so many
    GAP = 0,            // in a form: any separators, or none
};

struct form {
    struct form *next;
    uint32_t *code;
    size_t n;
    bool name;
    bool unspaced; // of a script without blanks between words
    bool careful;  // also a word that every report has: only with a capital within a sentence
    bool honoured; // of one ideograph: only before a form of address
};

struct bv_forms {
    struct bv_arena *arena;
    struct form *buckets[BUCKETS];
    size_t n;
    bool out_of_memory;
};

// A part of an identifier, folded.
struct part {
    uint32_t code[MAX_FORM];
    size_t n;
};

static uint32_t next_char(const char *text, size_t size, size_t at, size_t *length)
{
    uint32_t c = 0xFFFD;
    *length = bv_utf8_decode(text + at, size - at, &c);
    if (*length == 0)
        *length = 1;
    return c;
}

// Words of reports that are short names, too.
static bool is_common(const struct form *f)
{
    static const char *const words[] = {
        "no", "in", "or",  "an",  "he",  "so",  "my",  "do",  "on",  "to",  "is",  "as", "at", "be",
        "by", "go", "if",  "it",  "me",  "of",  "up",  "us",  "we",  "am",  "mm",  "cm", "pa", "ap",
        "ct", "mr", "and", "the", "not", "for", "was", "are", "see", "has", "due", "may"};
    for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
        size_t n = strlen(words[w]);
        bool same = n == f->n;
        for (size_t i = 0; same && i < n; i++)
            same = f->code[i] == (uint32_t)words[w][i];
        if (same)
            return true;
    }
    return false;
}

static void add_form(struct bv_forms *forms, const uint32_t *code, size_t n, bool name,
                     bool honoured)
{
    struct form *f;
    if (n == 0 || code[0] == GAP || forms->n >= MAX_FORMS)
        return;
    struct form **bucket = &forms->buckets[code[0] % BUCKETS];
    for (f = *bucket; f; f = f->next) {
        if (f->n == n && f->honoured == honoured && memcmp(f->code, code, n * sizeof *code) == 0) {
            f->name = f->name || name;
            return;
        }
    }
    f = bv_arena_alloc(forms->arena, sizeof *f);
    uint32_t *copy = bv_arena_array(forms->arena, n, sizeof *copy);
    if (!f || !copy) {
        forms->out_of_memory = true;
        return;
    }
    memcpy(copy, code, n * sizeof *copy);
    *f = (struct form){.next = *bucket, .code = copy, .n = n, .name = name, .honoured = honoured};
    f->unspaced = bv_char_class(code[0]) == BV_CHAR_CJK;
    f->careful = n <= 3 && is_common(f);
    *bucket = f;
    forms->n++;
}

// Folds text[0, size) with gaps where it has separators; none at its ends.
static void fold_part(const char *text, size_t size, bool long_form, struct part *p)
{
    bool gap = false;
    p->n = 0;
    for (size_t at = 0, length; at < size; at += length) {
        uint32_t out[BV_FOLD_ROOM], c = next_char(text, size, at, &length);
        bool word = bv_char_class(c) != BV_CHAR_OTHER;
        size_t n = word ? bv_fold_char(c, long_form, out) : 0;
        if (!word) {
            gap = p->n > 0;
            continue;
        }
        if (gap && n > 0 && p->n < MAX_FORM)
            p->code[p->n++] = GAP;
        gap = gap && n == 0;
        for (size_t i = 0; i < n && p->n < MAX_FORM; i++)
            p->code[p->n++] = out[i];
    }
}

static bool has_letter(const struct part *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->code[i] > '9')
            return true;
    }
    return false;
}

static size_t letters_of(const struct part *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += p->code[i] != GAP;
    return n;
}

// The form with ae, oe, ue and double vowels written short: Mueller as Muller, Tarou as Taro.
static void add_short_vowels(struct bv_forms *forms, const struct part *p)
{
    struct part q = {.n = 0};
    for (size_t i = 0; i < p->n; i++) {
        uint32_t before = q.n > 0 ? q.code[q.n - 1] : 0, c = p->code[i];
        bool umlaut = c == 'e' && (before == 'a' || before == 'o' || before == 'u');
        bool doubled =
            (c == 'u' && (before == 'o' || before == 'u')) || (c == 'o' && before == 'o');
        if (!umlaut && !doubled)
            q.code[q.n++] = c;
    }
    if (q.n != p->n && q.n >= 3)
        add_form(forms, q.code, q.n, true, false);
}

// Parts joined by gaps.
static void add_joined(struct bv_forms *forms, const struct part *const *parts, size_t n_parts,
                       bool name)
{
    struct part joined = {.n = 0};
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i]->n == 0 || joined.n + parts[i]->n + 1 > MAX_FORM)
            return;
        if (joined.n > 0)
            joined.code[joined.n++] = GAP;
        memcpy(joined.code + joined.n, parts[i]->code, parts[i]->n * sizeof *joined.code);
        joined.n += parts[i]->n;
    }
    add_form(forms, joined.code, joined.n, name, false);
}

static void add_name_part(struct bv_forms *forms, const struct part *p)
{
    size_t letters = letters_of(p);
    bool cjk = p->n > 0 && bv_char_class(p->code[0]) == BV_CHAR_CJK;
    if (cjk && letters == 1)
        add_form(forms, p->code, p->n, true, true);
    if (letters < 2)
        return;
    add_form(forms, p->code, p->n, true, false);
    if (!cjk)
        add_short_vowels(forms, p);
}

// One component group: "Family^Given^Middle". Each part, each word of a part, and whole names in
// every order, with initials too.
static void add_name(struct bv_forms *forms, const char *text, size_t size, bool long_form)
{
    struct part parts[MAX_PARTS];
    size_t n = 0;
    for (size_t at = 0; at < size && n < MAX_PARTS;) {
        size_t end = at;
        while (end < size && !strchr("^, ", text[end]))
            end++;
        fold_part(text + at, end - at, long_form, &parts[n]);
        if (parts[n].n > 0)
            add_name_part(forms, &parts[n++]);
        at = end + 1;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            const struct part *two[] = {&parts[i], &parts[j]};
            struct part initial = parts[j];
            const struct part *front[] = {&initial, &parts[i]}, *back[] = {&parts[i], &initial};
            if (i == j)
                continue;
            add_joined(forms, two, 2, true);
            initial.n = 1;
            if (letters_of(&parts[i]) >= 2 && bv_char_class(initial.code[0]) == BV_CHAR_WORD) {
                add_joined(forms, front, 2, true);
                add_joined(forms, back, 2, true);
            }
        }
    }
    if (n == 3) {
        const struct part *whole[] = {&parts[0], &parts[1], &parts[2]};
        const struct part *western[] = {&parts[1], &parts[2], &parts[0]};
        add_joined(forms, whole, 3, true);
        add_joined(forms, western, 3, true);
    }
}

static void add_names(struct bv_forms *forms, const char *text)
{
    while (*text) {
        size_t size = strcspn(text, "=");
        add_name(forms, text, size, false);
        add_name(forms, text, size, true);
        text += size + (text[size] == '=');
    }
}

// A vertebra: T12 in a report is no patient's number.
static bool is_vertebra(const struct part *p)
{
    return (p->n == 2 || p->n == 3) && memchr("tlcs", (int)p->code[0], 4) != NULL &&
           p->code[1] >= '0' && p->code[1] <= '9';
}

static void add_number(struct bv_forms *forms, const char *text)
{
    struct part p;
    fold_part(text, strlen(text), false, &p);
    size_t least = has_letter(&p) ? 2 : 4;
    if (letters_of(&p) < least || is_vertebra(&p))
        return;
    add_form(forms, p.code, p.n, false, false);
    size_t zeros = 0;
    while (zeros < p.n && p.code[zeros] == '0')
        zeros++;
    if (zeros > 0 && p.n - zeros >= 4)
        add_form(forms, p.code + zeros, p.n - zeros, false, false);
}

// Words of addresses and institutions that reports have for other reasons.
static bool is_plain_word(const struct part *p)
{
    static const char *const words[] = {
        "abdomen",     "cancer",     "cardiac",    "care",     "cardiology", "center",
        "central",     "centre",     "chest",      "children", "city",       "clinic",
        "clinical",    "community",  "county",     "critical", "department", "diagnostic",
        "east",        "emergency",  "general",    "health",   "heart",      "hospital",
        "imaging",     "institute",  "intensive",  "internal", "lung",       "main",
        "medical",     "medicine",   "memorial",   "national", "north",      "nuclear",
        "oncology",    "outpatient", "pediatric",  "portable", "pulmonary",  "radiology",
        "radiography", "regional",   "research",   "right",    "left",       "road",
        "room",        "saint",      "school",     "service",  "services",   "south",
        "station",     "street",     "surgery",    "surgical", "thorax",     "thoracic",
        "trauma",      "unit",       "university", "upper",    "lower",      "ward",
        "west",        "x-ray",      "xray",       "state",
    };
    for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
        size_t n = strlen(words[w]);
        bool same = n == p->n;
        for (size_t i = 0; same && i < n; i++)
            same = p->code[i] == (uint32_t)words[w][i];
        if (same)
            return true;
    }
    return false;
}

static void add_place(struct bv_forms *forms, const char *text)
{
    struct part p;
    fold_part(text, strlen(text), false, &p);
    if (letters_of(&p) >= 4 && !is_plain_word(&p))
        add_form(forms, p.code, p.n, false, false);
    while (*text) {
        size_t size = strcspn(text, "^, \\=\n\r\t");
        fold_part(text, size, false, &p);
        bool cjk = p.n > 0 && bv_char_class(p.code[0]) == BV_CHAR_CJK;
        size_t least = cjk ? 3 : has_letter(&p) ? 4 : 5;
        if (letters_of(&p) >= least && !is_plain_word(&p))
            add_form(forms, p.code, p.n, false, false);
        text += size + (text[size] != 0);
    }
}

struct bv_forms *bv_forms_make(struct bv_arena *arena, const struct bv_identifiers *identifiers)
{
    struct bv_forms *forms = bv_arena_alloc(arena, sizeof *forms);
    if (!forms)
        return NULL;
    *forms = (struct bv_forms){.arena = arena};
    for (size_t i = 0; i < identifiers->n; i++) {
        const struct bv_identifier *one = &identifiers->items[i];
        if (one->kind == BV_IDENTIFIER_NAME)
            add_names(forms, one->text);
        else if (one->kind == BV_IDENTIFIER_PLACE)
            add_place(forms, one->text);
        if (one->kind == BV_IDENTIFIER_NUMBER || one->kind == BV_IDENTIFIER_ANY)
            add_number(forms, one->text);
        if (one->kind == BV_IDENTIFIER_ANY && strpbrk(one->text, "0123456789") == NULL)
            add_names(forms, one->text);
    }
    return forms->out_of_memory ? NULL : forms;
}

// Matching.

struct walk {
    const char *text;
    size_t size, at;
    bool long_form;
    uint32_t folded[BV_FOLD_ROOM]; // of the character before at
    size_t n, used;
};

// The next folded code point; false at the end. Marks are passed over.
static bool walk_next(struct walk *w, uint32_t *code)
{
    while (w->used == w->n) {
        size_t length;
        if (w->at >= w->size)
            return false;
        uint32_t c = next_char(w->text, w->size, w->at, &length);
        w->n = bv_char_class(c) == BV_CHAR_OTHER ? 0 : bv_fold_char(c, w->long_form, w->folded);
        w->used = 0;
        if (w->n == 0 && bv_char_class(c) == BV_CHAR_OTHER)
            return false; // a separator: only a gap passes it
        w->at += length;
    }
    *code = w->folded[w->used++];
    return true;
}

// Passes a few separators.
static void walk_gap(struct walk *w)
{
    for (int i = 0; i < 3 && w->used == w->n && w->at < w->size; i++) {
        size_t length;
        uint32_t c = next_char(w->text, w->size, w->at, &length);
        if (bv_char_class(c) != BV_CHAR_OTHER || c == ';' || c == ':')
            return;
        w->at += length;
    }
}

static bool is_boundary(const char *text, size_t size, size_t at)
{
    size_t length, before = at;
    if (at == 0 || at >= size)
        return true;
    do
        before--;
    while (before > 0 && ((unsigned char)text[before] & 0xc0) == 0x80);
    enum bv_char_class left = bv_char_class(next_char(text, size, before, &length));
    enum bv_char_class right = bv_char_class(next_char(text, size, at, &length));
    return right == BV_CHAR_OTHER || left != right;
}

// Whether a form of address follows, as after a family name of one ideograph.
static bool is_addressed(const char *text, size_t size, size_t at)
{
    static const char *const titles[] = {"先生", "女士", "小姐", "太太",   "同志", "氏", "様",
                                         "さん", "さま", "君",   "ちゃん", "씨",   "님", "患者"};
    while (at < size && text[at] == ' ')
        at++;
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        size_t n = strlen(titles[i]);
        if (size - at >= n && memcmp(text + at, titles[i], n) == 0)
            return true;
    }
    return false;
}

// Whether a word at a place has a capital and does not begin a sentence or a line.
static bool stands_out(const char *text, size_t size, size_t at)
{
    size_t length;
    if (!bv_char_is_upper(next_char(text, size, at, &length)))
        return false;
    while (at > 0 && text[at - 1] == ' ')
        at--;
    return at > 0 && !strchr(".:;!?\n\r-*", text[at - 1]);
}

// The end of a word after a plural or possessive s ("Does", "Doe's"), else at itself.
static size_t past_genitive(const char *text, size_t size, size_t at)
{
    size_t s = at;
    if (s < size && text[s] == '\'')
        s++;
    else if (size - s >= 3 && memcmp(text + s, "\xe2\x80\x99", 3) == 0)
        s += 3;
    if (s < size && (text[s] == 's' || text[s] == 'S') && is_boundary(text, size, s + 1))
        return s + 1;
    return at;
}

static size_t match_form(const struct form *f, const char *text, size_t size, size_t at,
                         bool long_form)
{
    struct walk w = {.text = text, .size = size, .at = at, .long_form = long_form};
    for (size_t i = 0; i < f->n; i++) {
        uint32_t code;
        if (f->code[i] == GAP) {
            walk_gap(&w);
            continue;
        }
        if (!walk_next(&w, &code) || code != f->code[i])
            return 0;
    }
    if (w.used != w.n)
        return 0;
    // Marks of the last letter are part of it.
    for (uint32_t out[BV_FOLD_ROOM]; w.at < size;) {
        size_t length;
        uint32_t c = next_char(text, size, w.at, &length);
        if (c < 0x300 || bv_char_class(c) != BV_CHAR_WORD || bv_fold_char(c, false, out) != 0)
            break;
        w.at += length;
    }
    if (f->honoured)
        return is_addressed(text, size, w.at) ? w.at - at : 0;
    if (f->careful && !stands_out(text, size, at))
        return 0;
    if (f->unspaced)
        return w.at - at;
    size_t end = f->name ? past_genitive(text, size, w.at) : w.at;
    return is_boundary(text, size, end) ? end - at : 0;
}

struct bv_form_match bv_forms_match(const struct bv_forms *forms, const char *text, size_t size,
                                    size_t at)
{
    struct bv_form_match best = {0};
    size_t length;
    uint32_t c = next_char(text, size, at, &length);
    if (forms->n == 0 || bv_char_class(c) == BV_CHAR_OTHER)
        return best;
    for (int longer = 0; longer < 2; longer++) {
        uint32_t out[BV_FOLD_ROOM];
        if (bv_fold_char(c, longer, out) == 0)
            continue;
        for (const struct form *f = forms->buckets[out[0] % BUCKETS]; f; f = f->next) {
            size_t n = f->code[0] == out[0] ? match_form(f, text, size, at, longer) : 0;
            if (n > best.length)
                best = (struct bv_form_match){n, f->name};
        }
    }
    return best;
}
