/* SPDX-License-Identifier: MIT
 *
 * store - one SQLite database (WAL, synchronous=FULL, STRICT tables) behind a few calls.
 *
 * One connection writes; a further one may read, for another thread: one thread each. No other
 * process gets at the database meanwhile. SQL is constant text; values are bound. Transactions
 * belong to whoever does a step (engine, a request); stages get the open handle and neither
 * begin nor commit. After any failure of the database store_failed() stays true: the service
 * stops, since a promise that is not on disk was never made.
 *
 * Effects: SQLite.
 */
#ifndef STORE_H
#define STORE_H

#include "bytes.h"

struct store;     /* opaque */
struct store_row; /* a row being read; valid inside the callback */

/* Open or create, check every page (measured: 0.8 s for 190 MB, a million commands with their
 * outcomes), migrate to this version.
 * Errors: ERR_STORE "store.failed", "store.damaged", "store.version". */
MUST_CHECK bool store_open(const char *path, struct store **out, struct err *e);
/* A connection that can only read, to a database that is open already: for another thread. It
 * sees what is committed. Errors: ERR_STORE "store.failed", "store.memory". */
MUST_CHECK bool store_open_reader(const char *path, struct store **out, struct err *e);
/* From its first look on it sees the database as it stands then, until store_rollback. stamp: the
 * writer's, before that (store_stamp). */
MUST_CHECK bool store_look(struct store *s, uint64_t stamp, struct err *e);
void store_close(struct store *s);
bool store_failed(const struct store *s);

MUST_CHECK bool store_begin(struct store *s, struct err *e);
MUST_CHECK bool store_commit(struct store *s, struct err *e);
/* The same where nothing changes that anything is worked out from, but how far a batch is and
 * records of the trail: store_stamp does not count it. */
MUST_CHECK bool store_commit_aside(struct store *s, struct err *e);
/* Transactions that were committed here: what was worked out from the database still holds
 * where it is the same (think.h). */
uint64_t store_stamp(const struct store *s);
void store_rollback(struct store *s); /* harmless when no transaction is open */
bool store_in_transaction(const struct store *s);

/*
 * Run one constant statement. `types` names the values that follow, one letter each:
 *   i  int64_t
 *   t  const char * (NULL: NULL)
 *   b  struct span (at NULL: NULL)
 */
MUST_CHECK bool store_run(struct store *s, struct err *e, const char *sql,
                          const char *types, ...);
/* The same for a query; fn is called per row and returns false to stop early (not an error,
 * unless it set *e and says so itself). */
typedef bool (*store_row_fn)(void *arg, const struct store_row *row);
MUST_CHECK bool store_each(struct store *s, store_row_fn fn, void *arg, struct err *e,
                           const char *sql, const char *types, ...);
/* One integer of the first row; *found says whether there was one (NULL counts as none). */
MUST_CHECK bool store_number(struct store *s, int64_t *out, bool *found, struct err *e,
                             const char *sql, const char *types, ...);
int64_t store_last_id(const struct store *s);
int64_t store_changes(const struct store *s);

/* A copy of the database under way (SQLite's online backup), a few pages at a time between other
 * uses; what changes meanwhile changes in the copy. Its last step: it is what the store is now.
 * Errors: ERR_BUSY "backup.failed". */
struct store_copy;
MUST_CHECK bool store_copy_begin(struct store *s, const char *path, struct store_copy **out,
                                 struct err *e);
MUST_CHECK bool store_copy_step(struct store_copy *c, int pages, bool *done, int *percent,
                                struct err *e);
void store_copy_end(struct store_copy *c); /* NULL: nothing */

int64_t store_i64(const struct store_row *r, int column);
const char *store_text(const struct store_row *r, int column); /* "" for NULL */
/* The text, cut to what out has room for, and tidy (err.h). */
void store_copy(const struct store_row *r, int column, char *out, size_t cap);
struct span store_blob(const struct store_row *r, int column);
bool store_null(const struct store_row *r, int column);
/* For store_each(): the first column of the one row, a blob, into a struct span
 * whose octets the caller frees. at stays NULL when there is no row (or no memory:
 * nothing was read). */
bool store_take_blob(void *span_out, const struct store_row *row);

#endif
