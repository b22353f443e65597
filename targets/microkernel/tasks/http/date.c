/* Dates (RFC 9110 section 5.6.7): written as IMF-fixdate, read in all three forms. */
#include "http.h"

#define DAY 86400

static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct date {
	int64_t year;
	uint32_t month, day, hour, minute, second; /* month 1..12 */
};

/* Days since 1970 of a date of the Gregorian calendar, and back: Howard Hinnant, chrono-Compatible Low-Level Date Algorithms. */
static int64_t days_from(const struct date *d)
{
	int64_t year = d->year - (d->month <= 2), era = (year >= 0 ? year : year - 399) / 400;
	uint32_t of_era = (uint32_t)(year - era * 400), shifted = d->month > 2 ? d->month - 3 : d->month + 9;
	uint32_t of_year = (153 * shifted + 2) / 5 + d->day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_from(int64_t days_since, struct date *d)
{
	int64_t z = days_since + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	uint32_t of_era = (uint32_t)(z - era * 146097);
	uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint32_t of_year = of_era - (365 * year + year / 4 - year / 100), shifted = (5 * of_year + 2) / 153;

	d->day = of_year - (153 * shifted + 2) / 5 + 1;
	d->month = shifted < 10 ? shifted + 3 : shifted - 9;
	d->year = year + era * 400 + (d->month <= 2);
}

static void two(char *to, uint32_t number)
{
	to[0] = (char)('0' + number / 10 % 10);
	to[1] = (char)('0' + number % 10);
}

void date_put(int64_t unix_s, char to[DATE_BYTES])
{
	int64_t since = unix_s / DAY - (unix_s % DAY < 0);
	uint32_t second = (uint32_t)(unix_s - since * DAY);
	struct date d;

	date_from(since, &d);
	memcpy(to, "Xxx, 00 Xxx 0000 00:00:00 GMT", DATE_BYTES);
	memcpy(to, days + (since + 4 + 7 * DAY * 100000ll) % 7 * 3, 3);
	two(to + 5, d.day);
	memcpy(to + 8, months + 3 * (d.month - 1), 3);
	two(to + 12, (uint32_t)d.year / 100);
	two(to + 14, (uint32_t)d.year % 100);
	two(to + 17, second / 3600);
	two(to + 20, second / 60 % 60);
	two(to + 23, second % 60);
}

/* Compares with a pattern: 0 is a digit, which goes to the numbers in order; a is a letter; the rest stands for itself. */
static bool fits(struct span text, const char *pattern, uint32_t digits[])
{
	if (text.bytes != strlen(pattern))
		return false;
	for (size_t i = 0; i < text.bytes; i++) {
		uint8_t c = text.at[i], letter = lower(c);

		if (pattern[i] == '0') {
			if ((uint32_t)(c - '0') > 9)
				return false;
			*digits++ = (uint32_t)(c - '0');
		} else if (pattern[i] == 'a' ? letter < 'a' || letter > 'z' : c != (uint8_t)pattern[i]) {
			return false;
		}
	}
	return true;
}

static uint32_t pair(const uint32_t digits[])
{
	return 10 * digits[0] + digits[1];
}

static bool month_get(const uint8_t *name, uint32_t *month)
{
	for (*month = 1; *month <= 12; (*month)++)
		if (!memcmp(name, months + 3 * (*month - 1), 3))
			return true;
	return false;
}

/* The two-digit year of RFC 850 is one that is not more than 50 years ahead. */
static int64_t full_year(uint32_t short_year)
{
	struct date now;
	int64_t year;

	date_from((int64_t)(app_unix_ms / 1000 / DAY), &now);
	year = now.year / 100 * 100 + short_year;
	return year > now.year + 50 ? year - 100 : year;
}

bool date_get(struct span text, int64_t *unix_s)
{
	uint32_t n[12], clock = 0;
	struct date d = { 0 };
	size_t comma = 0;

	while (comma < text.bytes && text.at[comma] != ',')
		comma++;
	if (fits(text, "aaa, 00 aaa 0000 00:00:00 GMT", n) && month_get(text.at + 8, &d.month)) {
		d.day = pair(n);
		d.year = 100 * pair(n + 2) + pair(n + 4);
		clock = 6;
	} else if (fits(text, "aaa aaa 00 00:00:00 0000", n) && month_get(text.at + 4, &d.month)) {
		d.day = pair(n);
		d.year = 100 * pair(n + 8) + pair(n + 10);
		clock = 2;
	} else if (fits(text, "aaa aaa  0 00:00:00 0000", n) && month_get(text.at + 4, &d.month)) {
		d.day = n[0];
		d.year = 100 * pair(n + 7) + pair(n + 9);
		clock = 1;
	} else if (comma < text.bytes &&
		   fits((struct span){ text.at + comma, text.bytes - comma }, ", 00-aaa-00 00:00:00 GMT", n) &&
		   month_get(text.at + comma + 5, &d.month)) {
		d.day = pair(n);
		d.year = full_year(pair(n + 2));
		clock = 4;
	} else {
		return false;
	}
	d.hour = pair(n + clock);
	d.minute = pair(n + clock + 2);
	d.second = pair(n + clock + 4);
	if (!d.day || d.day > 31 || d.hour > 23 || d.minute > 59 || d.second > 60)
		return false;
	*unix_s = days_from(&d) * DAY + d.hour * 3600 + d.minute * 60 + d.second;
	return true;
}
