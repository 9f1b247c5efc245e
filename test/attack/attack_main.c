/* SPDX-License-Identifier: MIT
 *
 * attack - a subverted service against the real signer: every row of the table is tried,
 * and no signature may come of it.
 *
 *   attack [--list] [--only NAME]...
 *
 * Environment: SMKI_SIGNER, the program; P11_SHIM, the module that counts. Writes TAP and,
 * as comments, the table; the last line is "N attacks, 0 signatures". A first row shows
 * that this stage can get signatures at all. Status 0: every attack failed as it should.
 */
#include "attack.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONLY_MAX 64

static const struct attack *const tables[] = {
    attack_records,     attack_orders, attack_counts,  attack_people,
    attack_hats,        attack_papers, attack_devices, attack_certificates,
    attack_activations, attack_ended,  attack_evidence};

static struct stage stage;
static const char *only[ONLY_MAX];
static size_t n_only;
static unsigned n_cases;
static bool failed;

static bool wanted(const struct attack *a)
{
    for (size_t i = 0; i < n_only; i++)
        if (strcmp(only[i], a->name) == 0)
            return true;
    return n_only == 0;
}

static void line(const char *what, const char *want, const char *got, const char *n)
{
    (void)printf("# %-42s | %-25s | %-25s | %s\n", what, want, got, n);
}

static void verdict(bool ok, const char *name, const char *what)
{
    (void)printf("%sok %u - %s: %s\n", ok ? "" : "not ", ++n_cases, name, what);
    (void)fflush(stdout);
    failed |= !ok;
}

/* Two of them: the PMA's decision, and an organisation's instruction for its own key. */
static void control(struct stage *s)
{
    char n[16];
    bool ok;

    stage_reset(s);
    stage_ready(s);
    ok = stage_order(s, s->first) && stage_verify(s) && s->came == STAGE_ROWS &&
         stage_signatures(s) == STAGE_ROWS;
    (void)snprintf(n, sizeof n, "%zu", stage_signatures(s));
    line("control: the honest way", "signed", ok ? "signed" : s->rule, n);
    verdict(ok, "control", "the honest way");
}

static void control_organisation(struct stage *s)
{
    char n[16];
    bool ok;

    stage_reset(s);
    stage_set(s, "kind", json_string("instruction"));
    stage_set(s, "by", json_string("supplier"));
    stage_set(s, "key", json_string("supplier"));
    stage_set(s, "key_certificate", scene_digest(s->sc.keys[SCENE_SUPPLIER].cert));
    stage_set(s, "method", json_string("M1"));
    stage_set(s, "mode", json_string("supplierBySupplier"));
    s->signers = s->sc.org;
    s->n_signers = 1;
    stage_sign(s);
    s->given[PROTO_PART_ACTIVATION] = (struct span){0};
    stage_attempt(s);
    ok = s->came == STAGE_ROWS && stage_signatures(s) == STAGE_ROWS && s->rule[0] == '\0';
    (void)snprintf(n, sizeof n, "%zu", stage_signatures(s));
    line("control: an organisation's own key", "signed", ok ? "signed" : s->rule, n);
    verdict(ok, "control-organisation", "an organisation's own key");
}

static size_t attack(struct stage *s, const struct attack *a)
{
    size_t got;
    char n[16];

    stage_reset(s);
    a->run(s);
    for (unsigned i = 0; i < STAGE_PEERS; i++)
        stage_stop(s, i);
    got = stage_signatures(s);
    if (s->crashed)
        (void)strcpy(s->rule, "crash");
    (void)snprintf(n, sizeof n, "%zu", got);
    line(a->what, a->rule, s->rule[0] != '\0' ? s->rule : "nothing refused", n);
    verdict(got == 0 && strcmp(s->rule, a->rule) == 0, a->name, a->what);
    return got;
}

static int list(void)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct attack *a = tables[t]; a->name != NULL; a++)
            (void)printf("%-20s %-42s %s\n", a->name, a->what, a->rule);
    return 0;
}

static unsigned count(void)
{
    unsigned n = 0;

    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct attack *a = tables[t]; a->name != NULL; a++)
            n += wanted(a);
    return n;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"list", no_argument, NULL, 'l'},
                                            {"only", required_argument, NULL, 'o'},
                                            {NULL, 0, NULL, 0}};
    size_t signatures = 0;
    unsigned n;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'l')
            return list();
        if (c != 'o' || n_only == ONLY_MAX)
            return 2;
        only[n_only++] = optarg;
    }
    if (getenv("SMKI_SIGNER") == NULL || getenv("P11_SHIM") == NULL) {
        (void)fprintf(stderr, "attack: SMKI_SIGNER and P11_SHIM are not set\n");
        return 2;
    }
    n = count();
    stage_make(&stage); /* ends here where there is no SoftHSM */
    (void)printf("1..%u\n", n + 2);
    line("attack", "expected", "got", "signatures");
    control(&stage);
    control_organisation(&stage);
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct attack *a = tables[t]; a->name != NULL; a++)
            if (wanted(a))
                signatures += attack(&stage, a);
    stage_done(&stage);
    (void)printf("# %u attacks, %zu signatures\n", n, signatures);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
