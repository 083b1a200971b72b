/* tls.c - what every source over a network asks before it connects. */
#include "rivet/config.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

/* A list of hosts is never taken for local. */
static bool is_local(const char *host)
{
    uint8_t v4[4];
    if (strchr(host, ',') != NULL)
        return false;
    if (host[0] == '/' || host[0] == '@' || strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0)
        return true;
    return inet_pton(AF_INET, host, v4) == 1 && v4[0] == 127;
}

rv_code rv_tls_check_host(const rv_tls_config *tls, const char *host, rv_error *err)
{
    if (tls->mode != RV_TLS_UNSET || is_local(host))
        return RV_OK;
    rv_fail(err, RV_E_SOURCE_TLS,
            "'%s' is another machine and source.tls is not set: nothing would be encrypted", host);
    rv_hint(err, "set source.tls.mode: verify-full (or disable, to send data and password in the clear)");
    return RV_E_SOURCE_TLS;
}

rv_code rv_tls_find_ca_file(const rv_tls_config *tls, const char **out, rv_error *err)
{
    static const char *const bundles[] = {
        "/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Alpine */
        "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
        "/etc/ssl/ca-bundle.pem",             /* SUSE */
        "/etc/ssl/cert.pem",                  /* BSD, macOS */
    };
    *out = tls->ca_file;
    for (size_t i = 0; *out == NULL && i < sizeof bundles / sizeof bundles[0]; i++)
        if (access(bundles[i], R_OK) == 0)
            *out = bundles[i];
    if (*out != NULL)
        return RV_OK;
    rv_fail(err, RV_E_SOURCE_TLS,
            "the system has no bundle of trusted certificates to verify the server with");
    rv_hint(err, "set source.tls.ca_file, or install the package ca-certificates");
    return RV_E_SOURCE_TLS;
}
