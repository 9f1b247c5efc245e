/* SPDX-License-Identifier: MIT
 *
 * ceremony mark, pin-retry - two small acts of repair: an originator's counter mark is read
 * or raised, a token that a wrong PIN has barred is tried again.
 */
#include "ceremony.h"
#include "rules.h"
#include "watermark.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* As the service's ledger has it (raising.h): more is a slip of the hand. */
#define RAISE_MAX (UINT64_C(1) << 32)

bool ceremony_raise(struct ceremony *c, const struct eui64 *o, uint64_t now, uint64_t to,
                    struct err *e)
{
    char hex[HEX_LEN(8)];

    hex_encode(o->b, sizeof o->b, hex);
    if (to <= now)
        return err_set(e, ERR_DENIED, "token.counter-mark",
                       "the mark is %" PRIu64 "; it is only ever raised", now);
    if (to - now > RAISE_MAX)
        return err_set(e, ERR_DENIED, "token.counter-mark",
                       "%" PRIu64 " counters would be lost; at most %" PRIu64 " at a time",
                       to - now, RAISE_MAX);
    (void)printf("lost %" PRIu64 " counters for good, %.3g percent of the sequence; left "
                 "%" PRIu64 "\n",
                 to - now, 100.0 * (double)(to - now) / (double)INT64_MAX,
                 (uint64_t)INT64_MAX - to);
    if (!watermark_raise(&c->session, o, now + 1, to, e))
        return false;
    (void)printf("mark %s raised to %" PRIu64 "\n", hex, to);
    return true;
}

int ceremony_mark(struct ceremony *c)
{
    struct err e;
    const char *token = ceremony_token(c, &e);
    struct eui64 o;
    uint64_t now, to = 0;

    if (c->originator == NULL || !eui64_parse(c->originator, strlen(c->originator), &o))
        return ceremony_wrong("mark wants --originator EUI, 16 hexadecimal digits");
    if (c->raise_to != NULL && !ceremony_number(c->raise_to, 0, INT64_MAX, &to))
        return ceremony_wrong("--raise-to wants a number below 2^63");
    if (token == NULL || !session_open(&c->session, &c->config, token, true, &e) ||
        !watermark_get(&c->session, &o, &now, &e))
        return ceremony_failed(c, &e);
    (void)printf("mark %s %" PRIu64 "\n", c->originator, now);
    if (c->raise_to == NULL)
        return 0;
    if (!ceremony_begin(c, CEREMONY_MARK, token, &e) ||
        !ceremony_raise(c, &o, now, to, &e) ||
        !ceremony_leave(c, &e, "the mark of %s was %" PRIu64 " and is %" PRIu64,
                        c->originator, now, to))
        return ceremony_failed(c, &e);
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
