// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a program, leads its generic netlink sockets to the unix socket
// that GENLPIPE names. Whoever listens there is its kernel: each message is a
// datagram, in both directions.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static char piped[1024]; // by file descriptor

static int is_piped(int fd)
{
	return fd >= 0 && fd < (int)sizeof(piped) && piped[fd];
}

int socket(int domain, int type, int protocol)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("GENLPIPE");
	int fd;

	if (domain != AF_NETLINK || protocol != NETLINK_GENERIC || !path)
		return REAL(socket)(domain, type, protocol);
	fd = REAL(socket)(AF_UNIX, SOCK_SEQPACKET | (type & (SOCK_CLOEXEC | SOCK_NONBLOCK)), 0);
	if (fd < 0)
		return fd;
	strncpy(to.sun_path, path, sizeof(to.sun_path) - 1);
	if (fd >= (int)sizeof(piped) || REAL(connect)(fd, (struct sockaddr *)&to, sizeof(to))) {
		REAL(close)(fd);
		errno = ECONNREFUSED;
		return -1;
	}
	piped[fd] = 1;
	return fd;
}

int close(int fd)
{
	if (is_piped(fd))
		piped[fd] = 0;
	return REAL(close)(fd);
}

int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return is_piped(fd) ? 0 : REAL(connect)(fd, addr, len);
}

int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return is_piped(fd) ? 0 : REAL(bind)(fd, addr, len);
}

int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_pid = 1000 + fd };

	if (!is_piped(fd))
		return REAL(getsockname)(fd, addr, len);
	memcpy(addr, &nl, *len < sizeof(nl) ? *len : sizeof(nl));
	*len = sizeof(nl);
	return 0;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	if (is_piped(fd) && level == SOL_NETLINK)
		return 0;
	return REAL(setsockopt)(fd, level, name, value, len);
}

// The kernel has answered before a request's system call returns, so programs do
// not wait for it, and take silence for success. Here they wait, and every
// request is answered.
ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	return REAL(recvmsg)(fd, msg, is_piped(fd) ? flags & ~MSG_DONTWAIT : flags);
}
