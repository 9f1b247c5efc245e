/* SPDX-License-Identifier: MIT
 *
 * stage - where the attacks play: the real signer over a throw-away SoftHSM token, honest
 * papers that an attack bends before they are signed and handed in, and the service's end
 * of the socket in the hands of whoever subverted the service.
 *
 * The papers are Method 3 for three devices, by two of five PMA members with the chair,
 * switched on by two of three custodians. Every command key lies in the token under one
 * label, so that the shim counts each use of any of them. A count of signatures is that
 * count, or the signatures that came back, whichever is more; what an attack first gets
 * honestly is set off by stage_honest().
 *
 * A test aid: it aborts instead of returning errors.
 */
#ifndef STAGE_H
#define STAGE_H

#include "proto.h"
#include "scene.h"
#include "token_kit.h"

#define STAGE_PEERS      2
#define STAGE_CUSTODIANS 3
#define STAGE_ROWS       3

struct peer { /* one signer process */
    pid_t pid;
    int sock; /* -1: not running, or it has ended */
};

struct stage {
    struct token_kit kit;
    struct scene sc;
    json_t *pristine; /* the honest decision */
    struct pki_pair custodian_anchor, custodians[STAGE_CUSTODIANS];
    /* keys of people that root knows: Member 1's other one; a sixth member's, Member 6 of
     * Party 6; and that of Member 9, who works for the Subscriber; of
     * Custodian 9, a colleague of Custodian 1 */
    EVP_PKEY *second_key, *sixth, *of_supplier, *colleague;

    /* to be bent: who signs, what is handed in */
    const struct pki_pair *signers;
    size_t n_signers;
    json_t *activation; /* made anew for each decision, then bent */
    struct pki_pair keepers[STAGE_CUSTODIANS];
    size_t n_keepers;
    struct span activation_cms;
    struct span given[PROTO_PARTS]; /* borrowed; empty: not handed in */
    uint32_t unsealed;              /* PROTO_PART_BIT of those handed in open to change */
    int fds[PROTO_FDS];             /* of the last OPEN; kept until the next */
    size_t n_fds;
    struct digest authority; /* named in orders */
    uint32_t rows[STAGE_ROWS + 1], n_rows;

    struct peer peers[STAGE_PEERS];
    unsigned now; /* which peer hears */
    struct proto in, out;
    uint32_t seq;
    uint64_t next;  /* the lowest counter that nothing has touched */
    uint64_t first; /* of the run in use */

    uint32_t came, honest; /* signatures: come back, and got honestly */
    size_t uses;           /* of command keys, before this attack */
    bool crashed;          /* a signer ended as none should */
    char rule[64];         /* the first refusal: id, "ends" or "silence" */
};

void stage_make(struct stage *s);
void stage_done(struct stage *s);
/* Honest papers, fresh ids, no process, nothing revoked, nothing counted. */
void stage_reset(struct stage *s);
/* The configuration as s->sc.config says; read by the next process. */
void stage_configure(struct stage *s);

/* --- papers: bend s->sc.doc and the rest, then sign them --- */
void stage_set(struct stage *s, const char *path, json_t *value);
void stage_time(struct stage *s, const char *path, long from_now_s);
/* Decision by s->signers, activation for it by s->keepers; all handed in. */
void stage_sign(struct stage *s);
void stage_sign_activation(struct stage *s);
/* The same for a text that no JSON library would write. Takes text (malloc). */
void stage_sign_text(struct stage *s, char *text);
/* Hand in another CMS than stage_sign made. Takes it. */
void stage_cms(struct stage *s, struct span cms);
char *stage_text(const struct stage *s); /* of the decision; free() */
/* Put x in the place of the new supplier-ds certificate, in bundle and decision. */
void stage_replace(struct stage *s, X509 *x, X509 *more);
/* Fields: 0 is what the scene has. */
struct pki_pair stage_certificate(struct stage *s, const struct pki_spec *spec);

/* --- the process --- */
void stage_start(struct stage *s, unsigned peer);
void stage_stop(struct stage *s, unsigned peer);
int stage_sealed(struct span part, bool seal);

/* --- records: false when it was refused, or nobody answered --- */
bool stage_ask(struct stage *s, enum proto_type type, const int fds[], size_t n);
/* Octets as they are, and what comes back. */
bool stage_raw(struct stage *s, const void *octets, size_t len);
bool stage_hello(struct stage *s);
bool stage_open(struct stage *s);
bool stage_reserve(struct stage *s, uint64_t first, uint32_t n);
bool stage_order(struct stage *s, uint64_t counter);
bool stage_revoke(struct stage *s, const struct digest *what);
/* The same with the document beside it, as an honest service tells what has ended. */
bool stage_end(struct stage *s, struct span cms);
/* The next processes keep their state in that folder of the stage's, made where it is not
 * there: as on another machine at the same token. "state": as at first. */
void stage_machine(struct stage *s, const char *folder);
/* The order of s->rows with that counter, encoded: for attacks on the record itself. */
size_t stage_encode_order(struct stage *s, uint64_t counter, uint8_t *out);

/* Start, HELLO, OPEN, RESERVE; the papers are honest, anything else aborts. */
void stage_ready(struct stage *s);
/* The same with papers that close so many seconds from now, and then until they have
 * closed. close() dates and signs them; on a slow machine it is called again with more. */
void stage_ready_until_closed(struct stage *s, void (*close)(struct stage *s, long in_s));
/* What came so far came by right. */
void stage_honest(struct stage *s);
/* From HELLO to SIGN with the papers as they stand, each step whatever the one before
 * said: what most attacks end with. */
void stage_attempt(struct stage *s);
void stage_go_on(struct stage *s); /* the same from OPEN on */
/* Signatures beyond the honest ones. */
size_t stage_signatures(const struct stage *s);
/* Is each signature of the last SIGNED one over what the papers say? */
bool stage_verify(struct stage *s);

#endif
