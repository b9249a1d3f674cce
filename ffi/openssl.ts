// The functions of OpenSSL that the program uses. They are loaded by the first use, so that a tunnel without
// keys needs no OpenSSL.
//
// Sizes and results are declared as in libc.ts. An address that is passed as a "usize" may be a number, which
// takes a slower call than a BigInt, but no allocation. Errors are kept in a queue for each thread, which must
// be empty before a call whose result `SSL_get_error` explains.

const ssl = {
  TLS_client_method: { parameters: [], result: "pointer" },
  TLS_server_method: { parameters: [], result: "pointer" },

  SSL_CTX_new: {
    parameters: [
      "pointer", // const SSL_METHOD *method
    ],
    result: "pointer",
  },

  SSL_CTX_free: {
    parameters: [
      "pointer", // SSL_CTX *ctx
    ],
    result: "void",
  },

  SSL_CTX_ctrl: {
    parameters: [
      "pointer", // SSL_CTX *ctx
      "i32", // int cmd
      "i64", // long larg
      "buffer", // void *parg
    ],
    result: "i32",
  },

  SSL_CTX_set_options: {
    parameters: [
      "pointer", // SSL_CTX *ctx
      "u64", // uint64_t options
    ],
    result: "void",
  },

  SSL_CTX_set_ciphersuites: {
    parameters: [
      "pointer", // SSL_CTX *ctx
      "buffer", // const char *str
    ],
    result: "i32",
  },

  SSL_CTX_set_num_tickets: {
    parameters: [
      "pointer", // SSL_CTX *ctx
      "usize", // size_t num_tickets
    ],
    result: "i32",
  },

  SSL_CTX_set_verify: {
    parameters: [
      "pointer", // SSL_CTX *ctx
      "i32", // int mode
      "pointer", // SSL_verify_cb verify_callback
    ],
    result: "void",
  },

  SSL_CTX_set_psk_use_session_callback: {
    parameters: [
      "pointer", // SSL_CTX *ctx
      "function", // SSL_psk_use_session_cb_func cb
    ],
    result: "void",
  },

  SSL_CTX_set_psk_find_session_callback: {
    parameters: [
      "pointer", // SSL_CTX *ctx
      "function", // SSL_psk_find_session_cb_func cb
    ],
    result: "void",
  },

  SSL_new: {
    parameters: [
      "pointer", // SSL_CTX *ctx
    ],
    result: "pointer",
  },

  SSL_free: {
    parameters: [
      "pointer", // SSL *ssl
    ],
    result: "void",
  },

  SSL_set_bio: {
    parameters: [
      "pointer", // SSL *ssl
      "pointer", // BIO *rbio
      "pointer", // BIO *wbio
    ],
    result: "void",
  },

  SSL_set0_rbio: {
    parameters: [
      "pointer", // SSL *s
      "pointer", // BIO *rbio
    ],
    result: "void",
  },

  SSL_set0_wbio: {
    parameters: [
      "pointer", // SSL *s
      "pointer", // BIO *wbio
    ],
    result: "void",
  },

  SSL_set_options: {
    parameters: [
      "pointer", // SSL *ssl
      "u64", // uint64_t options
    ],
    result: "void",
  },

  SSL_get_rbio: {
    parameters: [
      "pointer", // const SSL *ssl
    ],
    result: "pointer",
  },

  SSL_get_wbio: {
    parameters: [
      "pointer", // const SSL *ssl
    ],
    result: "pointer",
  },

  SSL_set_connect_state: {
    parameters: [
      "pointer", // SSL *ssl
    ],
    result: "void",
  },

  SSL_set_accept_state: {
    parameters: [
      "pointer", // SSL *ssl
    ],
    result: "void",
  },

  SSL_do_handshake: {
    parameters: [
      "pointer", // SSL *ssl
    ],
    result: "i32",
  },

  SSL_get_error: {
    parameters: [
      "pointer", // const SSL *ssl
      "i32", // int ret
    ],
    result: "i32",
  },

  SSL_session_reused: {
    parameters: [
      "pointer", // const SSL *ssl
    ],
    result: "i32",
  },

  SSL_get_current_cipher: {
    parameters: [
      "pointer", // const SSL *ssl
    ],
    result: "pointer",
  },

  SSL_CIPHER_get_name: {
    parameters: [
      "pointer", // const SSL_CIPHER *cipher
    ],
    result: "pointer",
  },

  SSL_CIPHER_find: {
    parameters: [
      "pointer", // SSL *ssl
      "buffer", // const unsigned char *ptr
    ],
    result: "pointer",
  },

  SSL_SESSION_new: { parameters: [], result: "pointer" },

  SSL_SESSION_set1_master_key: {
    parameters: [
      "pointer", // SSL_SESSION *sess
      "buffer", // const unsigned char *in
      "usize", // size_t len
    ],
    result: "i32",
  },

  SSL_SESSION_set_cipher: {
    parameters: [
      "pointer", // SSL_SESSION *s
      "pointer", // const SSL_CIPHER *cipher
    ],
    result: "i32",
  },

  SSL_SESSION_set_protocol_version: {
    parameters: [
      "pointer", // SSL_SESSION *s
      "i32", // int version
    ],
    result: "i32",
  },

  SSL_read: {
    parameters: [
      "pointer", // SSL *ssl
      "usize", // void *buf
      "i32", // int num
    ],
    result: "i32",
  },

  SSL_write: {
    parameters: [
      "pointer", // SSL *ssl
      "usize", // const void *buf
      "i32", // int num
    ],
    result: "i32",
  },

  SSL_key_update: {
    parameters: [
      "pointer", // SSL *s
      "i32", // int updatetype
    ],
    result: "i32",
  },

  SSL_shutdown: {
    parameters: [
      "pointer", // SSL *ssl
    ],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

const crypto = {
  BIO_s_mem: { parameters: [], result: "pointer" },

  BIO_new: {
    parameters: [
      "pointer", // const BIO_METHOD *type
    ],
    result: "pointer",
  },

  BIO_new_bio_pair: {
    parameters: [
      "buffer", // BIO **bio1
      "usize", // size_t writebuf1
      "buffer", // BIO **bio2
      "usize", // size_t writebuf2
    ],
    result: "i32",
  },

  BIO_new_socket: {
    parameters: [
      "i32", // int sock
      "i32", // int close_flag
    ],
    result: "pointer",
  },

  BIO_up_ref: {
    parameters: [
      "pointer", // BIO *a
    ],
    result: "i32",
  },

  BIO_free: {
    parameters: [
      "pointer", // BIO *a
    ],
    result: "i32",
  },

  BIO_ctrl: {
    parameters: [
      "pointer", // BIO *bp
      "i32", // int cmd
      "i64", // long larg
      "pointer", // void *parg
    ],
    result: "i32",
  },

  BIO_set_mem_buf: {
    name: "BIO_ctrl",
    parameters: [
      "pointer", // BIO *b
      "i32", // BIO_C_SET_BUF_MEM
      "u32", // long c
      "pointer", // BUF_MEM *bm
    ],
    result: "i32",
  },

  BIO_nread: {
    parameters: [
      "pointer", // BIO *bio
      "buffer", // char **buf
      "i32", // int num
    ],
    result: "i32",
  },

  BIO_read: {
    parameters: [
      "pointer", // BIO *b
      "buffer", // void *data
      "i32", // int dlen
    ],
    result: "i32",
  },

  BIO_write: {
    parameters: [
      "pointer", // BIO *b
      "buffer", // const void *data
      "i32", // int dlen
    ],
    result: "i32",
  },

  BIO_ctrl_pending: {
    parameters: [
      "pointer", // BIO *b
    ],
    result: "i32",
  },

  ERR_clear_error: { parameters: [], result: "void" },

  ERR_get_error: { parameters: [], result: "u32" },

  ERR_reason_error_string: {
    parameters: [
      "usize", // unsigned long e
    ],
    result: "pointer",
  },

  OPENSSL_info: {
    parameters: [
      "i32", // int type
    ],
    result: "pointer",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of libssl and libcrypto, named as in their manual pages. */
export type OpenSsl =
  & Deno.StaticForeignLibraryInterface<typeof ssl>
  & Deno.StaticForeignLibraryInterface<typeof crypto>;

let loaded: OpenSsl | undefined;

/**
 * Loads OpenSSL, once.
 *
 * @returns Its functions
 * @throws {Error} If this machine does not have it
 */
export function openssl(): OpenSsl {
  return loaded ??= load();
}

function load(): OpenSsl {
  try {
    return {
      ...Deno.dlopen("libssl.so.3", ssl).symbols,
      ...Deno.dlopen("libcrypto.so.3", crypto).symbols,
    };
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    const message =
      "Cannot load libssl.so.3, which keys need: install OpenSSL 3 (the package libssl3 or " +
      "libssl3t64 on Debian and Ubuntu, openssl-libs on Fedora and RHEL, libopenssl3 on openSUSE)";
    throw new Error(message, { cause });
  }
}
