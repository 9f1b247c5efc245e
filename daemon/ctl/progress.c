/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define REDRAW_NS 100000000

static int64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int progress_width(FILE *f)
{
    struct winsize w;

    if (ioctl(fileno(f), TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
        return w.ws_col;
    return 100;
}

static void amount(char out[static 24], double v, bool octets)
{
    static const char *const units[] = {"", " Ki", " Mi", " Gi", " Ti"};
    unsigned u = 0;

    if (!octets) {
        (void)snprintf(out, 24, "%.0f", v);
        return;
    }
    while (v >= 1024 && u < 4) {
        v /= 1024;
        u++;
    }
    (void)snprintf(out, 24, u == 0 ? "%.0f%sB" : "%.1f%sB", v, u == 0 ? " " : units[u]);
}

static void span_text(char out[static 24], double s)
{
    if (s < 0 || s > 99.0 * 86400)
        (void)snprintf(out, 24, "?");
    else if (s >= 86400)
        (void)snprintf(out, 24, "%dd %02d h", (int)(s / 86400), (int)(s / 3600) % 24);
    else if (s >= 3600)
        (void)snprintf(out, 24, "%d:%02d:%02d", (int)(s / 3600), (int)(s / 60) % 60,
                       (int)s % 60);
    else
        (void)snprintf(out, 24, "%d:%02d", (int)(s / 60), (int)s % 60);
}

void progress_line(char out[static PROGRESS_LINE_MAX], const char *what, int64_t done,
                   int64_t total, double rate, const char *state, bool octets, int width)
{
    char have[24], all[24] = "", speed[40] = "", left[40] = "", tail[PROGRESS_LINE_MAX];
    char text[24];
    int bar, full, n;

    amount(have, (double)done, octets);
    if (total > 0) {
        amount(text, (double)total, octets);
        (void)snprintf(all, sizeof all, "/%.20s", text);
    }
    if (rate > 0) {
        amount(text, rate, octets);
        (void)snprintf(speed, sizeof speed, "  %s/s", text);
        if (total > done) {
            span_text(text, (double)(total - done) / rate);
            (void)snprintf(left, sizeof left, "  %s left", text);
        }
    }
    (void)snprintf(tail, sizeof tail, "%s%s%s%s%s%.60s", have, all, speed, left,
                   state != NULL ? "  " : "", state != NULL ? state : "");
    if (width > PROGRESS_LINE_MAX - 1)
        width = PROGRESS_LINE_MAX - 1;
    if (total <= 0) {
        (void)snprintf(out, PROGRESS_LINE_MAX, "%.40s  %.200s", what, tail);
        if (width > 0)
            out[width] = '\0';
        return;
    }
    if (done > total)
        done = total;
    /* what, two spaces, [bar], " 100%", two spaces, tail */
    bar = width - (int)strlen(what) - (int)strlen(tail) - 12;
    bar = bar > 40 ? 40 : bar;
    n = snprintf(out, PROGRESS_LINE_MAX, "%.40s  ", what);
    if (bar >= 5) {
        full = (int)((double)bar * (double)done / (double)total);
        out[n++] = '[';
        for (int i = 0; i < bar; i++)
            out[n++] = i < full ? '#' : '.';
        out[n++] = ']';
        out[n++] = ' ';
    }
    (void)snprintf(out + n, PROGRESS_LINE_MAX - (size_t)n, "%3d%%  %.160s",
                   (int)((double)done * 100 / (double)total), tail);
    if (width > 0)
        out[width] = '\0';
}

void progress_start(struct progress *p, FILE *out, const char *what, bool octets,
                    bool quiet)
{
    *p = (struct progress){.out = out, .what = what, .octets = octets};
    p->draw = !quiet && isatty(fileno(out)) == 1;
    p->start_ns = now_ns();
}

void progress_show(struct progress *p, int64_t done, int64_t total, double rate,
                   const char *state)
{
    char line[PROGRESS_LINE_MAX];
    int64_t now = now_ns();

    if (!p->begun) {
        p->begun = true;
        p->first = done;
        p->start_ns = now;
    } else if (!p->draw || now - p->last_ns < REDRAW_NS) {
        return;
    }
    p->last_ns = now;
    if (!p->draw)
        return;
    if (rate < 0)
        rate = now - p->start_ns < REDRAW_NS
                   ? 0
                   : (double)(done - p->first) * 1e9 / (double)(now - p->start_ns);
    progress_line(line, p->what, done, total, rate, state, p->octets,
                  progress_width(p->out) - 1);
    (void)fprintf(p->out, "\r%s\033[K", line);
    (void)fflush(p->out);
}

void progress_end(struct progress *p)
{
    if (p->draw && p->begun) {
        (void)fprintf(p->out, "\r\033[K");
        (void)fflush(p->out);
    }
    p->begun = false;
}
