#include "state/internal.h"

rv_code rvi_fail_newer(const rv_state *state, int64_t version, int64_t newest, rv_error *err)
{
    rv_code rc = rv_fail(err, RV_E_STATE_NEWER,
                         "the state store has schema version %lld, this program knows %lld ('%s')",
                         (long long)version, (long long)newest, state->location);
    rv_hint(err, "use the newer version of rivet that wrote it; to go back all the same, %s",
            state->ops->removal);
    return rc;
}

static rv_code apply(rv_state *state, const rvi_migration *migration, rv_error *err)
{
    for (const char *const *statement = migration->statements; *statement; statement++)
        RV_TRY(rvi_change(state, *statement, &(rvi_args){0}, NULL, err));
    const rvi_args args = {
        {rvi_bind_int(migration->version), rvi_bind_int(rvi_now_us(state)), rvi_bind_text(RIVET_VERSION)}};
    return rvi_change(state, "INSERT INTO schema_version (version, applied_us, program) VALUES ($1, $2, $3)",
                      &args, NULL, err);
}

rv_code rvi_migrate(rv_state *state, const rvi_migration *migrations, int n, rv_error *err)
{
    const int64_t newest = migrations[n - 1].version;
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(state->ops->begin_migration(state, err));
    tx = state;
    /* Asked again under the lock: somebody who started at the same moment may have been first. */
    int64_t version;
    RV_TRY(state->ops->schema_version(state, &version, err));
    if (version > newest)
        return rvi_fail_newer(state, version, newest, err);
    for (int i = 0; i < n; i++)
        if (migrations[i].version > version)
            RV_TRY_CTX(apply(state, &migrations[i], err), err, "bringing the state store to version %d",
                       migrations[i].version);
    return rvi_tx_commit(&tx, err);
}
