// c_locale.h: numbers with a decimal point, whatever the locale of the embedding program.
#ifndef BV_BASE_C_LOCALE_H
#define BV_BASE_C_LOCALE_H

#ifdef __cplusplus
extern "C" {
#endif

// The numeric locale of the calling thread, kept while printf and strtod use a decimal point.
struct bv_c_locale {
    void *made, *before;
};

// Between the two calls printf and strtod write and read numbers as in the C locale, on the calling
// thread only. Calls nest. Without memory for a locale nothing changes.
struct bv_c_locale bv_c_locale_enter(void);
void bv_c_locale_leave(struct bv_c_locale *scope);

#ifdef __cplusplus
}
#endif

#endif
