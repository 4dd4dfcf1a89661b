/*
 * Bytes that wait to be read by a connection's next layer.
 *
 * They lie in a buffer that all connections share while work on one of them goes on, and are copied
 * only when it pauses with some left. Pure; what the bytes are is not looked at.
 */
#include "common/net/connection.h"

void input_consume(struct input *input, size_t len)
{
	CHECK(len <= input->len);
	input->next += len;
	input->len -= len;
}

void input_add(struct input *input, const char *bytes, size_t len)
{
	if (input->len == 0) {
		input->next = bytes;
		input->len = len;
		return;
	}
	/* What waits was kept when work paused. */
	buf_drop_front(&input->kept, input->kept.len - input->len);
	buf_put(&input->kept, bytes, len);
	input->next = (const char *)input->kept.bytes;
	input->len = input->kept.len;
}

void input_keep(struct input *input)
{
	if (input->len == 0) {
		buf_wipe(&input->kept);
		return;
	}
	const char *kept = (const char *)input->kept.bytes;
	if (kept != NULL && input->next >= kept && input->next < kept + input->kept.len)
		return;
	buf_clear(&input->kept);
	buf_put(&input->kept, input->next, input->len);
	input->next = (const char *)input->kept.bytes;
}
