/* SPDX-License-Identifier: MIT */
#include "restore.h"

#include "audit.h"
#include "sound.h"
#include "statefile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PART "recovery.db.part"

static bool mark_restored(struct service *sv, const struct place *record, struct err *e)
{
    struct place now;

    if (!sound_check(sv->store, e) || !place_take(sv->store, &now, e))
        return false;
    if (now.records != record->records || !digest_equal(&now.hash, &record->hash))
        return err_set(e, ERR_INPUT, "backup.manifest",
                       "the database is not the one that the manifest tells of");
    if (!store_begin(sv->store, e))
        return false;
    if (audit_put(sv->store, clock_now(&sv->clock), "STATE_RESTORED", "",
                  AUDIT_ACTOR_SYSTEM, e, "{s:o}", "backup", place_json(record)) &&
        bars_restored(sv, record, e) && store_commit(sv->store, e))
        return true;
    store_rollback(sv->store);
    return false;
}

/* Of a restore that was cut off: SQLite would take its log for one of the file put there now. */
static bool clean(const char *part, struct err *e)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char path[CONFIG_PATH_MAX + 48];

        (void)snprintf(path, sizeof path, "%s%s", part, ends[i]);
        if (unlink(path) != 0 && errno != ENOENT)
            return err_set(e, ERR_STORE, "store.failed", "%s: %s", path, strerror(errno));
    }
    return true;
}

bool restore(struct service *sv, const char *dir, struct err *e)
{
    const char *state = sv->config.service.state_dir;
    char part[CONFIG_PATH_MAX + 32], db[CONFIG_PATH_MAX + 32];
    struct place record;
    bool ok;

    (void)snprintf(part, sizeof part, "%s/" PART, state);
    (void)snprintf(db, sizeof db, "%s/recovery.db", state);
    if (access(db, F_OK) == 0)
        return err_set(e, ERR_DENIED, "backup.in-the-way",
                       "%s is there: a backup is put back where there is no state", db);
    if (!backup_check(dir, &record, e) || !clean(part, e) ||
        !backup_unpack(dir, state, PART, e) || !store_open(part, &sv->store, e))
        return false;
    ok = mark_restored(sv, &record, e);
    store_close(sv->store); /* its log goes into the file */
    sv->store = NULL;
    if (ok && (rename(part, db) != 0 || !statefile_sync_folder(db)))
        ok = err_set(e, ERR_STORE, "store.failed", "%s: %s", db, strerror(errno));
    return ok;
}
