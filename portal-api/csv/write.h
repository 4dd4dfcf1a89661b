/* Writing CSV (RFC 4180) that spreadsheets open without harm. Pure. */
#ifndef FIRSTRING_PORTAL_CSV_WRITE_H
#define FIRSTRING_PORTAL_CSV_WRITE_H

#include "common/base/buf.h"

/*
 * Appends one cell, quoted where needed. Text that a spreadsheet would take for a formula (=, +, -,
 * @, tab or CR first, also after spaces) gets an apostrophe in front, which spreadsheets hide.
 */
void csv_put_cell(struct buf *out, const char *text);

#endif
