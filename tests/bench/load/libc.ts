// The libc symbols that only the bench needs: to sleep exactly, and to be preferred to what it measures.

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

/** The C library's functions, named and typed as in their manual pages. */
export const libc = Deno.dlopen("libc.so.6", symbols).symbols;
