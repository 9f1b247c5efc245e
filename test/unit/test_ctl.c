/* SPDX-License-Identifier: MIT
 *
 * smki-recoveryctl as a program, against the real server with answers made up here: exit
 * codes, output, what goes over the socket.
 */
#include "mem.h"
#include "served_kit.h"
#include "tar.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>

static char out[65536], errs[65536], last_body[4096], last_key[80];
static atomic_int n_shows;
static atomic_llong n_sunk;

/* ---- the made-up service ---- */

static bool text_reply(struct reply *r, unsigned status, const char *text, struct err *e)
{
    return reply_text(r, status, "application/json", strdup(text), strlen(text), e);
}

static bool get_status(void *arg, const struct request *r, struct span body,
                       struct reply *o, struct err *e)
{
    (void)arg;
    (void)r;
    (void)body;
    return text_reply(
        o, 200,
        "{\"service\":\"up\",\"token\":{\"label\":\"x\\u001b[31m\",\"keys\":2},"
        "\"batches\":[{\"id\":1,\"state\":\"done\",\"rows\":12}],\"alarms\":[]}",
        e);
}

static bool get_incidents(void *arg, const struct request *r, struct span body,
                          struct reply *o, struct err *e)
{
    const char *from = request_query(r, "from");

    (void)arg;
    (void)body;
    if (from != NULL && strcmp(from, "I-1") == 0) /* the second page, and the last */
        return text_reply(o, 200,
                          "{\"incidents\":[{\"id\":\"I-22\",\"route\":\"method-1\","
                          "\"state\":\"CLOSED\",\"devices\":1000,"
                          "\"title\":\"An exercise\"}],\"next\":\"\"}",
                          e);
    return text_reply(
        o, 200,
        "{\"incidents\":[{\"id\":\"I-1\",\"route\":\"method-2\",\"state\":"
        "\"EXECUTING\",\"devices\":9,\"title\":\"Lost key\"}],\"next\":\"I-1\"}",
        e);
}

static bool post_any(void *arg, const struct request *r, struct span body, struct reply *o,
                     struct err *e)
{
    (void)arg;
    (void)snprintf(last_body, sizeof last_body, "%.*s", (int)body.len,
                   (const char *)body.at);
    (void)snprintf(last_key, sizeof last_key, "%s", r->key);
    return text_reply(o, 201, "{\"id\":7,\"state\":\"queued\"}", e);
}

static bool deny(void *arg, const struct request *r, struct span body, struct reply *o,
                 struct err *e)
{
    static const struct {
        const char *name;
        enum err_code code;
        const char *id;
    } t[] = {
        {"input", ERR_INPUT, "request.member"},   {"denied", ERR_DENIED, "decision.quorum"},
        {"missing", ERR_MISSING, "request.path"}, {"busy", ERR_BUSY, "request.crowded"},
        {"token", ERR_TOKEN, "token.probe"},      {"store", ERR_STORE, "store.failed"},
    };

    (void)arg;
    (void)body;
    (void)o;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
        if (strcmp(t[i].name, r->args[0]) == 0)
            return err_set(e, t[i].code, t[i].id, "because \"%s\"", t[i].name);
    if (strcmp(r->args[0], "long") == 0)
        return text_reply(o, 200,
                          "{\"id\":\"long\",\"refusals\":[{\"why\":\"first\"}],"
                          "\"more\":{\"refusals\":\"1\"}}",
                          e);
    return text_reply(o, 200, "{}", e);
}

/* Answers that no honest service gives: too long, broken off, refused by no rule of ours. */
static ssize_t endless(void *arg, char *buf, size_t max)
{
    (void)arg;
    memset(buf, ' ', max);
    return (ssize_t)max;
}

static ssize_t broken(void *arg, char *buf, size_t max)
{
    (void)arg;
    (void)buf;
    (void)max;
    return -1;
}

static bool get_odd(void *arg, const struct request *r, struct span body, struct reply *o,
                    struct err *e)
{
    (void)arg;
    (void)body;
    if (strcmp(r->args[1], "strange") == 0)
        return text_reply(o, 403, "{\"detail\":\"says a stranger\"}", e);
    return reply_stream(
        o, "application/json",
        (struct stream){strcmp(r->args[1], "endless") == 0 ? endless : broken, NULL, NULL,
                        -1});
}

/* The rest of such a list: one entry a page, "stuck" for ever. */
static bool get_story(void *arg, const struct request *r, struct span body, struct reply *o,
                      struct err *e)
{
    bool second = strcmp(request_query(r, "from"), "1") == 0;

    (void)arg;
    (void)body;
    return text_reply(o, 200,
                      second ? "{\"refusals\":[{\"why\":\"second\"}],\"next\":\"2\"}"
                             : "{\"refusals\":[{\"why\":\"third\"}],\"next\":\"\"}",
                      e);
}

/* A service that never comes to an end. */
static bool get_stuck(void *arg, const struct request *r, struct span body, struct reply *o,
                      struct err *e)
{
    (void)arg;
    (void)r;
    (void)body;
    return text_reply(o, 200, "{\"batches\":[{\"id\":1}],\"next\":\"1\"}", e);
}

/* Batches 7 and 9 get done, 9 but for two rows; batch 8 is stopped, batch 10 held. */
static bool get_batch(void *arg, const struct request *r, struct span body, struct reply *o,
                      struct err *e)
{
    static const char *const states[] = {"queued", "running", "running"};
    bool ends = n_shows >= 3;
    bool held = strcmp(r->args[0], "10") == 0;
    bool done = !held && strcmp(r->args[0], "8") != 0;
    bool failed = ends && strcmp(r->args[0], "9") == 0;

    (void)arg;
    (void)body;
    n_shows++;
    return reply_json(o, 200,
                      json_pack("{s:i,s:s,s:s,s:i,s:i,s:i,s:f,s:s,s:o*}", "id", 7, "rule",
                                held ? "ledger.restored" : "", "state",
                                !ends  ? states[n_shows - 1]
                                : done ? "done"
                                : held ? "held"
                                       : "stopped",
                                "rows", 3, "signed",
                                failed ? 1
                                : ends ? 3
                                       : (int)n_shows - 1,
                                "failed", failed ? 2 : 0, "rate", 10.0, "reason",
                                ends && !done ? "the decision was superseded" : "",
                                "failed_rows",
                                failed ? json_pack("[{s:s,s:i,s:s}]", "rule", "row.status",
                                                   "rows", 2, "reason", "row 1: suspended")
                                       : NULL),
                      e);
}

static char *archive;
static size_t archive_len;

static void add_file(FILE *f, const char *name, size_t len)
{
    uint8_t head[TAR_BLOCK];

    tar_header(head, name, len, 1700000000);
    (void)fwrite(head, 1, sizeof head, f);
    for (size_t i = 0; i < len + TAR_PAD(len); i++)
        (void)fputc(i < len ? (int)('a' + i % 26) : 0, f);
}

static void make_archive(const char *third, bool whole)
{
    FILE *f = open_memstream(&archive, &archive_len);

    add_file(f, "00DB1234567890A0-1.bin", 700);
    add_file(f, "00DB1234567890A1-18446744073709551615.bin", 512);
    add_file(f, third, 1);
    add_file(f, "record.json", 2); /* is no command */
    for (int i = 0; whole && i < TAR_END; i++)
        (void)fputc(0, f);
    (void)fclose(f);
}

struct reading {
    size_t at;
};

static ssize_t archive_read(void *arg, char *buf, size_t max)
{
    struct reading *x = arg;
    size_t n = archive_len - x->at < max ? archive_len - x->at : max;

    n = n > 333 ? 333 : n; /* awkward pieces */
    memcpy(buf, archive + x->at, n);
    x->at += n;
    return (ssize_t)n;
}

static bool get_commands(void *arg, const struct request *r, struct span body,
                         struct reply *o, struct err *e)
{
    (void)arg;
    (void)body;
    (void)e;
    (void)snprintf(last_body, sizeof last_body, "%s", request_query(r, "from"));
    return reply_stream(
        o, "application/x-tar",
        (struct stream){archive_read, free, calloc(1, sizeof(struct reading)), -1});
}

static bool sink_write(void *arg, const char *data, size_t len, struct err *e)
{
    (void)arg;
    (void)data;
    (void)e;
    n_sunk += (long long)len;
    return true;
}

static bool sink_end(void *arg, struct reply *o, struct err *e)
{
    free(arg);
    return reply_json(o, 200, json_pack("{s:I}", "count", (json_int_t)n_sunk), e);
}

static bool put_roster(void *arg, const struct request *r, struct sink *o, struct err *e)
{
    (void)arg;
    (void)snprintf(last_key, sizeof last_key, "%s", r->key);
    if (strcmp(r->args[0], "closed") == 0)
        return err_set(e, ERR_DENIED, "request.role", "the incident is closed");
    *o = (struct sink){sink_write, sink_end, free, malloc(1), false};
    return true;
}

/* What came of an upload: of incident "odd" some do not fit. */
static char taken[512];

static bool taken_end(void *arg, struct reply *o, struct err *e)
{
    free(arg);
    return text_reply(o, 200, taken, e);
}

static bool post_responses(void *arg, const struct request *r, struct sink *o,
                           struct err *e)
{
    (void)arg;
    (void)e;
    (void)snprintf(taken, sizeof taken,
                   strcmp(r->args[0], "odd") == 0
                       ? "{\"lines\":9,\"success\":4,\"aside\":5,\"set_aside\":"
                         "{\"response.forged\":3,\"response.duplicate\":2},\"unfit\":3}"
                       : "{\"lines\":9,\"success\":7,\"aside\":2,\"set_aside\":"
                         "{\"response.duplicate\":2},\"unfit\":0}");
    *o = (struct sink){sink_write, taken_end, free, malloc(1), false};
    return true;
}

static const struct router_row rows[] = {
    {VERB_GET, "/v1/status", PEER_VIEWER, BODY_NONE, get_status, NULL, false},
    {VERB_GET, "/v1/incidents", PEER_VIEWER, BODY_NONE, get_incidents, NULL, false},
    {VERB_POST, "/v1/incidents", PEER_OPERATOR, BODY_JSON, post_any, NULL, false},
    {VERB_GET, "/v1/incidents/{id}", PEER_VIEWER, BODY_NONE, deny, NULL, false},
    {VERB_GET, "/v1/incidents/{id}/story/{list}", PEER_VIEWER, BODY_NONE, get_story, NULL,
     false},
    {VERB_GET, "/v1/batches", PEER_VIEWER, BODY_NONE, get_stuck, NULL, false},
    {VERB_GET, "/v1/incidents/{id}/decisions/{decision}", PEER_VIEWER, BODY_NONE, get_odd,
     NULL, false},
    {VERB_POST, "/v1/incidents/{id}/events", PEER_OPERATOR, BODY_JSON, post_any, NULL,
     false},
    {VERB_PUT, "/v1/incidents/{id}/roster", PEER_OPERATOR, BODY_STREAM, NULL, put_roster,
     false},
    {VERB_POST, "/v1/incidents/{id}/responses", PEER_OPERATOR, BODY_STREAM, NULL,
     post_responses, false},
    {VERB_POST, "/v1/batches", PEER_OPERATOR, BODY_JSON, post_any, NULL, true},
    {VERB_GET, "/v1/batches/{n}", PEER_VIEWER, BODY_NONE, get_batch, NULL, false},
    {VERB_POST, "/v1/batches/{n}/pause", PEER_OPERATOR, BODY_NONE, post_any, NULL, false},
    {VERB_GET, "/v1/batches/{n}/commands", PEER_OPERATOR, BODY_NONE, get_commands, NULL,
     false},
};
static const struct router router = {rows, sizeof rows / sizeof rows[0], NULL, 1LL << 30,
                                     NULL};

/* ---- running it ---- */

static void slurp(const char *name, char *to, size_t cap)
{
    FILE *f = fopen(name, "re");
    size_t n = f == NULL ? 0 : fread(to, 1, cap - 1, f);

    to[n] = '\0';
    if (f != NULL)
        (void)fclose(f);
    (void)unlink(name);
}

/* Run with these words behind --socket; out and errs are filled. The exit code. */
static int ctl(const char *words)
{
    char line[2000], o[128], e[128];
    int status;

    (void)snprintf(o, sizeof o, "%s/out", served_dir);
    (void)snprintf(e, sizeof e, "%s/err", served_dir);
    (void)snprintf(line, sizeof line,
                   "cd '%s' && '%s' --socket '%s' %s >'%s' 2>'%s' </dev/null", served_dir,
                   RECOVERYCTL, served_path, words, o, e);
    status = system(line);
    slurp(o, out, sizeof out);
    slurp(e, errs, sizeof errs);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define HAS(where, what) \
    ck_assert_msg(strstr(where, what) != NULL, "no \"%s\" in:\n%s", what, where)

START_TEST(each_refusal_has_its_exit_code)
{
    static const struct {
        const char *words;
        int code;
    } t[] = {
        {"incident show fine", 0},
        {"incident show denied", 1},
        {"incident show input", 3},
        {"incident show missing", 4},
        {"incident show busy", 5},
        {"incident show token", 5},
        {"incident show store", 7},
        {"incident show", 2},
        {"incident show a b", 2},
        {"incident", 2},
        {"incident show a/b", 3},
        {"incident show --nonsense a", 2},
        {"nonsense", 2},
        {"", 2},
        {"roster add fine /nowhere", 4},
        {"figures denied", 4},
        {"--key 'a b' status", 2},
        {"--socket /nowhere status", 6},
        {"batch start I D", 2},
        {"devices mark", 2},
        {"devices mark fine /nowhere", 4},
        {"queries export --out d fine", 2},
        {"queries export --originator 90B3D51F30050001 fine", 2},
        {"queries export --out d --originator ../.. fine", 3},
        {"commands export 7", 2},
        {"commands export --out a --tar b 7", 2},
        {"commands export --out a --from x 7", 2},
        {"policy explain request.role", 0},
        {"policy explain nothing", 4},
        {"audit verify /nowhere", 4},
        {"--version", 0},
        {"--help", 0},
        {"batch watch --help", 0},
    };

    served_start(&router);
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        int code = ctl(t[i].words);

        ck_assert_msg(code == t[i].code, "%s: exit %d, not %d\n%s%s", t[i].words, code,
                      t[i].code, out, errs);
    }
    ck_assert_int_eq(ctl("incident show denied"), 1);
    HAS(errs, "smki-recoveryctl: because \"denied\"\n");
    HAS(errs, "rule    decision.quorum");
    HAS(errs, "advice ");
    served_stop();
}
END_TEST

START_TEST(what_no_honest_service_answers_is_told_apart)
{
    served_start(&router);
    ck_assert_msg(ctl("decision show I-1 endless") == 3, "%s", errs);
    HAS(errs, "client.answer");
    ck_assert_msg(ctl("decision show I-1 broken") == 5, "%s", errs);
    HAS(errs, "client.cut");
    ck_assert_msg(ctl("decision show I-1 strange") == 1, "%s", errs);
    HAS(errs, "client.refused");
    HAS(errs, "says a stranger");
    served_stop();
}
END_TEST

/* What nobody means is told apart from what is meant and misspelt. */
START_TEST(a_mistake_on_the_command_line_is_named_with_what_was_meant)
{
    static const char *const cases[][2] = {
        {"stauts", "did you mean \"status\"?"},
        {"incident opne x", "did you mean \"incident open\"?"},
        {"incidents list", "did you mean \"incident list\"?"},
        {"incident", "needs a second word"},
        {"status --jsn", "did you mean \"json\"?"},
        {"batch start I-1 D-1 --rwos all", "did you mean \"rows\"?"},
        {"batch show", "takes BATCH"},
        {"frobnicate", "there is no verb"},
    };

    served_start(&router);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq(ctl(cases[i][0]), 2);
        HAS(errs, cases[i][1]);
        HAS(errs, "next    ");
    }
    ck_assert_int_eq(ctl("help"), 0);
    HAS(out, "batch start");
    ck_assert_int_eq(ctl("help batch start"), 0);
    HAS(out, "Example:");
    ck_assert_int_eq(ctl("--list-words facts"), 0);
    HAS(out, "notifier_authenticated\n");
    served_stop();
}
END_TEST

START_TEST(what_is_shown_is_aligned_and_tame)
{
    served_start(&router);
    ck_assert_int_eq(ctl("status --all"), 0);
    HAS(out, "service: up\n");
    HAS(out, "label: x?[31m\n");
    HAS(out, "BATCH  STATE  ROWS\n      1  done     12\n");
    ck_assert_int_eq(ctl("incident list"), 0);
    HAS(out, "INCIDENT  ROUTE     STATE      DEVICES  TITLE\n"
             "I-1       method-2  EXECUTING        9  Lost key\n"
             "I-22      method-1  CLOSED        1000  An exercise\n");
    ck_assert_int_eq(ctl("incident list --json"), 0);
    HAS(out, "{\"incidents\":[{\"id\":\"I-1\"");
    served_stop();
}
END_TEST

START_TEST(pages_are_followed_to_the_end)
{
    served_start(&router);
    ck_assert_int_eq(ctl("incident list --json"), 0);
    HAS(out, "{\"id\":\"I-22\"");
    HAS(out, "\"next\":\"\"");
    ck_assert_int_eq(ctl("incident show long --json"), 0);
    HAS(out, "\"refusals\":[{\"why\":\"first\"},{\"why\":\"second\"},{\"why\":\"third\"}]");
    HAS(out, "\"more\":{}");
    ck_assert_int_eq(ctl("incident show long"), 0);
    HAS(out, "third");
    ck_assert_int_eq(ctl("batch list"), 6);
    HAS(errs, "the same page again");
    served_stop();
}
END_TEST

START_TEST(changes_carry_a_key_and_the_members_of_the_table)
{
    char first[80];

    served_start(&router);
    ck_assert_int_eq(ctl("incident open 'A title' --initiator dcc --exercise"), 0);
    ck_assert_str_eq(last_body,
                     "{\"title\":\"A title\",\"initiator\":\"dcc\",\"exercise\":true}");
    ck_assert_uint_eq(strlen(last_key), 32);
    strcpy(first, last_key);
    ck_assert_int_eq(ctl("incident event I-1 confirm --evidence 'called back' --as dcc "
                         "--facts notifier_authenticated,other=no"),
                     0);
    ck_assert_str_eq(last_body, "{\"event\":\"confirm\",\"evidence\":\"called back\","
                                "\"as_role\":\"dcc\",\"facts\":{\"notifier_authenticated\":"
                                "true,\"other\":false}}");
    ck_assert_str_ne(first, last_key);
    ck_assert_int_eq(ctl("--key again --quiet batch pause 7"), 0);
    ck_assert_str_eq(out, "");
    ck_assert_str_eq(last_key, "again");
    ck_assert_int_eq(ctl("--yes batch start I-1 D-1 --rows unfinished"), 0);
    ck_assert_str_eq(last_body,
                     "{\"incident\":\"I-1\",\"decision\":\"D-1\",\"rows\":\"unfinished\"}");
    served_stop();
}
END_TEST

START_TEST(a_roster_is_streamed_from_file_and_pipe)
{
    char name[128], line[512];
    FILE *f;

    served_start(&router);
    (void)snprintf(name, sizeof name, "%s/roster.csv", served_dir);
    f = fopen(name, "we");
    for (int i = 0; i < 200000; i++)
        (void)fputs("00DB1234567890A0,ESME,commissioned\n", f);
    (void)fclose(f);
    ck_assert_int_eq(ctl("roster add I-1 roster.csv"), 0);
    HAS(out, "count: 7000000\n");
    ck_assert_int_eq(ctl("roster add closed roster.csv"), 1); /* before it was sent */
    HAS(errs, "the incident is closed");
    ck_assert_int_eq(n_sunk, 7000000);
    (void)snprintf(line, sizeof line,
                   "head -c 1000000 '%s' | '%s' --socket '%s' -q --json roster add I-1 - | "
                   "grep -q 8000000",
                   name, RECOVERYCTL, served_path);
    ck_assert_int_eq(system(line), 0);
    (void)unlink(name);
    served_stop();
}
END_TEST

START_TEST(answers_that_do_not_fit_have_an_exit_code_of_their_own)
{
    char name[128];
    FILE *f;

    served_start(&router);
    (void)snprintf(name, sizeof name, "%s/answers.hex", served_dir);
    f = fopen(name, "we");
    (void)fputs("DF09\n", f);
    (void)fclose(f);
    ck_assert_int_eq(ctl("responses add odd answers.hex"), 8);
    HAS(out, "response.forged:    3\n");
    HAS(errs, "3 of 9 answers do not fit");
    HAS(errs, "3 set aside by response.forged. Do not count");
    ck_assert_int_eq(ctl("--json responses add odd answers.hex"), 8);
    HAS(out, "\"set_aside\":{\"response.forged\":3,");
    HAS(errs, "3 of 9 answers do not fit");
    ck_assert_int_eq(ctl("--quiet responses add odd answers.hex"), 8);
    ck_assert_str_eq(out, "");
    ck_assert_int_eq(ctl("responses add fine answers.hex"), 0); /* twice is no fault */
    HAS(out, "response.duplicate: 2\n");
    ck_assert_ptr_null(strstr(errs, "fit"));
    (void)unlink(name);
    served_stop();
}
END_TEST

/* One query of CS02f, in each of the ways in which people hand a message on. */
START_TEST(a_message_comes_as_octets_hexadecimal_or_base64)
{
    static const struct {
        const char *text;
        int rc;
    } files[] = {
        {"DF09010000000000000080080102030405060708080807060504030201000201 1b1330113007"
         "0201050302078030060201020201 08\n",
         0},
        {"3wkBAAAAAAAAAIAIAQIDBAUGBwgICAcGBQQDAgEAAgEbEzARMAcCAQUDAgeAMAYCAQICAQg=", 0},
        {"3wkBAAAAAAAAAIAIAQIDBAUGBwgICAcG\r\nBQQDAgEAAgEbEzARMAcCAQUDAgeAMAYCAQICAQg=\r\n",
         0},
        {"3wkBAAAAAAAAAIAIAQIDBAUGBwgICAcGBQQDAgEAAgEbEzARMAcCAQUDAgeAMAYCAQICAQg", 3},
        {"3wkB=AAAAAAAAIAIAQIDBAUGBwgICAcGBQQDAgEAAgEbEzARMAcCAQUDAgeAMAYCAQICAQg=", 3},
        {"3wkB-AAAAAAAAIAIAQIDBAUGBwgICAcGBQQDAgEAAgEbEzARMAcCAQUDAgeAMAYCAQICAQg=", 3},
        {"====", 3},
        {"", 3},
    };
    char name[128];

    served_start(&router);
    (void)snprintf(name, sizeof name, "%s/m", served_dir);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        FILE *f = fopen(name, "we");

        ck_assert_ptr_nonnull(f);
        (void)fputs(files[i].text, f);
        (void)fclose(f);
        ck_assert_msg(ctl("message decode m") == files[i].rc, "%zu: %s", i, errs);
        if (files[i].rc == 0)
            HAS(out, "asks for              loadController\n");
    }
    (void)unlink(name);
    served_stop();
}
END_TEST

START_TEST(watching_ends_with_the_batch)
{
    served_start(&router);
    ck_assert_int_eq(ctl("batch watch 7"), 0);
    HAS(out, "queued: 0 of 3 signed, 0 failed\nrunning: 1 of 3 signed, 0 failed\n");
    HAS(out, "done: 3 of 3 signed, 0 failed\n");
    n_shows = 0;
    ck_assert_int_eq(ctl("batch watch 8"), 1);
    HAS(errs, "was stopped: the decision was superseded");
    HAS(errs, "next    ");
    n_shows = 0;
    ck_assert_int_eq(ctl("batch watch 10"), 1);
    HAS(errs, "is held");
    HAS(errs, "rule    ledger.restored\n");
    HAS(errs, "advice  ");
    HAS(errs, "batch resume 7");
    n_shows = 0;
    ck_assert_int_eq(ctl("batch watch 9"), 9);
    HAS(out, "done: 1 of 3 signed, 2 failed\n");
    HAS(errs, "2 rows were not signed by row.status; the first: row 1: suspended");
    n_shows = 0;
    ck_assert_int_eq(ctl("--json batch watch 7"), 0);
    HAS(out, "\"state\":\"queued\"");
    HAS(out, "\"state\":\"done\"");
    served_stop();
}
END_TEST

static off_t size_of(const char *name)
{
    char path[256];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/%s", served_dir, name);
    return stat(path, &st) == 0 ? st.st_size : -1;
}

static void drop(const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", served_dir, name);
    (void)remove(path);
}

START_TEST(commands_become_files_under_strict_names)
{
    served_start(&router);
    n_shows = 3;
    make_archive("00DB1234567890A2-3.bin", true);
    ck_assert_int_eq(ctl("commands export 7 --out d --from 5"), 0);
    ck_assert_str_eq(last_body, "5");
    HAS(out, "3 commands in d\n");
    ck_assert_int_eq(size_of("d/00DB1234567890A0-1.bin"), 700);
    ck_assert_int_eq(size_of("d/00DB1234567890A1-18446744073709551615.bin"), 512);
    ck_assert_int_eq(size_of("d/record.json"), 2);
    ck_assert_int_eq(ctl("commands export 7 --tar all.tar"), 0);
    ck_assert_int_eq(size_of("all.tar"), (off_t)archive_len);
    ck_assert_int_eq(ctl("commands export 7 --tar -"), 0);
    free(archive);

    make_archive("..", true);
    ck_assert_int_eq(ctl("commands export 7 --out d"), 3);
    HAS(errs, "export.name");
    HAS(errs, "go on with --from 2");
    free(archive);
    make_archive("00DB1234567890A2-3.bin", false);
    ck_assert_int_eq(ctl("commands export 7 --out d"), 3);
    HAS(errs, "ends early");
    ck_assert_int_eq(size_of("d/.smki-recovery.part"), -1);
    free(archive);
    drop("d/00DB1234567890A0-1.bin");
    drop("d/00DB1234567890A1-18446744073709551615.bin");
    drop("d/00DB1234567890A2-3.bin");
    drop("d/record.json");
    drop("d");
    drop("all.tar");
    served_stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ctl");
    TCase *t = tcase_create("program");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, served_kit_begin, served_kit_end);
    tcase_add_test(t, each_refusal_has_its_exit_code);
    tcase_add_test(t, what_no_honest_service_answers_is_told_apart);
    tcase_add_test(t, what_is_shown_is_aligned_and_tame);
    tcase_add_test(t, a_mistake_on_the_command_line_is_named_with_what_was_meant);
    tcase_add_test(t, pages_are_followed_to_the_end);
    tcase_add_test(t, changes_carry_a_key_and_the_members_of_the_table);
    tcase_add_test(t, a_roster_is_streamed_from_file_and_pipe);
    tcase_add_test(t, answers_that_do_not_fit_have_an_exit_code_of_their_own);
    tcase_add_test(t, a_message_comes_as_octets_hexadecimal_or_base64);
    tcase_add_test(t, watching_ends_with_the_batch);
    tcase_add_test(t, commands_become_files_under_strict_names);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
