/* SPDX-License-Identifier: BSD-3-Clause */
/* What a daemon asks of its host. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sallyport/common.h>

#include "process.h"

static int ready_fd = -1; /* in the child: the parent reads from its other end */

static void wait_for_child(pid_t pid, int fd)
{
	char byte;
	int status;

	if (read(fd, &byte, 1) == 1)
		_exit(0);
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	_exit(1);
}

int process_background(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return -errno;
	pid_t pid = fork();
	if (pid < 0) {
		int error = errno;
		close(fds[0]);
		close(fds[1]);
		return -error;
	}
	if (pid > 0) {
		close(fds[1]);
		wait_for_child(pid, fds[0]);
	}
	close(fds[0]);
	ready_fd = fds[1];
	(void)setsid(); /* it can only fail for a group leader, which a fresh child is not */
	return 0;
}

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	for (int fd = 0; fd <= 2; fd++)
		(void)dup2(null, fd);
	close(null);
}

void process_ready(void)
{
	if (ready_fd >= 0) {
		leave_terminal();
		(void)!write(ready_fd, "", 1); /* a parent that is gone does not care */
		close(ready_fd);
		ready_fd = -1;
	}
	process_notify("READY=1");
}

void process_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = path ? strlen(path) : 0;

	if (n == 0 || n >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* A service manager that does not listen is its own affair. */
	(void)sendto(fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	close(fd);
}

unsigned long process_raise_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return 1024;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r); /* up to the hard limit it is always allowed */
	(void)getrlimit(RLIMIT_NOFILE, &r);
	return (unsigned long)r.rlim_cur;
}

/* ---- capabilities(7) ---- */

/* Leaves the permitted ones of KEEP, in all sets, those that execve hands on included. */
static int keep_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &h, d) != 0)
		return -errno;
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		d[i].permitted &= (uint32_t)(keep >> 32 * i);
		d[i].effective = d[i].inheritable = d[i].permitted;
	}
	if (syscall(SYS_capset, &h, d) != 0)
		return -errno;
	for (unsigned c = 0; c < 64; c++) {
		if (d[c / 32].permitted & 1u << c % 32 &&
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) != 0)
			return -errno;
	}
	return 0;
}

int process_become(const char *user, uint64_t keep, char why[256])
{
	errno = 0;
	struct passwd *p = getpwnam(user);

	if (!p) {
		snprintf(why, 256,
			"there is no user \"%s\"; create it (useradd --system %s) or leave "
			"\"user\" out",
			user, user);
		return ERR_NOT_FOUND;
	}
	if (getuid() == p->pw_uid)
		return 0;
	if (initgroups(user, p->pw_gid) != 0 || setgid(p->pw_gid) != 0 ||
		prctl(PR_SET_KEEPCAPS, keep != 0) != 0 || setuid(p->pw_uid) != 0 ||
		keep_capabilities(keep) != 0) {
		int error = errno;
		snprintf(why, 256,
			"cannot become user \"%s\": %s; start as root, or leave \"user\" out", user,
			err_text(-error));
		return -error;
	}
	return 0;
}
