/* The order's document. Every text in it is of an alphabet without JSON's special characters. Pure.
 */
#include "factory-ca/front/order.h"

#include "common/base/clock.h"
#include "common/pki/key_type.h"

static void put_time(struct buf *out, const char *key, int64_t unix_s)
{
	char text[CLOCK_TEXT_LEN + 1];

	if (unix_s == STATEMENT_NO_TIME) {
		buf_printf(out, ",\"%s\":null", key);
		return;
	}
	clock_format_s(unix_s, text);
	buf_printf(out, ",\"%s\":\"%s\"", key, text);
}

static void put_stations(struct buf *out, const struct statement_order *terms)
{
	size_t i;

	buf_put_str(out, ",\"stations\":[");
	if (terms->station_count == 0)
		buf_put_str(out, "\"any\"");
	for (i = 0; i < terms->station_count; i++)
		buf_printf(out, "%s\"%s\"", i ? "," : "", terms->stations[i]);
	buf_put_u8(out, ']');
}

static void put_key_types(struct buf *out, uint32_t key_types)
{
	const char *separator = "";
	unsigned type;

	buf_put_str(out, ",\"key_types\":[");
	for (type = 0; type < KEY_TYPE_COUNT; type++) {
		if ((key_types & (1u << type)) == 0)
			continue;
		buf_printf(out, "%s\"%s\"", separator, key_type_name((enum key_type)type));
		separator = ",";
	}
	buf_put_u8(out, ']');
}

void order_write(const struct order *order, struct buf *out)
{
	const struct statement_order *terms = &order->terms;
	char mac[MAC_TEXT_LEN + 1];

	mac_format(&terms->first_mac, mac);
	buf_printf(out,
	    "{\"reference\":\"%s\",\"model\":\"%s\",\"first_mac\":\"%s\",\"quantity\":%u,"
	    "\"issued\":%u,\"state\":\"%s\"",
	    terms->reference, terms->model, mac, terms->quantity, order->issued,
	    order->closed ? "closed" : "open");
	put_time(out, "opens_at", terms->opens_unix_s);
	put_time(out, "closes_at", terms->closes_unix_s);
	put_stations(out, terms);
	put_key_types(out, terms->key_types);
	buf_printf(
	    out, ",\"certificate_profile\":\"%s\"}\n", certificate_profile_name(terms->profile));
}

enum request_refusal order_check_caller(const struct order *order, const struct caller *caller)
{
	if (caller->role == ROLE_OPERATOR || statement_allows_station(&order->terms, caller->name))
		return REQUEST_ALLOWED;
	return REQUEST_STATION_NOT_ON_ORDER;
}
