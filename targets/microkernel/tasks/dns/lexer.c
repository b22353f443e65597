/* Master files (RFC 1035 section 5.1) as tokens: words, quoted strings, line ends; comments, and line ends in parentheses, go. */
#include "dns.h"

#define END (-1)

bool lexer_open(struct lexer *lexer, const char *path)
{
	lexer->offset = 0;
	lexer->line = 1;
	lexer->at = lexer->filled = 0;
	lexer->parentheses = 0;
	lexer->line_start = true;
	lexer->blank_first = lexer->again = false;
	return app_file_open(path, &lexer->file);
}

static int peek(struct lexer *x)
{
	if (x->at == x->filled) {
		x->filled = (uint16_t)app_file_read(&x->file, x->offset, x->buffer, sizeof x->buffer);
		x->offset += x->filled;
		x->at = 0;
		if (!x->filled)
			return END;
	}
	return x->buffer[x->at];
}

static int next(struct lexer *x)
{
	int c = peek(x);

	if (c != END)
		x->at++;
	if (c == '\n')
		x->line++;
	return c;
}

static enum token bad(struct lexer *x, const char *wrong)
{
	x->wrong = wrong;
	return TOKEN_BAD;
}

static bool ends_word(int c)
{
	return c == END || c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';' || c == '(' || c == ')' || c == '"';
}

static enum token text(struct lexer *x, bool quoted)
{
	size_t n = 0;

	for (;;) {
		int c = peek(x);

		if (quoted ? c == '"' : ends_word(c))
			break;
		if (c == END || (quoted && c == '\n'))
			return bad(x, "a quoted string that does not end on its line");
		if (n + 2 > TOKEN_MOST)
			return bad(x, "a word that is too long");
		x->token[n++] = (uint8_t)next(x);
		if (c == '\\') {
			c = peek(x);
			if (c == END || c == '\n')
				return bad(x, "a backslash at the end of a line");
			x->token[n++] = (uint8_t)next(x);
		}
	}
	if (quoted)
		next(x);
	x->text = (struct span){ x->token, n };
	return quoted ? QUOTED : WORD;
}

/* What stands between tokens -> the first character of the next one, not taken. */
static int skip(struct lexer *x)
{
	for (;;) {
		int c = peek(x);

		if (c == ';') {
			while (c != '\n' && c != END) {
				next(x);
				c = peek(x);
			}
		}
		if (c != ' ' && c != '\t' && c != '\r' && !(c == '\n' && x->parentheses))
			return c;
		if (x->line_start && c != '\r')
			x->blank_first = true;
		x->line_start = false;
		next(x);
	}
}

static enum token scan(struct lexer *x)
{
	for (;;) {
		int c = skip(x);

		if (c == END)
			return x->parentheses ? bad(x, "an open parenthesis") : FILE_END;
		if (c == '\n') {
			next(x);
			x->line_start = true;
			x->blank_first = false;
			return LINE_END;
		}
		x->line_start = false;
		if (c == '(') {
			if (++x->parentheses > 1)
				return bad(x, "a parenthesis within another");
		} else if (c == ')') {
			if (!x->parentheses--)
				return bad(x, "a closing parenthesis without an open one");
		} else {
			if (c == '"')
				next(x);
			return text(x, c == '"');
		}
		next(x);
	}
}

enum token lexer_next(struct lexer *lexer)
{
	if (!lexer->again)
		lexer->last = scan(lexer);
	lexer->again = false;
	return lexer->last;
}
