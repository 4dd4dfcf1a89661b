/* GET /openapi.json: the document of this API, compiled in from portal-api/openapi.json. */
#include "portal-api/http/request.h"
#include "portal-api/resources/resources.h"

__asm__(".section .rodata\n"
	"openapi_document:\n"
	".incbin \"portal-api/openapi.json\"\n"
	"openapi_document_end:\n"
	".previous\n");
extern const char openapi_document[] __attribute__((visibility("hidden")));
extern const char openapi_document_end[] __attribute__((visibility("hidden")));

void openapi_get(struct request *request)
{
	request_reply_text(request, 200, "application/json", openapi_document,
	    (size_t)(openapi_document_end - openapi_document));
}
