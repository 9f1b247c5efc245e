/* SPDX-License-Identifier: MIT */
#include "ctl.h"

#include "mem.h"
#include "plain.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define BAR_FROM (4 << 20) /* files from this size on get a progress bar */

static bool name_ok(const char *name)
{
    if (name == NULL || *name == '\0' || strlen(name) > CTL_NAME_MAX)
        return false;
    for (; *name != '\0'; name++)
        if (!(*name >= 'A' && *name <= 'Z') && !(*name >= 'a' && *name <= 'z') &&
            !(*name >= '0' && *name <= '9') && strchr("._-", *name) == NULL)
            return false;
    return true;
}

bool ctl_path(char out[static 512], const char *pattern, const char *a, const char *b)
{
    size_t at = 0;

    for (; *pattern != '\0' && at < 511; pattern++) {
        if (pattern[0] != '{' || pattern[1] != '}') {
            out[at++] = *pattern;
            continue;
        }
        if (!name_ok(a)) {
            ctl_say("\"%s\" is not a name: 1 to 80 letters, digits, '.', '_', '-'",
                    a != NULL ? a : "");
            ctl_next("names are in: smki-recoveryctl status, incident list, batch list");
            return false;
        }
        at += (size_t)snprintf(out + at, 512 - at, "%s", a);
        if (at > 511)
            return false;
        a = b;
        pattern++;
    }
    out[at] = '\0';
    return true;
}

/* The idempotency key of this command line. */
static const char *call_key(struct ctl *c)
{
    uint8_t random[16];

    if (c->key != NULL)
        return c->key;
    if (c->new_key[0] == '\0') {
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            abort();
        hex_encode_lower(random, sizeof random, c->new_key);
    }
    return c->new_key;
}

/* People by their names: "by" is what "by_name" says, wherever that is said. */
static void by_name(json_t *j)
{
    static const char *const members[] = {"by", "asked_by", "confirmed_by"};
    const char *key;
    json_t *v;
    size_t i;

    for (size_t m = 0; m < sizeof members / sizeof members[0]; m++) {
        char name[24];

        (void)snprintf(name, sizeof name, "%s_name", members[m]);
        v = json_object_get(j, name);
        if (v != NULL)
            (void)json_object_set(j, members[m], v);
        (void)json_object_del(j, name);
    }
    json_object_foreach(j, key, v) by_name(v);
    json_array_foreach(j, i, v) by_name(v);
}

/* Call, and turn the answer into JSON; errors are said. */
static int call(struct ctl *c, struct client_call *call_, json_t **out, char **text)
{
    struct client_answer a;
    struct err e;
    json_error_t je;
    int rc;

    call_->socket = c->socket;
    call_->login = c->login;
    call_->stop = &ctl_stop;
    call_->dry_run = c->dry_run && call_->key != NULL; /* those that change something */
    c->judged |= call_->dry_run;
    if (!client_call(call_, &a, &e)) {
        rc = a.status >= 300 ? ctl_failed(&a, &e) : ctl_failed_here(&e);
        if (call_->key != NULL && (ctl_stop != 0 || strcmp(e.id, "client.cut") == 0))
            ctl_say_key(call_->key);
        client_answer_done(&a);
        return rc;
    }
    *out = a.body == NULL ? json_loadb("{}", 2, 0, &je) : json_loadb(a.body, a.len, 0, &je);
    if (*out == NULL) {
        ctl_say("the answer is not JSON: line %d: %s", je.line, je.text);
        client_answer_done(&a);
        return CTL_UNREACHABLE;
    }
    if (!c->json)
        by_name(*out);
    if (text != NULL)
        *text = TAKE(a.body);
    client_answer_done(&a);
    return CTL_OK;
}

int ctl_get(struct ctl *c, const char *path, json_t **out, char **text)
{
    struct client_call get = {.method = "GET", .path = path, .fd = -1};

    return call(c, &get, out, text);
}

int ctl_get_rest(struct ctl *c, const char *path, const char *name, const char *next,
                 json_t *list)
{
    char from[CTL_NAME_MAX + 1], pattern[512], page[512];

    (void)snprintf(from, sizeof from, "%s", next);
    while (from[0] != '\0') {
        json_t *j;
        int rc;

        if (snprintf(pattern, sizeof pattern, "%s?limit=1000&from={}", path) >=
                (int)sizeof pattern ||
            !ctl_path(page, pattern, from, NULL))
            return CTL_INPUT;
        rc = ctl_get(c, page, &j, NULL);
        if (rc != CTL_OK)
            return rc;
        (void)json_array_extend(list, json_object_get(j, name));
        if (strcmp(from, ctl_text(j, "next")) == 0) {
            json_decref(j);
            ctl_say("the service gives the same page again: behind %s", from);
            return CTL_UNREACHABLE;
        }
        (void)snprintf(from, sizeof from, "%s", ctl_text(j, "next"));
        json_decref(j);
    }
    return CTL_OK;
}

int ctl_send(struct ctl *c, const char *method, const char *path, json_t *steal,
             json_t **out, char **text)
{
    AUTO(mem) char *body = steal == NULL ? NULL : json_dumps(steal, JSON_COMPACT);
    struct client_call send = {.method = method, .path = path, .fd = -1};

    send.key = call_key(c);
    if (steal != NULL && body == NULL) {
        json_decref(steal);
        ctl_say("a value is not UTF-8 text");
        return CTL_INPUT;
    }
    json_decref(steal);
    if (body != NULL) {
        send.type = "application/json";
        send.body = span_of(body, strlen(body));
    }
    return call(c, &send, out, text);
}

/* A line has no room for folders. */
static const char *base_name(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash != NULL && slash[1] != '\0' ? slash + 1 : file;
}

struct upload {
    struct progress bar;
    int64_t size;
};

static void on_sent(void *arg, int64_t octets)
{
    struct upload *u = arg;

    progress_show(&u->bar, octets, u->size > 0 ? u->size : 0, -1,
                  octets == u->size ? "being checked" : NULL);
}

static int open_input(const char *file, int *fd, int64_t *size)
{
    struct stat st;

    *size = -1;
    *fd = strcmp(file, "-") == 0 ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &st) < 0) {
        int why = errno;

        ctl_say("%s cannot be read: %s", file, strerror(why));
        ctl_next("check the name and who may read it; \"-\" is standard input");
        return why == ENOENT ? CTL_MISSING : CTL_INPUT;
    }
    if (S_ISDIR(st.st_mode)) {
        ctl_say("%s is a directory", file);
        ctl_next("name one file in it");
        return CTL_INPUT;
    }
    if (S_ISREG(st.st_mode) && lseek(*fd, 0, SEEK_CUR) == 0)
        *size = st.st_size;
    return CTL_OK;
}

int ctl_upload(struct ctl *c, const char *method, const char *path, const char *type,
               const char *file, json_t **out, char **text)
{
    struct client_call put = {.method = method, .path = path, .type = type};
    AUTO(fd) int fd = -1;
    struct upload u;
    int rc = open_input(file, &fd, &put.fd_size);

    if (rc != CTL_OK)
        return rc;
    put.fd = fd;
    put.key = call_key(c);
    u.size = put.fd_size;
    progress_start(&u.bar, stderr, base_name(file), true,
                   c->quiet || c->json || (u.size >= 0 && u.size < BAR_FROM));
    put.sent = on_sent;
    put.sent_arg = &u;
    rc = call(c, &put, out, text);
    progress_end(&u.bar);
    return rc;
}

struct incoming {
    FILE *f;
    struct progress bar;
    int64_t octets;
};

static bool to_file(void *arg, const char *data, size_t len, struct err *e)
{
    struct incoming *in = arg;

    if (fwrite(data, 1, len, in->f) == len) {
        in->octets += (int64_t)len;
        progress_show(&in->bar, in->octets, 0, -1, NULL);
        return true;
    }
    if (in->f == stdout && errno == EPIPE)
        exit(CTL_SIGNAL + SIGPIPE); /* who reads wants no more: quiet, as by the signal */
    return err_set(e, ERR_STORE, "client.file", "writing: %s", strerror(errno));
}

static int download(struct ctl *c, struct client_call get, const char *file)
{
    bool to_stdout = file == NULL || strcmp(file, "-") == 0;
    AUTO(mem) char *part = NULL;
    struct client_answer a = {0};
    struct err e;
    struct incoming in = {0};
    bool ok;
    FILE *f = stdout;
    int rc = CTL_OK;

    if (!to_stdout) {
        if (asprintf(&part, "%s.part", file) < 0)
            return CTL_STORE;
        (void)unlink(part); /* of a run that was cut short; never somebody's link */
        f = fopen(part, "wxe");
        if (f == NULL) {
            ctl_say("%s cannot be written: %s", part, strerror(errno));
            ctl_next(
                "check that the folder is there, that you may write there, and its room");
            return CTL_INPUT;
        }
    }
    get.socket = c->socket;
    get.login = c->login;
    get.stop = &ctl_stop;
    get.dry_run = c->dry_run; /* what is handed out is on record: the service refuses */
    get.fd = -1;
    get.receive = to_file;
    get.arg = &in;
    in.f = f;
    progress_start(&in.bar, stderr, to_stdout ? "" : base_name(file), true,
                   c->quiet || c->json || to_stdout);
    ok = client_call(&get, &a, &e);
    progress_end(&in.bar);
    if (!ok)
        rc = a.status >= 300 ? ctl_failed(&a, &e) : ctl_failed_here(&e);
    client_answer_done(&a);
    if (fflush(f) != 0 || (!to_stdout && fsync(fileno(f)) != 0)) {
        ctl_say("writing: %s", strerror(errno));
        rc = rc != CTL_OK ? rc : CTL_STORE;
    }
    if (to_stdout)
        return rc;
    (void)fclose(f);
    if (rc == CTL_OK && rename(part, file) < 0) {
        ctl_say("%s: %s", file, strerror(errno));
        rc = CTL_STORE;
    }
    if (rc != CTL_OK)
        (void)unlink(part);
    return rc;
}

int ctl_download(struct ctl *c, const char *path, const char *file)
{
    return download(c, (struct client_call){.method = "GET", .path = path}, file);
}

int ctl_fetch(struct ctl *c, const char *path, json_t *steal, const char *file)
{
    AUTO(mem) char *body = json_dumps(steal, JSON_COMPACT);
    struct client_call post = {.method = "POST", .path = path, .type = "application/json"};

    json_decref(steal);
    if (body == NULL) {
        ctl_say("a value is not UTF-8 text");
        return CTL_INPUT;
    }
    post.body = span_of(body, strlen(body));
    return download(c, post, file);
}

bool ctl_sure(const struct ctl *c, const char *fmt, ...)
{
    char answer[16];
    va_list ap;

    if (c->yes || c->dry_run)
        return true;
    if (isatty(STDIN_FILENO) != 1) {
        ctl_say("this needs a yes: no terminal to ask at, and no --yes");
        ctl_next("give the command at a terminal, or --yes in front of the verb");
        return false;
    }
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputs(" Type yes: ", stderr);
    return fgets(answer, sizeof answer, stdin) != NULL && strcmp(answer, "yes\n") == 0;
}

bool ctl_read_file(const char *file, size_t max, char **out, size_t *len)
{
    AUTO(fd) int fd = -1;
    int64_t size;
    size_t room = 65536;
    char *buf;

    if (open_input(file, &fd, &size) != CTL_OK)
        return false;
    buf = malloc(room + 1);
    *len = 0;
    while (buf != NULL) {
        ssize_t n = read(fd, buf + *len, room - *len);

        if (n < 0 && errno != EINTR)
            break;
        if (n == 0) {
            buf[*len] = '\0';
            *out = buf;
            return true;
        }
        *len += n > 0 ? (size_t)n : 0;
        if (*len > max) {
            errno = EFBIG;
            break;
        }
        if (*len == room) {
            char *bigger = realloc(buf, room * 2 + 1);

            if (bigger == NULL)
                break;
            buf = bigger;
            room *= 2;
        }
    }
    ctl_say("%s: %s", file, strerror(errno));
    free(buf);
    return false;
}
