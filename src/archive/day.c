#include "archive/pull.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

// Days since 1 March of year 0 of the proleptic Gregorian calendar; months count from March, so
// that the leap day is the year's last.
static long number_of(long year, long month, long day)
{
    year -= month <= 2;
    long m = month > 2 ? month - 3 : month + 9;
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * m + 2) / 5 + day - 1;
}

void bv_day_format(long day, char text[BV_DAY_SIZE])
{
    long year = day / 366; // not too late
    while (number_of(year + 1, 3, 1) <= day)
        year++;
    long of_year = day - number_of(year, 3, 1), m = (5 * of_year + 2) / 153;
    long month = m < 10 ? m + 3 : m - 9;
    year += month <= 2;
    (void)snprintf(text, BV_DAY_SIZE, "%04u%02u%02u", (unsigned)year % 10000u,
                   (unsigned)month % 100u, (unsigned)(of_year - (153 * m + 2) / 5 + 1) % 100u);
}

bool bv_day_parse(const char *text, long *day)
{
    char back[BV_DAY_SIZE];
    long year = 0, month = 0, of_month = 0;
    if (strspn(text, "0123456789") < 8)
        return false;
    for (int i = 0; i < 8; i++) {
        long *part = i < 4 ? &year : i < 6 ? &month : &of_month;
        *part = *part * 10 + (text[i] - '0');
    }
    if (year < 1 || month < 1 || month > 12)
        return false;
    long n = number_of(year, month, of_month);
    bv_day_format(n, back);
    if (memcmp(back, text, 8) != 0)
        return false;
    *day = n;
    return true;
}

long bv_day_today(void)
{
    time_t now = time(NULL);
    struct tm t;
    if (!localtime_r(&now, &t))
        return 0;
    return number_of(t.tm_year + 1900L, t.tm_mon + 1L, t.tm_mday);
}
