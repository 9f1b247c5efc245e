/* SPDX-License-Identifier: MIT */
#include "log.h"

#include "stderr_line.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TEXT_MAX  600
#define ENTRY_MAX 4096

const char *log_journal = "/run/systemd/journal/socket";

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

/* An entry of the journal's native protocol: a line "NAME=value" for each field. */
struct entry {
    char text[ENTRY_MAX];
    size_t len;
};

static void field(struct entry *l, const char *name, const char *value)
{
    size_t room = sizeof l->text - l->len;
    int n;

    if (value == NULL || value[0] == '\0')
        return;
    n = snprintf(l->text + l->len, room, "%s=%s\n", name, value);
    if (n > 0 && (size_t)n < room) /* all or nothing of it */
        l->len += (size_t)n;
}

static void number_field(struct entry *l, const char *name, unsigned long value)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%lu", value);
    field(l, name, text);
}

/* sd_journal_send() waits for a journal that does not read. */
static bool send_entry(const struct entry *l)
{
    static int fd = -1;
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    if (fd < 0)
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || strlen(log_journal) >= sizeof to.sun_path)
        return false;
    (void)strcpy(to.sun_path, log_journal);
    return sendto(fd, l->text, l->len, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (const struct sockaddr *)&to, sizeof to) == (ssize_t)l->len;
}

static bool to_journal(int priority, const char *id, const struct log_fields *f,
                       const char *text)
{
    struct entry l = {.len = 0};

    field(&l, "MESSAGE", text);
    number_field(&l, "PRIORITY", (unsigned long)priority);
    field(&l, "SYSLOG_IDENTIFIER", program_invocation_short_name);
    field(&l, "MESSAGE_ID", id);
    field(&l, "INCIDENT_ID", f->incident);
    field(&l, "DECISION_ID", f->decision);
    if (f->batch != 0)
        number_field(&l, "BATCH_ID", (unsigned long)f->batch);
    if (f->signer != NULL)
        number_field(&l, "SIGNER", *f->signer);
    if (f->peer != NULL) {
        number_field(&l, "PEER_UID", f->peer->uid);
        number_field(&l, "PEER_PID", (unsigned long)f->peer->pid);
    }
    if (f->err != NULL) {
        field(&l, "ERR_CODE", err_code_name(f->err->code));
        field(&l, "RULE_ID", f->err->id);
    }
    return send_entry(&l);
}

static bool held;

void log_hold(bool on)
{
    held = on;
}

void log_event(int priority, const char *id, const struct log_fields *f, const char *fmt,
               ...)
{
    static const struct log_fields none;
    char text[TEXT_MAX];
    char line[STDERR_LINE_MAX];
    va_list ap;

    if (priority > LOG_INFO || held)
        return;
    if (f == NULL)
        f = &none;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p != '\0'; p++) /* one event, one line; no terminal codes */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    if (stderr_is_journal() && to_journal(priority, id, f, text))
        return;
    /* also when the journal takes no more entries: its stream has room of its own */
    (void)snprintf(line, sizeof line, "<%d>%s%s%s", priority, text,
                   f->err != NULL && f->err->id != NULL ? " -- " : "",
                   f->err != NULL && f->err->id != NULL ? f->err->id : "");
    (void)stderr_line(line);
}

void log_catch_up(void)
{
    stderr_lines_tell();
}

uint64_t log_lost(void)
{
    return stderr_lines_lost();
}
