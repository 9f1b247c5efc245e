/* SPDX-License-Identifier: MIT */
#include "certs_kit.h"

#include "mem.h"

static const struct eui64 supplier = {{0x90, 0xB3, 0xD5, 0x1F, 0x30, 0x02, 0x00, 0x01}};
static struct pki_pair pairs[128];
static struct certs certs[128]; /* one each */

static const struct pki_pair *pair(char letter)
{
    struct pki_pair *p = &pairs[(unsigned char)letter];
    char cn[] = {letter, '\0'};
    struct pki_spec spec = {
        .cn = cn, .role = ROLE_SUPPLIER, .eui = &supplier, .usage = KU_DIGITAL_SIGNATURE};

    if (p->cert != NULL)
        return p;
    if (letter == '0' || letter == '1' || letter == '2') {
        spec.role = letter == '0' ? ROLE_ROOT : ROLE_ISSUING_AUTHORITY;
        spec.eui = NULL;
        spec.usage = KU_KEY_CERT_SIGN;
        spec.issuer = letter == '0' ? NULL : pair('0');
    } else {
        spec.issuer = pair(letter == 's' ? '2' : '1');
        spec.key = letter == 'r' ? pair('a')->key : NULL;
    }
    *p = pki_issue(&spec);
    return p;
}

const struct cert *certs_kit_one(char letter)
{
    struct certs *c = &certs[(unsigned char)letter];
    struct span pem;

    if (c->n == 0) {
        pem = pki_pem(pair(letter)->cert);
        OK(certs_read(pem, "kit", c, &e));
        free((void *)(uintptr_t)pem.at);
    }
    return &c->at[0];
}

struct span certs_kit_pem(const char *letters)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    for (; *letters != '\0'; letters++) {
        struct span pem = pki_pem(pair(*letters)->cert);

        ck_assert_uint_eq(fwrite(pem.at, 1, pem.len, f), pem.len);
        free((void *)(uintptr_t)pem.at);
    }
    ck_assert_int_eq(fclose(f), 0);
    return span_of(text, len);
}

void certs_kit_end(void)
{
    for (size_t i = 0; i < 128; i++) {
        certs_done(&certs[i]);
        memset(&certs[i], 0, sizeof certs[i]);
        pki_pair_done(&pairs[i]);
        pairs[i] = (struct pki_pair){NULL, NULL};
    }
}

bool certs_kit_hand_in(const char *incident, const char *letters)
{
    AUTO(mem) struct certs *given = calloc(1, sizeof *given);
    struct docket_incident i;
    struct span pem = certs_kit_pem(letters);
    json_t *answer = NULL;
    bool ok;

    OK(certs_read(pem, "kit", given, &e));
    OK(docket_get(store, incident, &i, &e));
    OK(store_begin(store, &e));
    ok = docket_put_bundle(&docket, &i, pem, given, "uid 1", &answer, &e);
    if (ok)
        ok = store_commit(store, &e);
    else
        store_rollback(store);
    json_decref(answer);
    docket_incident_done(&i);
    certs_done(given);
    free((void *)(uintptr_t)pem.at);
    return ok;
}

static void add_certificates(json_t *document, const char *member, const char *letters)
{
    json_t *list = json_array();

    for (; *letters != '\0'; letters++) {
        char hex[HEX_LEN(32)];

        hex_encode_lower(certs_kit_one(*letters)->sha256.b, 32, hex);
        (void)json_array_append_new(
            list, json_pack("{s:s,s:s}", "cell", "supplier-ds", "certificate", hex));
    }
    (void)json_object_set_new(document, member, list);
}

struct digest certs_kit_decide(const char *id, const char *incident,
                               enum authority_kind kind, const char *bad, const char *new)
{
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    AUTO(mem) char *text = NULL;
    json_t *document = json_pack(
        "{s:s,s:s}", "kind", authority_kind_name(kind), "method",
        authority_method_name(kind == KIND_INSTRUCTION ? METHOD_HANDBACK : METHOD_3));
    struct digest digest;

    a->kind = kind;
    a->outcome = AUTHORITY_AUTHORISE;
    (void)snprintf(a->id, sizeof a->id, "%s", id);
    (void)snprintf(a->incident, sizeof a->incident, "%s", incident);
    for (const char *p = bad; *p != '\0'; p++)
        a->compromised[a->n_compromised++] = (struct authority_compromised){
            .sha256 = certs_kit_one(*p)->sha256, .cell = CELL_SUPPLIER_DS};
    for (const char *p = new; *p != '\0'; p++)
        a->replacements[a->n_replacements++] = (struct authority_replacement){
            .sha256 = certs_kit_one(*p)->sha256, .cell = CELL_SUPPLIER_DS};
    add_certificates(document, "compromised", bad);
    add_certificates(document, "replacements", new);
    text = json_dumps(document, JSON_COMPACT);
    json_decref(document);
    a->digest = digest_of(span_of(text, strlen(text)), span_of(id, strlen(id)));
    digest = a->digest;
    OK(store_begin(store, &e));
    OK(docket_put_decision(&docket, a, span_of("x", 1), span_of(text, strlen(text)), "[]",
                           "uid 1", &e));
    OK(store_commit(store, &e));
    return digest;
}
