/* SPDX-License-Identifier: MIT */
#include "head.h"

#include <string.h>
#include <strings.h>

struct head_count {
    struct request *r;
    unsigned host, length, encoding, type, key, login, dry_run;
    bool bad;
};

static bool copy_value(char *to, size_t cap, const char *from, size_t len)
{
    if (len >= cap || memchr(from, '\0', len) != NULL)
        return false;
    memcpy(to, from, len);
    to[len] = '\0';
    return true;
}

static enum MHD_Result see_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                  size_t name_len, const char *value, size_t value_len)
{
    struct head_count *h = arg;
    uint64_t n;

    (void)kind;
    (void)name_len;
    if (value == NULL) {
        value = "";
        value_len = 0;
    }
    if (strcasecmp(name, "Host") == 0) {
        h->host++;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        h->length++;
        if (request_parse_number(value, 0, INT64_MAX, &n))
            h->r->length = (int64_t)n;
        else
            h->bad = true;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        h->encoding++;
        h->bad |= strcasecmp(value, "chunked") != 0;
    } else if (strcasecmp(name, "Content-Type") == 0) {
        h->type++;
        h->bad |= !copy_value(h->r->type, sizeof h->r->type, value, strcspn(value, "; \t"));
        for (char *p = h->r->type; *p != '\0'; p++)
            if (*p >= 'A' && *p <= 'Z')
                *p = (char)(*p - 'A' + 'a');
    } else if (strcasecmp(name, "Idempotency-Key") == 0) {
        h->key++;
        h->bad |=
            value_len == 0 || !copy_value(h->r->key, sizeof h->r->key, value, value_len);
    } else if (strcasecmp(name, "Exercise-Login") == 0) {
        h->login++;
        h->bad |= value_len == 0 ||
                  !copy_value(h->r->login, sizeof h->r->login, value, value_len);
    } else if (strcasecmp(name, "Dry-Run") == 0) {
        h->dry_run++;
        h->r->dry_run = true; /* whatever it says: nothing is done by mistake */
        h->bad |= strcmp(value, "yes") != 0;
    }
    return MHD_YES;
}

bool head_read(struct MHD_Connection *c, const char *version, struct request *r,
               struct err *e)
{
    struct head_count h = {.r = r};

    (void)MHD_get_connection_values_n(c, MHD_HEADER_KIND, see_header, &h);
    if (h.encoding > 0)
        r->length = -1;
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
        return err_set(e, ERR_INPUT, "request.head", "not HTTP/1.1");
    if (h.host > 1 || (h.host == 0 && strcmp(version, "HTTP/1.1") == 0))
        return err_set(e, ERR_INPUT, "request.head", "%u Host headers; one is right",
                       h.host);
    if (h.length > 1 || h.encoding > 1 || (h.length > 0 && h.encoding > 0))
        return err_set(e, ERR_INPUT, "request.head",
                       "more than one statement of how long the body is");
    if (h.type > 1 || h.key > 1 || h.login > 1 || h.dry_run > 1)
        return err_set(e, ERR_INPUT, "request.head",
                       "Content-Type, Idempotency-Key, Exercise-Login or Dry-Run appears "
                       "twice");
    if (h.bad)
        return err_set(e, ERR_INPUT, "request.head",
                       "a header has a value that cannot be: Content-Length, "
                       "Transfer-Encoding, Content-Type, Idempotency-Key, "
                       "Exercise-Login or Dry-Run");
    return true;
}
