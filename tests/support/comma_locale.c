#include "support/comma_locale.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

bool comma_locale_set(void)
{
    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL) {
        char folder[] = "/tmp/biovl_locale_XXXXXX", command[256];
        if (!mkdtemp(folder))
            return false;
        (void)snprintf(command, sizeof command,
                       "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1", folder);
        int made = system(command);
        (void)setenv("LOCPATH", folder, 1);
        bool is_set = made == 0 && setlocale(LC_ALL, "de_DE.UTF-8");
        (void)unsetenv("LOCPATH"); // glibc's newlocale() leaks what it reads from it
        (void)snprintf(command, sizeof command, "rm -rf %s", folder);
        if (system(command) != 0 || !is_set) {
            puts("skipped: no locale with a decimal comma (Debian: package locales)");
            return false;
        }
    }
    return *localeconv()->decimal_point == ',';
}
