#include "lib/temp_dir.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void give_up(const char *what)
{
    perror(what);
    abort();
}

static void require(bool condition, const char *what)
{
    if (!condition)
        give_up(what);
}

char *temp_dir_join(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    require(path != NULL, "malloc");
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

char *temp_dir_new(void)
{
    const char *base = getenv("TMPDIR");
    char *path = temp_dir_join(base != NULL ? base : "/tmp", "rivet-test-XXXXXX");
    require(mkdtemp(path) != NULL, "mkdtemp");
    return path;
}

void temp_dir_empty(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        give_up(path);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *inner = temp_dir_join(path, entry->d_name);
        if (unlink(inner) != 0) {
            temp_dir_empty(inner);
            require(rmdir(inner) == 0, inner);
        }
        free(inner);
    }
    closedir(folder);
}

void temp_dir_free(char *path)
{
    temp_dir_empty(path);
    require(rmdir(path) == 0, path);
    free(path);
}

int temp_dir_entries(const char *folder, const char *prefix)
{
    DIR *opened = opendir(folder);
    require(opened != NULL, folder);
    int n = 0;
    for (const struct dirent *entry; (entry = readdir(opened)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    }
    closedir(opened);
    return n;
}

void temp_file_write(const char *folder, const char *name, const void *data, size_t len)
{
    char *path = temp_dir_join(folder, name);
    FILE *file = fopen(path, "wb");
    require(file != NULL, path);
    require(fwrite(data, 1, len, file) == len && fclose(file) == 0, path);
    free(path);
}

bool temp_file_holds(const char *folder, const char *name, const void *data, size_t len)
{
    char *path = temp_dir_join(folder, name);
    FILE *file = fopen(path, "rb");
    free(path);
    if (file == NULL)
        return false;
    char *found = malloc(len + 1);
    require(found != NULL, "malloc");
    bool same = fread(found, 1, len + 1, file) == len && memcmp(found, data, len) == 0;
    free(found);
    fclose(file);
    return same;
}
