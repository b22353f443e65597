/* Content types by the end of a name. */
#include "http.h"

struct span content_type(const char *path)
{
	static const struct {
		const char *extension, *type;
	} types[] = { { "html", "text/html" }, { "htm", "text/html" }, { "css", "text/css" }, { "js", "text/javascript" },
		{ "mjs", "text/javascript" }, { "json", "application/json" }, { "txt", "text/plain" }, { "md", "text/markdown" },
		{ "csv", "text/csv" }, { "xml", "application/xml" }, { "svg", "image/svg+xml" }, { "png", "image/png" },
		{ "jpg", "image/jpeg" }, { "jpeg", "image/jpeg" }, { "gif", "image/gif" }, { "webp", "image/webp" },
		{ "ico", "image/x-icon" }, { "pdf", "application/pdf" }, { "wasm", "application/wasm" }, { "woff2", "font/woff2" },
		{ "gz", "application/gzip" }, { "zip", "application/zip" } };
	struct span whole = span_of(path), end = { 0 };

	for (size_t i = whole.bytes; i && path[i - 1] != '/'; i--)
		if (path[i - 1] == '.') {
			end = (struct span){ whole.at + i, whole.bytes - i };
			break;
		}
	for (size_t i = 0; end.bytes && i < sizeof types / sizeof *types; i++)
		if (is_word(end, types[i].extension))
			return span_of(types[i].type);
	return TEXT("application/octet-stream");
}
