/* tests/lib/temp_dir.h - a folder for one test, and looking into it. Failures of the helpers themselves abort. */
#ifndef TESTS_LIB_TEMP_DIR_H
#define TESTS_LIB_TEMP_DIR_H

#include <stdbool.h>
#include <stddef.h>

char *temp_dir_new(void);       /* a new empty folder below $TMPDIR or /tmp; free with temp_dir_free() */
void temp_dir_free(char *path); /* removes it with all it holds; frees the text */
void temp_dir_empty(const char *path);                        /* removes what it holds */
char *temp_dir_join(const char *folder, const char *name);    /* "<folder>/<name>"; free() it */
int temp_dir_entries(const char *folder, const char *prefix); /* how many names begin with `prefix` */
void temp_file_write(const char *folder, const char *name, const void *data, size_t len);
/* Whether the file is there and holds exactly these bytes. */
bool temp_file_holds(const char *folder, const char *name, const void *data, size_t len);

#endif
