/* Typed columns of a result. Text format throughout; a value that does not read as its type is our
 * own mistake (the statement's head says the type) and aborts. */
#ifndef FIRSTRING_DB_ROW_H
#define FIRSTRING_DB_ROW_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/mac.h"
#include "common/db/pg.h"

size_t row_count(const struct pg_rows *rows);
/* The column's index by name; a missing column aborts. */
int row_column(const struct pg_rows *rows, const char *name);
int row_is_null(const struct pg_rows *rows, size_t row, int column);
/* Borrowed until the callback returns; "" for SQL null. */
const char *row_text(const struct pg_rows *rows, size_t row, int column);
int64_t row_int(const struct pg_rows *rows, size_t row, int column); /* 0 for null */
int row_bool(const struct pg_rows *rows, size_t row, int column); /* 0 for null */
/* Decodes bytea into `out` (cleared first; empty for null). */
void row_bytes(const struct pg_rows *rows, size_t row, int column, struct buf *out);
/* Exactly len bytes of bytea; 0 when null or of another length. */
int row_bytes_exact(const struct pg_rows *rows, size_t row, int column, void *bytes, size_t len);
/* Zeros for null. */
void row_mac(const struct pg_rows *rows, size_t row, int column, struct mac *mac);
void row_uuid(const struct pg_rows *rows, size_t row, int column, uint8_t uuid[16]);
/* Microseconds since 1970 of a timestamptz; INT64_MIN for null and -infinity, INT64_MAX for
 * infinity.
 */
int64_t row_time_us(const struct pg_rows *rows, size_t row, int column);
/* Calls back for each element of a one-dimensional text[] (none for null; "" for a null element).
 */
void row_strings(const struct pg_rows *rows, size_t row, int column,
    void (*each)(const char *text, void *ctx), void *ctx);

#endif
