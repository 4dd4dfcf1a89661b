/*
 * For tests of EINTR: takes SIGALRM with a handler that does nothing, and without SA_RESTART, so
 * that each such signal breaks off the system call that waits. Loaded with LD_PRELOAD.
 */
#include <signal.h>
#include <stddef.h>

static void on_signal(int number)
{
	(void)number;
}

static void __attribute__((constructor)) begin(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGALRM, &action, NULL);
}
