// The two sides of a tunnel.

/** The side that a program is on: a server's link leads to the ACs, a client's to the hosts. */
export type Side = "server" | "client";
