/* What a request is answered by. */
#include "http.h"

/* Opens what the path means: the file, or the index of a folder. -> 200, or the status that says why not; 301: a folder without
 * its slash. */
static unsigned find(char path[PATH_MOST], struct app_file *file)
{
	static const char index[] = "index.html";
	size_t n = strlen(path);
	bool folder = path[n - 1] == '/';

	if (folder) {
		if (n + sizeof index > PATH_MOST)
			return 404;
		memcpy(path + n, index, sizeof index);
	}
	if (app_file_open(path, file)) {
		if (!file->directory)
			return 200;
		app_file_close(file);
		return folder ? 403 : 301;
	}
	if (!folder)
		return 404;
	path[n > 1 ? n - 1 : 1] = 0;
	if (!app_file_open(path, file))
		return 404;
	app_file_close(file);
	return file->directory ? 403 : 404;
}

static void send_file(struct connection *c, struct app_io *io, const struct request *r, struct response *response, const char *path)
{
	struct file_tags tags;
	struct range range = { 0, c->file.bytes };

	file_tags(&c->file, &tags);
	response->tags = &tags;
	response->size = c->file.bytes;
	response->type = content_type(path);
	response->status = conditions_fail(r, &tags);
	if (!response->status)
		response->status = 200;
	if (response->status == 200 && range_applies(r, &tags)) {
		enum range_state state = range_parse(r->range.value, c->file.bytes, &range);

		if (state != RANGE_NONE)
			response->status = state == RANGE_ONE ? 206 : 416;
	}
	response->range = range;
	response->bytes = range.bytes;
	if (connection_put(c, io, response_head(response)) && response->status < 300 && r->method == GET && range.bytes) {
		c->sending = true;
		c->offset = range.first;
		c->left = range.bytes;
	} else {
		app_file_close(&c->file);
	}
}

void answer_error(struct connection *c, struct app_io *io, unsigned status)
{
	struct response response = { .status = status, .closing = true };

	c->closing = true;
	connection_put(c, io, response_head(&response));
}

void answer(struct connection *c, struct app_io *io, const struct request *r)
{
	char path[PATH_MOST];
	struct response response = { .head_only = r->method == HEAD };
	unsigned status;

	/* who waits for "100 Continue" is told the end of it at once, and what comes after is no request for sure */
	c->closing = r->close || (!r->minor && !r->keep_alive) || (r->expects && (r->chunked || r->length));
	response.closing = c->closing;
	response.keeping = !c->closing && !r->minor;
	if (r->method == OTHER_METHOD)
		status = 405;
	else if (!(status = path_decode(r->path, path)))
		status = find(path, &c->file);
	if (status == 200) {
		send_file(c, io, r, &response, path);
		return;
	}
	response.status = status;
	response.location = path;
	connection_put(c, io, response_head(&response));
}
