/* SPDX-License-Identifier: MIT */
#include "core_kit.h"
#include "roster.h"

#include <openssl/sha.h>
#include <sys/mman.h>

#define HEAD  "device,type,status\n"
#define FULL  "device,type,status,cells,old,ka,ds\n"
#define POINT "02AABBCCDDEEFF00112233445566778899AABBCCDDEEFF00112233445566778899"

static struct roster r;
static char *many;

static void setup(void)
{
    kit_begin();
    memset(&r, 0, sizeof r);
    many = NULL;
}

static void teardown(void)
{
    roster_done(&r);
    free(many);
    kit_end();
}

static bool opens(const char *text)
{
    roster_done(&r);
    return roster_open(span_of(text, strlen(text)), "r.csv", &r, &e);
}

static bool sorts(const char *text, char *out, size_t cap)
{
    FILE *f = tmpfile();
    size_t n = 0;
    bool ok;

    ck_assert_ptr_nonnull(f);
    ok = roster_sort(span_of(text, strlen(text)), "r.csv", fileno(f), &e);
    if (ok) {
        rewind(f);
        n = fread(out, 1, cap - 1, f);
    }
    out[n] = '\0';
    (void)fclose(f);
    return ok;
}

START_TEST(each_refusal_names_line_and_field)
{
    static const struct {
        const char *text, *rule, *words;
    } faults[] = {
        {"", "roster.empty", "r.csv is empty"},
        {HEAD, "roster.empty", "names no device"},
        {"device,type\n", "roster.header", "line 1"},
        {"device,type,status,colour\n", "roster.header", "\"colour\" is unknown"},
        {"device,type,status,type\n", "roster.header", "\"type\" is named twice"},
        {"device,type,status,\n", "roster.header", "\"\" is unknown"},
        {"device,type,status", "roster.row", "line 1"},
        {HEAD "00DB1234567890A0,ESME\n", "roster.row", "line 2: 2 fields"},
        {HEAD "00DB1234567890A0,ESME,commissioned,x\n", "roster.row", "line 2: more"},
        {HEAD "00DB1234567890A0,ESME,commissioned", "roster.row", "line 2: the last"},
        {HEAD "00DB1234567890A0,ESME,commissioned\n\n", "roster.device", "line 3"},
        {HEAD "00DB1234567890A,ESME,commissioned\n", "roster.device",
         "line 2, field device: \"00DB1234567890A\""},
        {HEAD "00-DB-12-34-56-78-90-A0,ESME,commissioned\n", "roster.device", "line 2"},
        {HEAD "00DB1234567890A0,FRIDGE,commissioned\n", "roster.type",
         "line 2, field type: \"FRIDGE\""},
        {HEAD "00DB1234567890A0,IHD,commissioned\n", "roster.type2",
         "line 2, field type: \"IHD\""},
        {HEAD "00DB1234567890A0,CAD,commissioned\n", "roster.type2", "\"CAD\""},
        {HEAD "00DB1234567890A0,ESME,well\n", "roster.status",
         "line 2, field status: \"well\""},
        {HEAD "00DB1234567890A0,ESME,commissioned\r\n", "roster.status",
         "\"commissioned?\""},
        {FULL "00DB1234567890A0,ESME,commissioned,heart,,,\n", "roster.cells",
         "line 2, field cells: \"heart\""},
        {FULL "00DB1234567890A0,ESME,commissioned,root+root,,,\n", "roster.cells",
         "stands twice"},
        {FULL "00DB1234567890A0,ESME,commissioned,root+,,,\n", "roster.cells", "\"\""},
        {FULL "00DB1234567890A0,ESME,commissioned,wan-ds,,,\n", "roster.cell-not-held",
         "line 2, field cells: a ESME holds no cell wan-ds"},
        {FULL "00DB1234567890A0,ESME,commissioned,,12,,\n", "roster.old",
         "line 2, field old: \"12\""},
        {FULL "00DB1234567890A0,ESME,commissioned,,0011223344556677+0011223344556677+"
              "0011223344556677+0011223344556677+0011223344556677,,\n",
         "roster.old", "too many"},
        {FULL "00DB1234567890A0,ESME,commissioned,,," POINT "\n", "roster.row", "6 fields"},
        {FULL "00DB1234567890A0,ESME,commissioned,,,04,\n", "roster.key",
         "line 2, field ka: \"04\""},
        {FULL "00DB1234567890A0,ESME,commissioned,,,,05AABBCCDDEEFF00112233445566778899"
              "AABBCCDDEEFF00112233445566778899\n",
         "roster.key", "line 2, field ds"},
        {HEAD "00DB1234567890A0,ESME,commissioned\n00DB1234567890A0,GSME,pending\n",
         "roster.duplicate", "line 3, field device: 00DB1234567890A0"},
        {HEAD "00DB1234567890A1,ESME,commissioned\n00DB1234567890A0,GSME,pending\n",
         "roster.order", "line 3, field device: 00DB1234567890A0"},
        {"type,status,device\nESME,pending,00DB1234567890A1\nGSME,pending,"
         "00db1234567890a0\n",
         "roster.order", "line 3, field device: 00DB1234567890A0"},
    };

    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        REFUSED_SAYING(opens(faults[i].text), faults[i].rule, faults[i].words);
}
END_TEST

START_TEST(a_line_has_a_limit)
{
    char text[2 * ROSTER_LINE_MAX];

    (void)snprintf(text, sizeof text, "%s%0*d\n", HEAD, ROSTER_LINE_MAX + 1, 0);
    REFUSED_SAYING(opens(text), "roster.row", "line 2: longer");
    (void)snprintf(text, sizeof text, "%s%0*d\n", HEAD, ROSTER_LINE_MAX, 0);
    REFUSED(opens(text), "roster.device");
}
END_TEST

START_TEST(a_sentence_carries_no_control_characters)
{
    REFUSED(opens(HEAD "\x1b[2J\xff\x07,ESME,commissioned\n"), "roster.device");
    for (const char *p = e.text; *p != '\0'; p++)
        ck_assert(*p >= ' ' && *p <= '~');
    REFUSED(opens("device,\x1b]0;x\xc3\n"), "roster.header");
    for (const char *p = e.text; *p != '\0'; p++)
        ck_assert(*p >= ' ' && *p <= '~');
}
END_TEST

START_TEST(a_row_is_read_whole)
{
    struct roster_row row;

    OK(opens(FULL "00db1234567890a0,ESME,commissioned,supplier-ds+root,"
                  "0011223344556677+8899AABBCCDDEEFF," POINT "," POINT "\n"
                  "00DB1234567890A1,CHF,suspended,,,,\n"));
    roster_get(&r, 0, &row);
    ck_assert_uint_eq(row.device.b[7], 0xa0);
    ck_assert_int_eq(row.type, DEVICE_ESME);
    ck_assert_int_eq(row.status, STATUS_COMMISSIONED);
    ck_assert_uint_eq(row.cells, CELL_BIT(CELL_SUPPLIER_DS) | CELL_BIT(CELL_ROOT));
    ck_assert_uint_eq(row.n_old, 2);
    ck_assert_uint_eq(row.old[1].b[0], 0x88);
    ck_assert(row.has_ka && row.has_ds);
    ck_assert_uint_eq(row.ds[0], 2);
    ck_assert_uint_eq(row.ds[32], 0x99);
    roster_get(&r, 1, &row);
    ck_assert_int_eq(row.type, DEVICE_CHF);
    ck_assert_int_eq(row.status, STATUS_SUSPENDED);
    ck_assert(row.cells == 0 && row.n_old == 0 && !row.has_ka && !row.has_ds);
    ck_assert_uint_eq(r.by_type[DEVICE_ESME], 1);
    ck_assert_uint_eq(r.by_type[DEVICE_CHF], 1);
    ck_assert_uint_eq(r.by_status[STATUS_SUSPENDED], 1);
    ck_assert_uint_eq(r.cells_named, CELL_BIT(CELL_SUPPLIER_DS) | CELL_BIT(CELL_ROOT));
}
END_TEST

/* n rows, devices 0, 2, 4, ... */
static void make_many(uint32_t n)
{
    size_t cap = (size_t)n * 64 + 64;
    size_t at;

    free(many);
    many = malloc(cap);
    at = (size_t)snprintf(many, cap, "%s", HEAD);
    for (uint32_t i = 0; i < n; i++)
        at += (size_t)snprintf(many + at, cap - at, "%016X,%s,commissioned\n", 2 * i,
                               i % 3 ? "ESME" : "GSME");
}

START_TEST(rows_are_got_and_found_over_every_stride)
{
    static const uint32_t sizes[] = {1, 255, 256, 257, 512, 1000};

    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        uint32_t n = sizes[k];

        make_many(n);
        OK(opens(many));
        ck_assert_uint_eq(r.n_rows, n);
        for (uint32_t i = 0; i < n; i++) {
            struct roster_row row;
            struct eui64 odd;
            uint32_t at = UINT32_MAX;

            roster_get(&r, i, &row);
            ck_assert_uint_eq(get_be64(row.device.b), 2 * i);
            ck_assert_int_eq(row.type, i % 3 ? DEVICE_ESME : DEVICE_GSME);
            ck_assert(roster_find(&r, &row.device, &at));
            ck_assert_uint_eq(at, i);
            odd = row.device;
            odd.b[7]++;
            ck_assert(!roster_find(&r, &odd, &at));
        }
    }
}
END_TEST

START_TEST(the_digest_is_that_of_the_text)
{
    struct digest d;

    make_many(300);
    OK(opens(many));
    ck_assert_ptr_nonnull(SHA256((const uint8_t *)many, strlen(many), d.b));
    ck_assert(digest_equal(&d, &r.digest));
}
END_TEST

START_TEST(a_memfd_opens_like_its_text)
{
    int fd = memfd_create("roster", MFD_CLOEXEC);
    struct roster_row row;
    struct digest d;

    REFUSED(roster_open_fd(fd, "r.csv", &r, &e), "roster.empty");
    make_many(300);
    ck_assert_int_eq(write(fd, many, strlen(many)), (ssize_t)strlen(many));
    OK(opens(many));
    d = r.digest;
    roster_done(&r);
    OK(roster_open_fd(fd, "r.csv", &r, &e));
    ck_assert(digest_equal(&d, &r.digest));
    ck_assert_int_eq(close(fd), 0); /* the map stays */
    roster_get(&r, 299, &row);
    ck_assert_uint_eq(get_be64(row.device.b), 598);
    roster_done(&r);
    REFUSED(roster_open_fd(-1, "r.csv", &r, &e), "store.failed");
}
END_TEST

START_TEST(sorting_gives_a_roster)
{
    char out[1024];

    OK(sorts("type,device,status\n"
             "ESME,00db1234567890a2,commissioned\n"
             "GSME,00DB1234567890A0,pending\n"
             "CHF,00DB1234567890a1,suspended\n",
             out, sizeof out));
    ck_assert_str_eq(out, "type,device,status\n"
                          "GSME,00DB1234567890A0,pending\n"
                          "CHF,00DB1234567890A1,suspended\n"
                          "ESME,00DB1234567890A2,commissioned\n");
    OK(opens(out));
    OK(sorts(HEAD "00db1234567890a2,ESME,commissioned\n", out, sizeof out));
    ck_assert_str_eq(out, HEAD "00DB1234567890A2,ESME,commissioned\n");
}
END_TEST

START_TEST(sorting_refuses_what_opening_refuses)
{
    char out[1024];

    REFUSED(sorts("", out, sizeof out), "roster.empty");
    REFUSED(sorts(HEAD, out, sizeof out), "roster.empty");
    REFUSED(sorts("a\n", out, sizeof out), "roster.header");
    REFUSED_SAYING(sorts(HEAD "00DB1234567890A0,IHD,pending\n", out, sizeof out),
                   "roster.type2", "line 2");
    REFUSED_SAYING(sorts(HEAD "00DB1234567890A1,ESME,pending\n"
                              "00DB1234567890A0,ESME,pending\n"
                              "00db1234567890a1,ESME,pending\n",
                         out, sizeof out),
                   "roster.duplicate",
                   "line 4, field device: 00DB1234567890A1 stands in "
                   "line 2 too");
}
END_TEST

START_TEST(sorting_onto_a_full_disk_fails)
{
    FILE *full = fopen("/dev/full", "w");
    const char *text = HEAD "00DB1234567890A0,ESME,pending\n";

    ck_assert_ptr_nonnull(full);
    REFUSED(roster_sort(span_of(text, strlen(text)), "r.csv", fileno(full), &e),
            "store.failed");
    (void)fclose(full);
    REFUSED(roster_sort(span_of(text, strlen(text)), "r.csv", -1, &e), "store.failed");
}
END_TEST

START_TEST(every_status_has_a_name)
{
    for (int i = 0; i < STATUS_COUNT; i++) {
        const char *name = roster_status_name((enum smi_status)i);
        enum smi_status back;

        ck_assert(roster_status_find(name, strlen(name), &back));
        ck_assert_int_eq(back, i);
        ck_assert(!roster_status_find(name, strlen(name) - 1, &back));
    }
    ck_assert_str_eq(roster_status_name(STATUS_COUNT), "unknown");
}
END_TEST

#define SOUGHT 37u /* devices 0, 2, 4 ... */

START_TEST(a_row_is_sought_from_any_other)
{
    size_t at = sizeof HEAD - 1;

    many = malloc(at + SOUGHT * 40);
    ck_assert_ptr_nonnull(many);
    memcpy(many, HEAD, at);
    for (uint32_t i = 0; i < SOUGHT; i++)
        at += (size_t)sprintf(many + at, "00DB%012X,ESME,commissioned\n", 2 * i);
    many[at] = '\0';
    OK(opens(many));
    for (uint32_t from = 0; from <= SOUGHT; from++)
        for (uint32_t no = 0; no <= 2 * SOUGHT; no++) {
            uint32_t first = (no + 1) / 2; /* not below it */

            ck_assert_uint_eq(roster_seek(&r, kit_device(no), from),
                              first > from ? first : from);
        }
}
END_TEST

KIT_MAIN("roster", setup, teardown, each_refusal_names_line_and_field, a_line_has_a_limit,
         a_sentence_carries_no_control_characters, a_row_is_read_whole,
         rows_are_got_and_found_over_every_stride, a_row_is_sought_from_any_other,
         the_digest_is_that_of_the_text, a_memfd_opens_like_its_text,
         sorting_gives_a_roster, sorting_refuses_what_opening_refuses,
         sorting_onto_a_full_disk_fails, every_status_has_a_name)
