/* SPDX-License-Identifier: MIT
 *
 * ceremony mark, pin-retry - two small acts of repair: an originator's counter mark is read
 * or raised, a token that a wrong PIN has barred is tried again.
 */
#include "ceremony.h"
#include "rules.h"
#include "watermark.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* As the service's ledger has it (raising.h): more is a slip of the hand. */
#define RAISE_MAX (UINT64_C(1) << 32)

int ceremony_mark(struct ceremony *c)
{
    struct err e;
    const char *token = ceremony_token(c, &e);
    struct eui64 o;
    uint64_t now, to = 0;
    char *end = NULL;

    if (c->originator == NULL || !eui64_parse(c->originator, strlen(c->originator), &o))
        return ceremony_wrong("mark wants --originator EUI, 16 hexadecimal digits");
    if (c->raise_to != NULL) {
        errno = 0;
        to = strtoull(c->raise_to, &end, 10);
        if (errno != 0 || *end != '\0' || c->raise_to[0] < '0' || c->raise_to[0] > '9' ||
            to > INT64_MAX)
            return ceremony_wrong("--raise-to wants a number below 2^63");
    }
    if (token == NULL || !session_open(&c->session, &c->config, token, true, &e) ||
        !watermark_get(&c->session, &o, &now, &e))
        return ceremony_failed(c, &e);
    (void)printf("mark %s %llu\n", c->originator, (unsigned long long)now);
    if (c->raise_to == NULL)
        return 0;
    if (to <= now) {
        (void)err_set(&e, ERR_DENIED, "token.counter-mark",
                      "the mark is %llu; it is only ever raised", (unsigned long long)now);
        return ceremony_failed(c, &e);
    }
    if (to - now > RAISE_MAX) {
        (void)err_set(&e, ERR_DENIED, "token.counter-mark",
                      "%llu counters would be lost; at most %llu at a time",
                      (unsigned long long)(to - now), (unsigned long long)RAISE_MAX);
        return ceremony_failed(c, &e);
    }
    (void)printf("lost %llu counters for good, %.3g percent of the sequence; left %llu\n",
                 (unsigned long long)(to - now),
                 100.0 * (double)(to - now) / (double)INT64_MAX,
                 (unsigned long long)INT64_MAX - to);
    if (!watermark_raise(&c->session, &o, now + 1, to, &e))
        return ceremony_failed(c, &e);
    (void)printf("mark %s raised to %llu\n", c->originator, (unsigned long long)to);
    return 0;
}

/* What bars the login besides, and what to do about it; the worst decides the status. */
static void say_bar(void *arg, const struct err *why)
{
    struct ceremony *c = arg;
    const struct rule *rule = rules_find(why->id);

    (void)ceremony_failed(c, why);
    if (rule != NULL)
        (void)fprintf(stderr, "  %s\n", rule->advice);
}

int ceremony_pin_retry(struct ceremony *c)
{
    struct err e;
    const char *token = ceremony_token(c, &e);
    const struct config_token *t;
    unsigned n;
    bool lifted;

    if (token == NULL || !session_forgive(&c->config, token, say_bar, c, &lifted, &n, &e))
        return ceremony_failed(c, &e);
    t = config_token_find(&c->config, token);
    (void)printf(lifted ? "token %s: the bar of a wrong PIN is lifted\n"
                        : "token %s: no bar of a wrong PIN was lifted\n",
                 token);
    if (n > 0) {
        (void)printf("token %s: nobody logs in yet: see above\n", token);
        return EX_CONFIG;
    }
    (void)printf("token %s: the next start tries the PIN, once%s\n", token,
                 t->pin_credential[0] != '\0'
                     ? ". It is a credential: whether it is another than the wrong one was "
                       "not looked at"
                     : "");
    return 0;
}
