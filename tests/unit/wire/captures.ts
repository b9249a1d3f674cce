// Frames as bytes: captured between pppoe 3.15 and ppp 2.4.9 (Debian 12) on a veth pair, or printed
// in an RFC.

/** Parses hexadecimal digits, ignoring white space. */
export function hex(digits: string): Uint8Array<ArrayBuffer> {
  const pairs = digits.replace(/\s/g, "").match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
}

/** The PADI of RFC 2516, appendix B, with the host's address filled in. */
export const RFC_PADI = hex(`
  ffffffffffff 00163e112233 8863
  11 09 0000 0004
  0101 0000
`);

/** The PADO of RFC 2516, appendix B, with the addresses filled in. */
export const RFC_PADO = hex(`
  00163e112233 00163eaabbcc 8863
  11 07 0000 0020
  0101 0000
  0102 0018 476f2052 65644261 636b202d 20657368 73686573 686f6f74
`);

/** A captured PADI of pppd's pppoe-discovery, whose Host-Uniq is its process id. */
export const PPPD_PADI = hex(`
  ffffffffffff 00163e112233 8863
  11 09 0000 000c
  0101 0000
  0103 0004 31570000
`);

/** The captured answer of pppoe-server to {@linkcode PPPD_PADI}. */
export const PADO = hex(`
  00163e112233 00163eaabbcc 8863
  11 07 0000 0035
  0102 0005 6272617331
  0101 0008 696e7465726e6574
  0104 0014 a03deaf78d2a99dfc9533c9cfcc70a9cb3540000
  0103 0004 31570000
`);

/** A captured PADR of pppoe. */
export const PADR = hex(`
  00163eaabbcc 00163e112233 8863
  11 19 0000 002c
  0101 0008 696e7465726e6574
  0103 0004 35386163
  0104 0014 a03deaf78d2a99dfc9533c9cfcc70a9cb3540000
`);

/** A captured PADS of pppoe-server. */
export const PADS = hex(`
  00163e112233 00163eaabbcc 8863
  11 65 0001 0014
  0101 0008 696e7465726e6574
  0103 0004 35386163
`);

/** A captured PADT of pppoe-server. */
export const PADT = hex(`
  00163e112233 00163eaabbcc 8863
  11 a7 0001 002b
  0203 0027 52502d5050506f453a204368696c6420707070642070726f63657373207465726d696e61746564
`);

/** An LCP Echo-Request as pppd sends it, padded by Ethernet to 60 bytes. */
export const ECHO_REQUEST = hex(`
  00163eaabbcc 00163e112233 8864
  11 00 0001 000a
  c021 09 01 0008 5d1cb7e2
  000000000000000000000000000000000000000000000000000000000000
`);

/** The start of an IPv4 packet of 20 bytes, padded by Ethernet to 60. */
export const IPV4 = hex(`
  00163eaabbcc 00163e112233 8864
  11 00 0001 0016
  0021 4500001400004000400126e70a0000020a000001
  000000000000000000000000000000000000
`);

/** All frames above, by name. */
export const FRAMES: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  RFC_PADI,
  RFC_PADO,
  PPPD_PADI,
  PADO,
  PADR,
  PADS,
  PADT,
  ECHO_REQUEST,
  IPV4,
};
