/*
 * Labels of the phones that are done: a CSV for label programs, and ZPL for label printers. Pure.
 *
 * The claim code stands on them: whoever reads a label may claim the phone. Files are 0600.
 */
#ifndef FIRSTRING_FACTORY_CA_LINE_LABELS_H
#define FIRSTRING_FACTORY_CA_LINE_LABELS_H

#include "common/base/buf.h"
#include "factory-ca/line/phones.h"

void label_put_csv_header(struct buf *out);
void label_put_csv(struct buf *out, const struct line_phone *phone, const char *model);

/* ZPL II of one label. The template's {mac}, {serial_number}, {model} and {claim_code} are
 * replaced; NULL: ours, 50 mm x 30 mm at 203 dpi with a QR code of "MAC,CODE". */
void label_put_zpl(
    struct buf *out, const struct line_phone *phone, const char *model, const char *template);
/* ERR_SYNTAX: `name` (32 bytes) gets a {field} that there is none of, or "" when none is used. */
MUST_CHECK enum err label_check_template(const char *template, char *name);

#endif
