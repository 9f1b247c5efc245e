/* SPDX-License-Identifier: MIT
 *
 * Write the corpora of fuzz_certificate and fuzz_authority: DIR/certificate, DIR/authority.
 */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(const char *dir, const char *name, struct span octets)
{
    char path[512];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "wb");
    if (f == NULL || fwrite(octets.at, 1, octets.len, f) != octets.len || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

static void put_cert(const char *dir, const char *name, X509 *x)
{
    char path[512];
    struct span der = pki_der(x);

    (void)snprintf(path, sizeof path, "certificate/%s", name);
    put(dir, path, der);
    free((void *)(uintptr_t)der.at);
}

int main(int argc, char **argv)
{
    struct scene s;
    char *text;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: seed-authority DIR\n");
        return 2;
    }
    scene_make(&s);
    put_cert(argv[1], "root.der", s.root.cert);
    put_cert(argv[1], "issuing.der", s.issuing.cert);
    put_cert(argv[1], "supplier-ds.der", s.new_ds.cert);
    put_cert(argv[1], "supplier-ka.der", s.new_ka.cert);
    put(argv[1], "certificate/bundle.pem", s.pem);
    put(argv[1], "authority/decision.cms", s.cms);
    text = json_dumps(s.doc, JSON_INDENT(1));
    put(argv[1], "authority/decision.json", span_of(text, strlen(text)));
    free(text);
    scene_set(&s, "outcome", json_string("refuse"));
    scene_sign(&s, 1);
    put(argv[1], "authority/refusal.cms", s.cms);
    scene_done(&s);
    return 0;
}
