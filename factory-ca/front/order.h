/*
 * A production order as stations and operators see it. Pure: the struct and its JSON document.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_ORDER_H
#define FIRSTRING_FACTORY_CA_FRONT_ORDER_H

#include <stdint.h>

#include "common/base/buf.h"
#include "factory-ca/front/request.h"
#include "factory-ca/statement.h"

struct order {
	struct statement_order terms;
	uint32_t issued; /* distinct MACs */
	int closed; /* by a statement; the window is in the terms */
};

/* Appends {"reference","model","first_mac","quantity","issued","state","opens_at","closes_at",
 * "stations","key_types","certificate_profile"}; a time that is not set is null. */
void order_write(const struct order *order, struct buf *out);

/* Whether this caller may work under the order: the stations that it names, and operators. */
enum request_refusal order_check_caller(const struct order *order, const struct caller *caller);

#endif
