// The functions of libc that the program uses. No other file of the program opens a native library.
//
// Sizes (size_t, nfds_t) are passed as "u32" and ssize_t results are read as "i32", which keeps V8 on
// its fast path; "usize" would need a BigInt. Both ABIs (x86-64, arm64) pass them in one register, and
// no buffer here comes near 2 GiB. Only mmap(2) and munmap(2), called during set-up, use the full
// width.

const symbols = {
  __errno_location: { parameters: [], result: "pointer" },

  strerror: {
    parameters: [
      "i32", // int errnum
    ],
    result: "pointer",
  },

  socket: {
    parameters: [
      "i32", // int domain
      "i32", // int type
      "i32", // int protocol
    ],
    result: "i32",
  },

  bind: {
    parameters: [
      "i32", // int sockfd
      "buffer", // const struct sockaddr *addr
      "u32", // socklen_t addrlen
    ],
    result: "i32",
  },

  umask: {
    parameters: [
      "u32", // mode_t mask
    ],
    result: "u32",
  },

  connect: {
    parameters: [
      "i32", // int sockfd
      "buffer", // const struct sockaddr *addr
      "u32", // socklen_t addrlen
    ],
    result: "i32",
  },

  listen: {
    parameters: [
      "i32", // int sockfd
      "i32", // int backlog
    ],
    result: "i32",
  },

  accept4: {
    parameters: [
      "i32", // int sockfd
      "pointer", // struct sockaddr *addr
      "pointer", // socklen_t *addrlen
      "i32", // int flags
    ],
    result: "i32",
  },

  getsockname: {
    parameters: [
      "i32", // int sockfd
      "buffer", // struct sockaddr *addr
      "buffer", // socklen_t *addrlen
    ],
    result: "i32",
  },

  getpeername: {
    parameters: [
      "i32", // int sockfd
      "buffer", // struct sockaddr *addr
      "buffer", // socklen_t *addrlen
    ],
    result: "i32",
  },

  getsockopt: {
    parameters: [
      "i32", // int sockfd
      "i32", // int level
      "i32", // int optname
      "buffer", // void *optval
      "buffer", // socklen_t *optlen
    ],
    result: "i32",
  },

  setsockopt: {
    parameters: [
      "i32", // int sockfd
      "i32", // int level
      "i32", // int optname
      "buffer", // const void *optval
      "u32", // socklen_t optlen
    ],
    result: "i32",
  },

  recv: {
    parameters: [
      "i32", // int sockfd
      "buffer", // void *buf
      "u32", // size_t len
      "i32", // int flags
    ],
    result: "i32",
  },

  recvmsg: {
    parameters: [
      "i32", // int sockfd
      "buffer", // struct msghdr *msg
      "i32", // int flags
    ],
    result: "i32",
  },

  send: {
    parameters: [
      "i32", // int sockfd
      "buffer", // const void *buf
      "u32", // size_t len
      "i32", // int flags
    ],
    result: "i32",
  },

  sendmsg: {
    parameters: [
      "i32", // int sockfd
      "buffer", // const struct msghdr *msg
      "i32", // int flags
    ],
    result: "i32",
  },

  sendmmsg: {
    parameters: [
      "i32", // int sockfd
      "buffer", // struct mmsghdr *msgvec
      "u32", // unsigned int vlen
      "i32", // int flags
    ],
    result: "i32",
  },

  shutdown: {
    parameters: [
      "i32", // int sockfd
      "i32", // int how
    ],
    result: "i32",
  },

  poll: {
    parameters: [
      "buffer", // struct pollfd *fds
      "u32", // nfds_t nfds
      "i32", // int timeout
    ],
    result: "i32",
  },

  ppoll: {
    parameters: [
      "buffer", // struct pollfd *fds
      "u32", // nfds_t nfds
      "buffer", // const struct timespec *tmo_p
      "pointer", // const sigset_t *sigmask
    ],
    result: "i32",
  },

  pollAsync: {
    name: "poll",
    parameters: [
      "buffer", // struct pollfd *fds
      "u32", // nfds_t nfds
      "i32", // int timeout
    ],
    result: "i32",
    nonblocking: true,
  },

  epoll_create1: {
    parameters: [
      "i32", // int flags
    ],
    result: "i32",
  },

  epoll_wait: {
    parameters: [
      "i32", // int epfd
      "buffer", // struct epoll_event *events
      "i32", // int maxevents
      "i32", // int timeout
    ],
    result: "i32",
  },

  epoll_ctl: {
    parameters: [
      "i32", // int epfd
      "i32", // int op
      "i32", // int fd
      "buffer", // struct epoll_event *event
    ],
    result: "i32",
  },

  clock_gettime: {
    parameters: [
      "i32", // clockid_t clockid
      "buffer", // struct timespec *tp
    ],
    result: "i32",
  },

  prctl: {
    parameters: [
      "i32", // int option
      "u32", // unsigned long arg2
    ],
    result: "i32",
  },

  eventfd: {
    parameters: [
      "u32", // unsigned int initval
      "i32", // int flags
    ],
    result: "i32",
  },

  open: {
    parameters: [
      "buffer", // const char *pathname
      "i32", // int flags
    ],
    result: "i32",
  },

  openCreating: {
    name: "open",
    parameters: [
      "buffer", // const char *pathname
      "i32", // int flags
      "u32", // mode_t mode
    ],
    result: "i32",
  },

  flock: {
    parameters: [
      "i32", // int fd
      "i32", // int operation
    ],
    result: "i32",
  },

  readlink: {
    parameters: [
      "buffer", // const char *pathname
      "buffer", // char *buf
      "u32", // size_t bufsiz
    ],
    result: "i32",
  },

  read: {
    parameters: [
      "i32", // int fd
      "buffer", // void *buf
      "u32", // size_t count
    ],
    result: "i32",
  },

  write: {
    parameters: [
      "i32", // int fd
      "buffer", // const void *buf
      "u32", // size_t count
    ],
    result: "i32",
  },

  close: {
    parameters: [
      "i32", // int fd
    ],
    result: "i32",
  },

  signal: {
    parameters: [
      "i32", // int signum
      "pointer", // sighandler_t handler
    ],
    result: "pointer",
  },

  getrlimit: {
    parameters: [
      "i32", // int resource
      "buffer", // struct rlimit *rlim
    ],
    result: "i32",
  },

  ioctl: {
    parameters: [
      "i32", // int fd
      "u32", // unsigned long request
      "buffer", // void *argp
    ],
    result: "i32",
  },

  mmap: {
    parameters: [
      "pointer", // void *addr
      "usize", // size_t length
      "i32", // int prot
      "i32", // int flags
      "i32", // int fd
      "i64", // off_t offset
    ],
    result: "pointer",
  },

  munmap: {
    parameters: [
      "pointer", // void *addr
      "usize", // size_t length
    ],
    result: "i32",
  },

  memcpy: {
    parameters: [
      "usize", // void *dest
      "usize", // const void *src
      "u32", // size_t n
    ],
    result: "void",
  },

  setns: {
    parameters: [
      "i32", // int fd
      "i32", // int nstype
    ],
    result: "i32",
  },

  if_nameindex: { parameters: [], result: "pointer" },

  if_freenameindex: {
    parameters: [
      "pointer", // struct if_nameindex *ptr
    ],
    result: "void",
  },

  getenv: {
    parameters: [
      "buffer", // const char *name
    ],
    result: "pointer",
  },

  // fstat(2) is not in glibc before version 2.33.
  statx: {
    parameters: [
      "i32", // int dirfd
      "buffer", // const char *pathname
      "i32", // int flags
      "u32", // unsigned int mask
      "buffer", // struct statx *statxbuf
    ],
    result: "i32",
  },

  inet_pton: {
    parameters: [
      "i32", // int af
      "buffer", // const char *src
      "buffer", // void *dst
    ],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

function openLibc() {
  if (Deno.build.os !== "linux") {
    throw new Error(`Cannot use packet sockets on ${Deno.build.os}: only Linux has them`);
  }
  try {
    return Deno.dlopen("libc.so.6", symbols).symbols;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    throw new Error("Cannot load libc.so.6: use a Linux distribution with glibc", { cause });
  }
}

/** The functions of the C library, named as in their manual pages. */
export const libc = openLibc();
