/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "partyfile.h"
#include "pki.h"
#include "rules.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char notification[] =
    "format,smki-recovery/file/1\n"
    "kind,organisation-notification\n"
    "file,N-2026-001\n"
    "incident,INC-7\n"
    "subscriber,90B3D51F30000001\n"
    "srp,Shared Systems Ltd\n"
    "certificate,SMKI Organisation Issuing CA,01A2,90B3D51F30000001,supplier-ds\n"
    "certificate,SMKI Organisation Issuing CA,01A3,90B3D51F30000001,supplier-ka\n"
    "certainty,suspected\n"
    "found,2026-11-24T09:00:00.000000Z\n"
    "suspected-from,2026-11-20T00:00:00.000000Z\n"
    "method,1\n"
    "suspend,no\n"
    "anticipated,GSME,1\n"
    "anticipated,ESME,2\n"
    "signer,Supplier A,supplier,A.Officer\n"
    "\n"
    "device,type,cells,old,new\n"
    "00DB1234567890A0,ESME,supplier-ds+supplier-ka,01A2,\n"
    "00DB1234567890A1,GSME,supplier-ds,01A2,02B0\n"
    "00DB1234567890A2,ESME,supplier-ka,01A3,\n";

static const char progress[] =
    "format,smki-recovery/file/1\n"
    "kind,organisation-progress\n"
    "file,P-2026-001\n"
    "incident,INC-7\n"
    "subscriber,90B3D51F30000001\n"
    "anticipated,GSME,1\n"
    "anticipated,ESME,2\n"
    "as-at,2026-11-25T09:00:00.000000Z\n"
    "total,pending,1\n"
    "total,success,1\n"
    "total,failed,1\n"
    "percent,33\n"
    "signer,Supplier A,supplier,A.Officer\n"
    "\n"
    "device,type,cells,old,new,state,code\n"
    "00DB1234567890A0,ESME,supplier-ds+supplier-ka,01A2,02B0,success,\n"
    "00DB1234567890A1,GSME,supplier-ds,01A2,02B0,failed,30\n"
    "00DB1234567890A2,ESME,supplier-ka,01A3,,pending,\n";

static const char other[] = "format,smki-recovery/file/1\n"
                            "kind,other-notification\n"
                            "file,O-1\n"
                            "incident,INC-9\n"
                            "key,recovery\n"
                            "certificate,SMKI Organisation Issuing CA,0F,-,recovery-ds\n"
                            "certainty,actual\n"
                            "found,2026-11-24T09:00:00.000000Z\n"
                            "anticipated,PPMID,1\n"
                            "signer,DCC,dcc,D.Operator\n"
                            "\n"
                            "device,type,cells,old,new\n"
                            "00DB1234567890A0,PPMID,recovery-ds,0F,\n";

/* What the callbacks know and count. */
struct world {
    const char *seen;
    const char *unknown; /* device that was not notified */
    unsigned rows;
    FILE *copy;
    bool stop;
};

static bool seen(void *arg, const char *id)
{
    const struct world *w = arg;

    return w->seen != NULL && strcmp(w->seen, id) == 0;
}

static bool notified(void *arg, const struct eui64 *device)
{
    const struct world *w = arg;
    struct eui64 u;

    return w->unknown == NULL || !eui64_parse(w->unknown, strlen(w->unknown), &u) ||
           eui64_cmp(&u, device) != 0;
}

static bool row(void *arg, const struct partyfile_header *h, const struct partyfile_row *r,
                struct err *e)
{
    struct world *w = arg;

    w->rows++;
    if (w->stop)
        return err_set(e, ERR_STORE, "store.failed", "the disk is full");
    return w->copy == NULL || partyfile_write_row(w->copy, h, r, e);
}

static struct partyfile_reader reader(struct world *w)
{
    return (struct partyfile_reader){
        .seen = seen, .notified = notified, .row = row, .arg = w};
}

/* text with the first 'from' replaced; caller frees. */
static char *with(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    char *out;

    ck_assert_msg(at != NULL, "no '%s' to replace", from);
    ck_assert_int_gt(
        asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)), 0);
    return out;
}

/* A detached signature by whom the header names; without a readable header, by anybody. */
static struct span sign_as_named(const char *text, const struct pki_pair *root)
{
    struct partyfile_header h;
    struct err e;
    bool named = partyfile_header_read(span_of(text, strlen(text)), "in.csv", &h, &e);
    struct pki_pair officer =
        pki_person(named ? h.aro : "Anybody", NULL, NULL, false, NULL, root, 0, 0);
    BIO *in = BIO_new_mem_buf(text, (int)strlen(text));
    CMS_ContentInfo *cms =
        CMS_sign(officer.cert, officer.key, NULL, in, CMS_DETACHED | CMS_BINARY);
    uint8_t *der = NULL, *copy;
    int len = i2d_CMS_ContentInfo(cms, &der);

    ck_assert_int_gt(len, 0);
    copy = malloc((size_t)len);
    memcpy(copy, der, (size_t)len);
    OPENSSL_free(der);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    pki_pair_done(&officer);
    return span_of(copy, (size_t)len);
}

static bool read_text(const char *text, const struct partyfile_reader *r,
                      struct partyfile_header *h, struct err *e)
{
    struct pki_pair root = pki_person("Root", NULL, NULL, true, NULL, NULL, 0, 0);
    struct span cms = sign_as_named(text, &root);
    const struct clock now = clock_system();
    struct partyfile_trust t = {.store = X509_STORE_new(), .now_us = clock_now(&now)};
    bool ok;

    ck_assert_int_eq(X509_STORE_add_cert(t.store, root.cert), 1);
    ok = partyfile_accept(span_of(text, strlen(text)), cms, "in.csv", r, &t, h, e);
    X509_STORE_free(t.store);
    pki_pair_done(&root);
    free((void *)(uintptr_t)cms.at);
    return ok;
}

START_TEST(every_kind_reads_and_writes_back_octet_for_octet)
{
    static const char *const texts[] = {notification, progress, other};
    struct world w = {0};
    struct partyfile_reader r = reader(&w);
    struct partyfile_header h;
    struct err e;
    char *text = NULL;
    size_t len = 0;

    w.copy = open_memstream(&text, &len);
    ck_assert_ptr_nonnull(w.copy);
    /* The header is known only after the first pass; the rows follow in a second. */
    ck_assert_msg(read_text(texts[_i], &(struct partyfile_reader){0}, &h, &e), "%s",
                  e.text);
    ck_assert(partyfile_write_header(w.copy, &h, &e));
    ck_assert(read_text(texts[_i], &r, &h, &e));
    ck_assert_int_eq(fclose(w.copy), 0);
    ck_assert_str_eq(text, texts[_i]);
    ck_assert_uint_eq(w.rows, h.n_rows);
    free(text);
}
END_TEST

START_TEST(fields_arrive_where_they_belong)
{
    struct world w = {0};
    struct partyfile_reader r = reader(&w);
    struct partyfile_header h;
    struct err e;
    int64_t us;

    ck_assert(read_text(notification, &r, &h, &e));
    ck_assert_str_eq(h.id, "N-2026-001");
    ck_assert_str_eq(h.incident, "INC-7");
    ck_assert_str_eq(h.srp, "Shared Systems Ltd");
    ck_assert_uint_eq(h.n_certificates, 2);
    ck_assert_str_eq(h.certificates[1].serial, "01A3");
    ck_assert_int_eq(h.certificates[1].cell, CELL_SUPPLIER_KA);
    ck_assert(!h.actual && !h.suspend && h.has_suspected_from);
    ck_assert_int_eq(h.method, PARTYFILE_METHOD_1);
    ck_assert(clock_parse("2026-11-24T09:00:00Z", &us));
    ck_assert_int_eq(h.found_us, us);
    ck_assert_uint_eq(h.anticipated[DEVICE_ESME], 2);
    ck_assert_uint_eq(h.n_rows, 3);
    ck_assert_str_eq(h.aro, "A.Officer");
    ck_assert(read_text(progress, &r, &h, &e));
    ck_assert_uint_eq(h.total[PARTYFILE_FAILED], 1);
    ck_assert_uint_eq(h.percent, 33);
    ck_assert(read_text(other, &r, &h, &e));
    ck_assert_str_eq(h.key, "recovery");
    ck_assert(h.actual && !h.certificates[0].has_subject);
}
END_TEST

static const struct {
    const char *text;
    const char *from, *to;
    const char *id;
    const char *words; /* line and field in the error's text */
} spoilt[] = {
    {notification, "file/1\n", "file/2\n", "file.format", "line 1: field 'format'"},
    {notification, "format,smki-recovery/file/1\n", "", "file.format",
     "line 1: field 'kind'"},
    {notification, "kind,organisation-notification\n", "", "file.format", "line 2: field"},
    {notification, "organisation-notification", "notification", "file.header",
     "line 2: field 'kind'"},
    {notification, notification, "\n", "file.format", "come first"},
    {notification, notification, "format,smki-recovery/file/1\n\n", "file.format",
     "come first"},
    {notification, "file,N-2026-001\n", "", "file.header", "field 'file' is missing"},
    {notification, "file,N-2026-001", "file,../N", "file.header", "line 3: field 'file'"},
    {notification, "file,N-2026-001", "file,", "file.header", "line 3: field 'file'"},
    {notification, "incident,INC-7\n", "incident,INC-7\nincident,INC-7\n", "file.header",
     "line 5: field 'incident' stands twice"},
    {notification, "incident,INC-7", "incident,INC 7", "file.header", "line 4"},
    {notification, "subscriber,90B3", "subscriber,90B", "file.header", "'subscriber'"},
    {notification, "subscriber,90B3D51F30000001\n", "", "file.header",
     "'subscriber' is missing"},
    {notification, "srp,", "spr,", "file.header", "line 6: unknown field 'spr'"},
    {notification, ",supplier-ds\n", ",supplier\n", "file.header",
     "line 7: field 'certificate'"},
    {notification, ",supplier-ds\n", ",-\n", "file.header", "needs subject and cell"},
    {notification, "CA,01A2,90B3D51F30000001", "CA,01A2,-", "file.header",
     "needs subject and cell"},
    {notification, "01A2,90B", "1A2,90B", "file.header", "line 7: field 'certificate'"},
    {notification, "01A2,90B", "01a2,90B", "file.header", "line 7: field 'certificate'"},
    {notification, "01A2,90B", "0001A2,90B", "file.header", "line 7: field 'certificate'"},
    {notification, "01A3,90B", "01A2,90B", "file.header", "line 8: field 'certificate'"},
    {notification, "certainty,suspected", "certainty,sure", "file.header", "'certainty'"},
    {notification, "found,2026-11-24T", "found,2026-13-24T", "file.header", "'found'"},
    {notification, "from,2026-11-20", "from,2026-11-25", "file.header", "'suspected-from'"},
    {notification, "method,1", "method,4", "file.header", "line 12: field 'method'"},
    {notification, "method,1", "method,1,2", "file.header", "wrong number of values"},
    {notification, "method,1", "method,1,2,3,4,5,6,7", "file.row", "too many values"},
    {notification, "suspend,no", "suspend,maybe", "file.header", "'suspend'"},
    {notification, "ated,ESME,2", "ated,ESME,3", "file.count",
     "3 announced, 2 in the list"},
    {notification, "ated,ESME,2", "ated,ESME,02", "file.header", "'anticipated'"},
    {notification, "ated,ESME,2", "ated,ESME,2x", "file.header", "'anticipated'"},
    {notification, "01A3,90B3D51F30000001", "01A3,90B3D51F3000000", "file.header",
     "line 8: field 'certificate'"},
    {notification, "ated,ESME,2", "ated,IHD,2", "file.header", "'anticipated'"},
    {notification, "ated,ESME,2", "ated,GSME,1", "file.header", "'anticipated'"},
    {notification, "anticipated,GSME,1\n", "", "file.count", "GSME: 0 announced, 1"},
    {notification, "suspend,no\n", "suspend,no\npercent,3\n", "file.header",
     "line 14: field 'percent' has no place"},
    {notification, "signer,Supplier A,", "signer,", "file.header", "'signer'"},
    {notification, "old,new\n", "old\n", "file.row", "line 18: the columns are"},
    {notification, ",01A2,\n", ",01A2\n", "file.row", "line 19"},
    {notification, "00DB1234567890A0", "00DB1234567890AG", "file.device", "line 19: field"},
    {notification, "A0,ESME", "A0,CAD", "file.type", "line 19: field 'type'"},
    {notification, "A0,ESME", "A0,METER", "file.type", "line 19: field 'type'"},
    {notification, "ds+supplier-ka,01A2", "ds+supplier-ds,01A2", "file.cells", "line 19"},
    {notification, "ds+supplier-ka,01A2", "ds+,01A2", "file.cells", "line 19"},
    {notification, "ds+supplier-ka,01A2", "ds+supplier-pp,01A2", "file.cells", "line 19"},
    {notification, "A1,GSME,supplier-ds", "A1,GSME,", "file.cells", "line 20"},
    {notification, "A1,GSME,", "A1,PPMID,", "file.cells", "line 20"},
    {notification, "supplier-ds,01A2,02B0", "supplier-ds,01A4,02B0", "file.certificate",
     "line 20: field 'old'"},
    {notification, "01A2,02B0", "01A2,01A2", "file.certificate", "line 20: field 'new'"},
    {notification, "00DB1234567890A2", "00DB1234567890A1", "file.order", "line 21"},
    {notification, "00DB1234567890A2", "00DB123456789000", "file.order", "line 21"},
    {notification, "supplier-ka,01A3,\n", "supplier-ka,01A3,", "file.row",
     "line 21: the file ends"},
    {notification, "Supplier A", "Supplier\tA", "file.row", "printable"},
    {notification, "Supplier A", "Supplier \xc3\x84", "file.row", "printable"},
    {progress, "as-at,2026-11-25T09:00:00.000000Z\n", "", "file.header",
     "'as-at' is missing"},
    {progress, "total,pending,1", "total,pending,2", "file.count", "pending: 2 announced"},
    {progress, "total,pending,1\n", "total,pending,1\ntotal,pending,1\n", "file.header",
     "'total'"},
    {progress, "percent,33", "percent,34", "file.count", "34 announced, 1 of 3"},
    {progress, "percent,33\n", "percent,33\nby-key,recovery,2\n", "file.count",
     "'by-key': 2 announced, 1 of the list"},
    {progress, "percent,33\n", "percent,33\nby-key,own,97\n", "file.count",
     "'by-key': 0 announced, 1 of the list"},
    {progress, "percent,33\n", "percent,33\nby-key,mine,1\n", "file.header", "'by-key'"},
    {progress, "percent,33\n", "percent,33\nby-key,own,1\nby-key,own,1\n", "file.header",
     "'by-key'"},
    {progress, "percent,33", "percent,101", "file.header", "'percent'"},
    {progress, "failed,30", "failed,", "file.state", "line 17: field 'state'"},
    {progress, "failed,30", "failed,0", "file.state", "line 17: field 'state'"},
    {progress, "failed,30", "failed,9999999990", "file.state", "line 17: field 'state'"},
    {progress, "total,pending,1\n", "total,pending,1\ntotal,sent,0\n", "file.header",
     "line 10: field 'total'"},
    {notification, "A.Officer",
     "01234567890123456789012345678901234567890123456789012345678901234", "file.header",
     "'signer'"},
    {progress, "failed,30", "failed,128", "file.state", "line 17: field 'state'"},
    {progress, "02B0,success,\n", "02B0,success,1\n", "file.state", "line 16"},
    {progress, "02B0,success", ",success", "file.state", "line 16"},
    {progress, ",,pending", ",,waiting", "file.state", "line 18"},
    {progress, "as-at", "method,1\nas-at", "file.header", "'method' has no place"},
    {other, "key,recovery\n", "", "file.header", "'key' is missing"},
    {other, "key,recovery", "key,house", "file.header", "'key'"},
    {other, "00DB1234567890A0,PPMID,recovery-ds,0F,\n", "", "file.count", "empty"},
};

START_TEST(every_spoilt_file_is_refused_naming_line_and_field)
{
    char *text = with(spoilt[_i].text, spoilt[_i].from, spoilt[_i].to);
    struct world w = {0};
    struct partyfile_reader r = reader(&w);
    struct partyfile_header h = {.id = "untouched"};
    struct err e = {0};

    ck_assert_msg(!read_text(text, &r, &h, &e), "case %d was read", _i);
    ck_assert_str_eq(e.id, spoilt[_i].id);
    ck_assert_int_eq(e.code, ERR_INPUT);
    ck_assert_msg(strncmp(e.text, "in.csv: ", 8) == 0, "%s", e.text);
    ck_assert_msg(strstr(e.text, spoilt[_i].words) != NULL, "case %d: %s", _i, e.text);
    ck_assert_ptr_nonnull(rules_find(e.id));
    ck_assert_str_eq(h.id, "untouched");
    free(text);
}
END_TEST

/* At the edge, and still good. */
static const struct {
    const char *text;
    const char *from, *to;
} sound[] = {
    {notification, "from,2026-11-20T00", "from,2026-11-24T09"},
    {notification, "Supplier A,", "~!~ Supplier A,"},
    {notification, "01A2,90B3", "00,90B3"},
    {notification, "A.Officer",
     "0123456789012345678901234567890123456789012345678901234567890123"},
    {notification, "INC-7",
     "0123456789012345678901234567890123456789012345678901234567890123"},
    {progress, "failed,30", "failed,127"},
    {progress, "failed,30", "failed,90"},
    {progress, "failed,30", "failed,1"},
};

START_TEST(what_is_just_allowed_is_read)
{
    static const struct {
        const char *from, *to;
    } then[] = {{"supplier-ka,01A2,\n", "supplier-ka,00,\n"},
                {"supplier-ds,01A2,", "supplier-ds,00,"}};
    char *text = with(sound[_i].text, sound[_i].from, sound[_i].to);
    struct partyfile_header h;
    struct err e;

    for (size_t i = 0; strcmp(sound[_i].to, "00,90B3") == 0 && i < 2; i++) {
        char *next = with(text, then[i].from, then[i].to);

        free(text);
        text = next;
    }
    ck_assert_msg(read_text(text, &(struct partyfile_reader){0}, &h, &e), "%s", e.text);
    free(text);
}
END_TEST

static void refused(const char *text, const struct partyfile_reader *r, const char *id,
                    enum err_code code)
{
    struct partyfile_header h;
    struct err e = {0};

    ck_assert(!read_text(text, r, &h, &e));
    ck_assert_str_eq(e.id, id);
    ck_assert_int_eq(e.code, code);
    ck_assert_ptr_nonnull(rules_find(id));
}

START_TEST(what_the_caller_knows_is_asked)
{
    struct world w = {0};
    struct partyfile_reader r = reader(&w);
    struct partyfile_header h;
    struct err e;

    r.incident = "INC-7";
    ck_assert(read_text(notification, &r, &h, &e));
    r.incident = "INC-8";
    refused(notification, &r, "file.incident", ERR_DENIED);
    r.incident = NULL;
    w.seen = "N-2026-001";
    w.rows = 0;
    refused(notification, &r, "file.replayed", ERR_DENIED);
    ck_assert_uint_eq(w.rows, 0);
    ck_assert(read_text(progress, &r, &h, &e));
    w.unknown = "00DB1234567890A1";
    refused(progress, &r, "file.not-notified", ERR_DENIED);
    w.seen = w.unknown = NULL;
    w.stop = true;
    refused(progress, &r, "store.failed", ERR_STORE);
}
END_TEST

START_TEST(progress_never_goes_backwards)
{
    struct world w = {0};
    struct partyfile_reader r = reader(&w);
    struct partyfile_header h;
    struct err e;
    int64_t as_at;
    struct partyfile_previous was = {
        .total = {[PARTYFILE_PENDING] = 2, [PARTYFILE_SUCCESS] = 1}};

    ck_assert(clock_parse("2026-11-25T09:00:00Z", &as_at));
    was.as_at_us = as_at - 1;
    r.previous = &was;
    ck_assert(read_text(progress, &r, &h, &e));
    was.as_at_us = as_at;
    refused(progress, &r, "file.backwards", ERR_DENIED);
    was.as_at_us = as_at - 1;
    was.total[PARTYFILE_SUCCESS] = 2;
    refused(progress, &r, "file.backwards", ERR_DENIED);
    was.total[PARTYFILE_SUCCESS] = 1;
    was.total[PARTYFILE_PENDING] = 1; /* as many as now: nothing has moved, nothing fell */
    ck_assert(read_text(progress, &r, &h, &e));
    was.total[PARTYFILE_PENDING] = 0;
    refused(progress, &r, "file.backwards", ERR_DENIED);
}
END_TEST

START_TEST(a_line_or_a_list_has_an_end)
{
    char *text;
    char list[2048] = "";
    char longest[PARTYFILE_LINE_MAX + 40];

    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    text = with(notification, "Supplier A", longest);
    refused(text, &(struct partyfile_reader){0}, "file.row", ERR_INPUT);
    free(text);
    /* Exactly as long as a line may be: too long for a field, but not for a line. */
    longest[PARTYFILE_LINE_MAX - strlen("signer,,supplier,A.Officer")] = '\0';
    text = with(notification, "Supplier A", longest);
    refused(text, &(struct partyfile_reader){0}, "file.header", ERR_INPUT);
    free(text);
    for (int i = 0; i < PARTYFILE_CERTS_MAX - 1; i++)
        (void)snprintf(list + strlen(list), sizeof list - strlen(list),
                       "certificate,I,%02X,90B3D51F30000001,supplier-ds\n", i + 0x10);
    strcat(list, "certainty,");
    text = with(notification, "certainty,", list);
    refused(text, &(struct partyfile_reader){0}, "file.header", ERR_INPUT);
    free(text);
    refused("", &(struct partyfile_reader){0}, "file.row", ERR_INPUT);
    text = strdup(notification);
    strstr(text, "device,type")[0] = '\0'; /* the header alone */
    refused(text, &(struct partyfile_reader){0}, "file.row", ERR_INPUT);
    free(text);
}
END_TEST

START_TEST(a_full_disk_is_not_silent)
{
    FILE *full = fopen("/dev/full", "w");
    struct partyfile_header h;
    struct err e = {0};

    ck_assert_ptr_nonnull(full);
    ck_assert_int_eq(setvbuf(full, NULL, _IONBF, 0), 0);
    ck_assert(read_text(notification, &(struct partyfile_reader){0}, &h, &e));
    ck_assert(!partyfile_write_header(full, &h, &e));
    ck_assert_str_eq(e.id, "file.write");
    (void)fclose(full);
}
END_TEST

START_TEST(names_are_known)
{
    enum partyfile_state s;

    ck_assert_str_eq(partyfile_kind_name(PARTYFILE_OTHER_PROGRESS), "other-progress");
    ck_assert_str_eq(partyfile_method_name(PARTYFILE_METHOD_UNDECIDED), "undecided");
    for (unsigned i = 0; i < PARTYFILE_STATE_COUNT; i++) {
        const char *name = partyfile_state_name((enum partyfile_state)i);

        ck_assert(partyfile_state_find(name, strlen(name), &s));
        ck_assert_uint_eq(s, i);
    }
    ck_assert(!partyfile_state_find("done", 4, &s));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("files");
    TCase *c = tcase_create("text");
    SRunner *r = srunner_create(s);

    tcase_add_loop_test(c, every_kind_reads_and_writes_back_octet_for_octet, 0, 3);
    tcase_add_test(c, fields_arrive_where_they_belong);
    tcase_add_loop_test(c, every_spoilt_file_is_refused_naming_line_and_field, 0,
                        sizeof spoilt / sizeof spoilt[0]);
    tcase_add_loop_test(c, what_is_just_allowed_is_read, 0, sizeof sound / sizeof sound[0]);
    tcase_add_test(c, what_the_caller_knows_is_asked);
    tcase_add_test(c, progress_never_goes_backwards);
    tcase_add_test(c, a_line_or_a_list_has_an_end);
    tcase_add_test(c, a_full_disk_is_not_silent);
    tcase_add_test(c, names_are_known);
    suite_add_tcase(s, c);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);

    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
