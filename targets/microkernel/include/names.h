/* What the name server, which is the first task, is asked: labels of messages to its port. Names are 8 characters in two words. */
#ifndef MK_NAMES_H
#define MK_NAMES_H

#define NAME_REGISTER 1 /* words 0, 1 name; 2: NAME_RESTART or 0; handle -> word 0: 0 or MK_E*. Of programs alone; servers'
			 * names are those servers' */
#define NAME_FIND 2     /* words 0, 1 name -> handle; answered when there is one; a program's second such call ends its first */
#define NAME_SPAWN 3    /* word 0 priority; granted page: line -> word 0: number of the space, or MK_E*. Its tasks may be as urgent
			 * as those of who asks; devices have only what the command line starts */
#define NAME_WATCH 4    /* word 0 bits; handle: a port, notified when a program ends; a program's second takes the place of its first */
#define NAME_ENDED 5    /* word 0 sequence -> word 0 the next, word 1 how many, words 2..8 the spaces' numbers */
#define NAME_STOP 6     /* switches the machine off; word 0: MK_ERIGHT for all but the shell that the command line started */
#define NAME_KILL 7     /* words 0, 1 name of a program, which is ended -> word 0: 0 or MK_E*; for that shell, and who started it */
#define NAME_TIME 8     /* -> word 0: the board's clock, unix seconds */
#define NAME_PROGRAM 9  /* word 0 number of a space -> word 0: 1: it is a program's, whose end will be told; or 0 */

#define NAME_RESTART 1u
#define NAME_ENDED_MOST 7
#endif
