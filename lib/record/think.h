/* SPDX-License-Identifier: MIT
 *
 * think - what takes long to work out, and may be worked out beside the loop.
 *
 * A question is a kind and some octets; its answer is octets, and comes from these and from
 * what is on file, nothing else. Where nothing was said (a test, a tool, the thread that works
 * things out) it is worked out on the spot. Where the thread that asks has a port, the port has
 * the answer, or refuses with "request.later": whoever asks gives up what he was doing, without
 * a trace, and does it again from the start once the answer is there. So no step waits, none
 * stays open meanwhile, and what a step decides it decides on what stands then.
 *
 * Source:  project. A thread is started by daemon/, never here (beside.h).
 * Effects: none of its own.
 */
#ifndef THINK_H
#define THINK_H

#include "bytes.h"
#include "store.h"

struct think_kind {
    const char *name; /* for people */
    /* Work it out. out: malloc'd octets, or at NULL: there is nothing to say. May run in another
     * thread: looks at in, at files and at s, which may be another connection; changes nothing
     * that others see. */
    bool (*work)(struct store *s, struct span in, struct span *out, struct err *e);
    /* An answer that nobody fetched goes; may be NULL. */
    void (*unheard)(struct span in);
    /* It is given once and not kept. Else it holds as long as the port likes: in then has to
     * name all that it depends on. */
    bool once;
    /* It takes about as long however long the lists are: it need not wait for what does not. */
    bool quick;
};

/* out is the caller's: malloc'd. Errors: those of the kind; ERR_BUSY "request.later". */
MUST_CHECK bool think(const struct think_kind *k, struct store *s, struct span in,
                      struct span *out, struct err *e);

/* Is that the word of a port that has no answer yet? */
bool think_later(const struct err *e);

/* So many questions of this thread had nobody who was at them yet. A step that asks a further
 * one each time wants to know what changes faster than it is worked out. */
unsigned think_asked(void);
/* By a port: one more. */
void think_count(void);

struct think_port {
    /* As think(). s: whoever asks has it open; NULL: the kind needs none. */
    bool (*ask)(void *arg, const struct think_kind *k, struct store *s, struct span in,
                struct span *out, struct err *e);
    void *arg;
};
/* Who is asked by this thread from now on; NULL: nobody. Borrowed. Returns who was. */
const struct think_port *think_through(const struct think_port *p);

#endif
