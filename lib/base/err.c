/* SPDX-License-Identifier: MIT */
#include "err.h"

#include "plain.h"

#include <openssl/err.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void mark_cut(char *text, size_t cap, int wanted)
{
    if (wanted >= 0 && (size_t)wanted >= cap)
        memcpy(text + cap - 4, "...", 4);
    plain_tidy(text);
}

void err_put(struct err *e, enum err_code code, const char *id, const char *fmt, ...)
{
    va_list ap;

    e->code = code;
    e->id = id;
    va_start(ap, fmt);
    mark_cut(e->text, sizeof e->text, vsnprintf(e->text, sizeof e->text, fmt, ap));
    va_end(ap);
}

void err_push(struct err *e, const char *fmt, ...)
{
    char front[256];
    char old[sizeof e->text];
    va_list ap;

    va_start(ap, fmt);
    mark_cut(front, sizeof front, vsnprintf(front, sizeof front, fmt, ap));
    va_end(ap);
    memcpy(old, e->text, sizeof old);
    mark_cut(e->text, sizeof e->text,
             snprintf(e->text, sizeof e->text, "%s: %s", front, old));
}

const char *err_openssl(void)
{
    static _Thread_local char text[200];
    unsigned long code = ERR_peek_last_error();

    if (code == 0)
        return "no detail from OpenSSL";
    ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return text;
}

const char *err_code_name(enum err_code code)
{
    switch (code) {
    case ERR_NONE:
        return "none";
    case ERR_INPUT:
        return "input";
    case ERR_DENIED:
        return "denied";
    case ERR_MISSING:
        return "missing";
    case ERR_BUSY:
        return "busy";
    case ERR_TOKEN:
        return "token";
    case ERR_STORE:
        return "store";
    }
    return "unknown";
}
