// Functions of libc that only the benchmark needs, to sleep exactly and to raise its priority.

const symbols = {
  clock_nanosleep: {
    parameters: [
      "i32", // clockid_t clockid
      "i32", // int flags
      "buffer", // const struct timespec *t
      "pointer", // struct timespec *remain
    ],
    result: "i32",
  },

  setpriority: {
    parameters: [
      "i32", // int which
      "u32", // id_t who
      "i32", // int prio
    ],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of the C library, named as in their manual pages. */
export const libc = Deno.dlopen("libc.so.6", symbols).symbols;
