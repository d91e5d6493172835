#include "base/c_locale.h"

#include <locale.h>

struct bv_c_locale bv_c_locale_enter(void)
{
    struct bv_c_locale scope = {0};
    // A copy of the current one, so that character classes and messages stay as they are.
    locale_t base = duplocale(uselocale((locale_t)0));
    locale_t made = base ? newlocale(LC_NUMERIC_MASK, "C", base) : (locale_t)0;
    if (!made) {
        if (base)
            freelocale(base);
        return scope;
    }
    scope.made = (void *)made;
    scope.before = (void *)uselocale(made);
    return scope;
}

void bv_c_locale_leave(struct bv_c_locale *scope)
{
    if (!scope->made)
        return;
    (void)uselocale((locale_t)scope->before);
    freelocale((locale_t)scope->made);
    *scope = (struct bv_c_locale){0};
}
