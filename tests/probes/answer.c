/* The library that `known loads` opens. */
int known_answer(void);

int known_answer(void)
{
	return 42;
}
