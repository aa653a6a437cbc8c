/* base/clock.c - see base/clock.h. */
#include "base/clock.h"

#include <errno.h>
#include <time.h>

#include "base/err.h"

int64_t clock_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_thread_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

bool clock_wait(pthread_cond_t *c, pthread_mutex_t *held, int64_t until_us)
{
    if (until_us < 0) until_us = 0;
    struct timespec until = { .tv_sec = (time_t)(until_us / 1000000), .tv_nsec = (long)(until_us % 1000000) * 1000 };
    int rc = pthread_cond_clockwait(c, held, CLOCK_MONOTONIC, &until);
    must(rc == 0 || rc == ETIMEDOUT);
    return rc == 0;
}

static void split(int64_t unix_ms, struct tm *tm, int *ms)
{
    int64_t s = unix_ms / 1000, r = unix_ms % 1000;
    if (r < 0) {
        r += 1000;
        s--;
    }
    time_t t = (time_t)s;
    gmtime_r(&t, tm);
    *ms = (int)r;
}

str clock_iso(int64_t unix_ms, char out[ISO_DATE_BYTES])
{
    struct tm tm;
    int ms;
    split(unix_ms, &tm, &ms);
    int n = snprintf(out, ISO_DATE_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (tm.tm_year + 1900) % 10000,
                     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec % 61, ms);
    return str_n(out, (size_t)n < ISO_DATE_BYTES ? (size_t)n : ISO_DATE_BYTES - 1);
}

static bool digits(str s, size_t at, size_t n, int *out)
{
    uint64_t v;
    if (s.n < at + n || !str_u64(str_n(s.p + at, n), &v)) return false;
    *out = (int)v;
    return true;
}

bool clock_iso_parse(str s, int64_t *unix_ms)
{
    struct tm tm = { 0 };
    int ms = 0, year, month;
    if (!digits(s, 0, 4, &year) || !digits(s, 5, 2, &month) || !digits(s, 8, 2, &tm.tm_mday)) return false;
    if (s.p[4] != '-' || s.p[7] != '-' || month < 1 || month > 12 || tm.tm_mday < 1 || tm.tm_mday > 31) return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    str rest = str_from(s, 10);
    int shift_min = 0;
    if (rest.n) {
        if (rest.p[0] != 'T' && rest.p[0] != ' ') return false;
        if (!digits(s, 11, 2, &tm.tm_hour) || !digits(s, 14, 2, &tm.tm_min) || s.p[13] != ':') return false;
        if (tm.tm_hour > 23 || tm.tm_min > 59) return false;
        rest = str_from(s, 16);
        if (rest.n && rest.p[0] == ':') {
            if (!digits(s, 17, 2, &tm.tm_sec) || tm.tm_sec > 60) return false;
            rest = str_from(s, 19);
        }
        if (rest.n && rest.p[0] == '.') {
            int weight = 100;
            for (rest = str_from(rest, 1); rest.n && rest.p[0] >= '0' && rest.p[0] <= '9'; rest = str_from(rest, 1)) {
                ms += (rest.p[0] - '0') * weight;
                weight /= 10;
            }
        }
        if (rest.n && (rest.p[0] == '+' || rest.p[0] == '-')) {
            bool colon = rest.n == 6 && rest.p[3] == ':';
            int h, m;
            if (rest.n != 5 && !colon) return false;
            if (!digits(rest, 1, 2, &h) || !digits(rest, colon ? 4 : 3, 2, &m) || h > 23 || m > 59) return false;
            shift_min = (h * 60 + m) * (rest.p[0] == '-' ? -1 : 1);
        } else if (rest.n && !str_eq(rest, STR("Z"))) {
            return false;
        }
    }
    *unix_ms = ((int64_t)timegm(&tm) - (int64_t)shift_min * 60) * 1000 + ms;
    return true;
}

int64_t clock_day(int64_t unix_ms) { return unix_ms / 86400000 - (unix_ms % 86400000 < 0); }
