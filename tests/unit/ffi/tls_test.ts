import { assertEquals } from "@std/assert";
import { openssl, settingsHaveAes, TLS, TlsContext } from "../../../ffi/mod.ts";
import { tlsConnections } from "../../support/tls_pair.ts";

// The library stays loaded.
openssl();

Deno.test("settingsHaveAes() reads OpenSSL's settings for the processor", () => {
  for (
    const [settings, fast] of [
      ["OPENSSL_ia32cap=0x7ffaf3ffffebffff:0x18405f5ef1bf07ab", true],
      // Bit 57 is off.
      ["OPENSSL_ia32cap=0x7cfaf3ffffebffff:0x18405f5ef1bf07ab", false],
      ["OPENSSL_ia32cap=0xfdfaf3ffffebffff:0x0 env:~0x200000200000000", false],
      ["OPENSSL_armcap=0x7d", true],
      ["OPENSSL_armcap=0x1", false],
      ["N/A", true],
    ] as const
  ) assertEquals(settingsHaveAes(settings), fast, settings);
});

Deno.test("TlsConnection.handshake() fails once its context is gone, without a call into it", () => {
  const context = new TlsContext("client");
  const connection = context.open({ id: "00", secret: new Uint8Array(32) });
  context[Symbol.dispose]();
  context[Symbol.dispose]();
  assertEquals(connection.handshake(), TLS.BROKEN);
  connection.free();
  connection.free();
});

Deno.test("TlsContext agrees on a cipher of both, and on the key", () => {
  const { client, server } = tlsConnections();
  assertEquals([client.isProved, server.isProved], [true, true]);
  assertEquals(client.cipher, server.cipher);
  for (const connection of [client, server]) connection.free();
});

Deno.test("openssl() names the package if the library is missing", async () => {
  const program = `
    const open = Deno.dlopen;
    Deno.dlopen = (name, symbols) => open(name.replace("libssl.so.3", "libmissing.so"), symbols);
    const { openssl } = await import(${
    JSON.stringify(new URL("../../../ffi/mod.ts", import.meta.url).href)
  });
    try { openssl(); } catch (error) { console.log(error.message); }
  `;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=js", program],
    stderr: "inherit",
  }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(text.split("\n").length, 2, text);
  assertEquals(
    text.startsWith("Cannot load libssl.so.3, which keys need: install OpenSSL 3"),
    true,
  );
});
