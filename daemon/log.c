/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#define FIELDS_MAX 12
#define FIELD_MAX  640

/* systemd says which device and inode stderr had when it was the journal. */
static bool stderr_is_journal(void)
{
    static int known = -1;
    const char *env;
    char *end = NULL;
    struct stat st;

    if (known >= 0)
        return known == 1;
    known = 0;
    env = getenv("JOURNAL_STREAM");
    if (env != NULL && fstat(STDERR_FILENO, &st) == 0 &&
        strtoull(env, &end, 10) == st.st_dev && *end == ':' &&
        strtoull(end + 1, &end, 10) == st.st_ino && *end == '\0')
        known = 1;
    return known == 1;
}

struct line {
    char text[FIELDS_MAX][FIELD_MAX];
    struct iovec iov[FIELDS_MAX];
    int n;
};

static void field(struct line *l, const char *name, const char *value)
{
    int len;

    if (value == NULL || value[0] == '\0' || l->n == FIELDS_MAX)
        return;
    len = snprintf(l->text[l->n], FIELD_MAX, "%s=%s", name, value);
    if (len < 0)
        return;
    if (len >= FIELD_MAX)
        len = FIELD_MAX - 1;
    l->iov[l->n] = (struct iovec){l->text[l->n], (size_t)len};
    l->n++;
}

static void number_field(struct line *l, const char *name, unsigned long value)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%lu", value);
    field(l, name, text);
}

void log_event(int priority, const char *id, const struct log_fields *f, const char *fmt,
               ...)
{
    static const struct log_fields none;
    char text[600];
    va_list ap;
    struct line l;

    if (priority > LOG_INFO)
        return;
    if (f == NULL)
        f = &none;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p != '\0'; p++) /* one event, one line; no terminal codes */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';

    if (stderr_is_journal()) {
        l.n = 0;
        field(&l, "MESSAGE", text);
        number_field(&l, "PRIORITY", (unsigned long)priority);
        field(&l, "MESSAGE_ID", id);
        field(&l, "INCIDENT_ID", f->incident);
        field(&l, "DECISION_ID", f->decision);
        field(&l, "BATCH_ID", f->batch);
        field(&l, "SIGNER", f->signer);
        if (f->peer != NULL) {
            number_field(&l, "PEER_UID", f->peer->uid);
            number_field(&l, "PEER_PID", (unsigned long)f->peer->pid);
        }
        if (f->err != NULL) {
            field(&l, "ERR_CODE", err_code_name(f->err->code));
            field(&l, "RULE_ID", f->err->id);
        }
        if (sd_journal_sendv(l.iov, l.n) >= 0)
            return;
    }
    (void)fprintf(stderr, "<%d>%s%s%s\n", priority, text,
                  f->err != NULL && f->err->id != NULL ? " -- " : "",
                  f->err != NULL && f->err->id != NULL ? f->err->id : "");
}
