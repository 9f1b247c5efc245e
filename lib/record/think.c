/* SPDX-License-Identifier: MIT */
#include "think.h"

#include <string.h>

static _Thread_local const struct think_port *port;
static _Thread_local unsigned asked;

bool think(const struct think_kind *k, struct store *s, struct span in, struct span *out,
           struct err *e)
{
    *out = (struct span){NULL, 0};
    return port == NULL ? k->work(s, in, out, e) : port->ask(port->arg, k, s, in, out, e);
}

bool think_later(const struct err *e)
{
    return e->code == ERR_BUSY && strcmp(e->id, "request.later") == 0;
}

unsigned think_asked(void)
{
    return asked;
}

void think_count(void)
{
    asked++;
}

const struct think_port *think_through(const struct think_port *p)
{
    const struct think_port *was = port;

    port = p;
    return was;
}
