// The tables of flags, which define both the parsing and the help.

/** A flag. */
export interface Flag {
  /** Placeholder for the value in the help. A flag without one is a switch. */
  value?: string;
  help: string;
  /** True if the flag may be given more than once. */
  repeats?: boolean;
}

/** The flags of a subcommand by name. */
export type Flags = Record<string, Flag>;

/** Flags of every subcommand. */
export const COMMON_FLAGS: Flags = {
  help: { help: "Show this help." },
  version: { help: "Show the version." },
};

/** The flag for the path of the configuration file. */
export const CONFIG_FLAGS: Flags = {
  config: {
    value: "FILE",
    help: "Read more flags from a file with one `name value` per line. The command line\n" +
      "takes precedence. SIGHUP reads the file again.",
  },
};

/** The flags of both sides. */
export const RUNTIME_FLAGS: Flags = {
  name: {
    value: "NAME",
    help: "Name of this side, shown to the other, 1 to 64 bytes of printable UTF-8 (the\n" +
      "machine's host name, with -server behind it at a server, or a name made from the\n" +
      "interface's address if the host name is unusable).",
  },
  mac: {
    value: "own|per-host|transparent",
    help: "MAC addresses used on the link: this machine's own (default), a made-up one for\n" +
      "each station beyond the tunnel, or the stations' own. The last two make the\n" +
      "interface promiscuous.",
  },
  status: {
    value: "HOST:PORT",
    help: "Serve a page for a browser, /healthz, /api/status and /metrics on this address,\n" +
      "or on the unix socket unix:PATH. Use a loopback address unless you know who can\n" +
      "reach it.",
  },
  "status-token-file": {
    value: "FILE",
    help: "File with a token that gives the right to close sessions over --status HOST:PORT.\n" +
      "Beyond loopback, it is then needed to read the status too.",
  },
  grace: {
    value: "SECONDS",
    help: "Time to hold sessions while their tunnel is down (20; 0: close them at once).",
  },
  "state-dir": {
    value: "DIR",
    help: "Directory to keep the sessions in, so that they survive a kill and a quick\n" +
      "restart. One process at a time can use it. Created if missing.",
  },
  "idle-timeout": {
    value: "SECONDS",
    help: "Close a session after a station has been silent for this time (14400; 0: never).",
  },
  "dead-timeout": {
    value: "SECONDS",
    help: "Close a session if a station that used to answer LCP echo has left three or more\n" +
      "requests unanswered for this time and sent nothing else (180; 0: never).",
  },
  "padi-rate": {
    value: "N",
    help: "Limit for dialling per host: PADIs per second, with bursts of ten times as many.\n" +
      "PADRs have a limit of their own (100; 0: no limit).",
  },
  "ring-frames": {
    value: "N",
    help: "Number of data frames that can wait to be read from the interface, a power of two\n" +
      "(4096). Each takes 2 KiB of memory, or more if the MTU is larger.",
  },
  "queue-kib": {
    value: "N",
    help: "KiB of data that can wait for a tunnel that is slower than the link (256).",
  },
  "batch-kib": { value: "N", help: "KiB of data given to a tunnel's socket at once (64)." },
  congestion: {
    value: "NAME",
    help: "TCP congestion control of the tunnel, or `system` for the system's default (bbr,\n" +
      "or the system's default with a warning if bbr is not available).",
  },
  "key-file": {
    value: "FILE",
    help: "Keys made by keygen: the one of this client, or those of the server's clients.\n" +
      "Encrypts every tunnel, and lets in no peer without its key. SIGHUP reads it again.",
  },
  capture: {
    value: "FILE",
    help:
      "Record frames at both sides of the relay in a pcapng file, which Wireshark opens, with\n" +
      "owner, direction and drop reason as comments. Earlier ones are kept in FILE.1.",
  },
  "capture-frames": {
    value: "WHICH",
    help: "Frames to record: discovery, control frames (discovery, LCP, authentication and\n" +
      "the like), or all (control).",
  },
  "capture-size": {
    value: "MIB",
    help: "Maximum size of a capture's two files together, in MiB (64).",
  },
  "capture-secrets": {
    help: "Record passwords and the like too. Without it they are overwritten with zeros.",
  },
  "capture-dir": {
    value: "DIR",
    help: "Directory for captures that are begun at run time (that of --capture, otherwise\n" +
      "--state-dir, otherwise that of the local socket).",
  },
  legacy: { help: "The peer is an older pppoeproxy: frame types 0 to 3, no handshake." },
  "log-level": { value: "debug|info|warning|error", help: "Minimum level of the log (info)." },
  "log-format": { value: "text|json", help: "Format of the log on standard error (text)." },
};

/** The flags of the subcommand `client`. */
export const CLIENT_FLAGS: Flags = {
  interface: { value: "IF", help: "Ethernet interface towards the PPPoE hosts." },
  connect: {
    value: "HOST:PORT",
    help: "Address of the server: a name, an IPv4 or a bracketed IPv6 address. Several\n" +
      "servers, separated by commas or in repeated flags, are tried in turn.",
    repeats: true,
  },
  "prefer-first": {
    help: "Return to the first server once it works again. This closes the sessions\n" +
      "through another server; the hosts dial again through the first one.",
  },
  ...RUNTIME_FLAGS,
  ...CONFIG_FLAGS,
};

/** The flags of the subcommand `server`. */
export const SERVER_FLAGS: Flags = {
  interface: { value: "IF", help: "Ethernet interface towards the access concentrator." },
  listen: { value: "HOST:PORT", help: "Address to listen on for clients." },
  allow: {
    value: "CIDR",
    help: "Addresses and networks that may connect, separated by commas or in repeated\n" +
      "flags (127.0.0.0/8,::1; with --key-file, all). Nothing is read from others.",
    repeats: true,
  },
  "proxy-protocol": {
    value: "CIDR",
    help: "Addresses and networks of proxies, such as HAProxy, that send the client's address\n" +
      "first, in a PROXY header of version 2, to which --allow then applies (none).",
    repeats: true,
  },
  "max-clients": {
    value: "N",
    help: "Maximum number of clients (256). A client with held sessions can always return.",
  },
  "max-clients-per-address": {
    value: "N",
    help: "Maximum number of clients from one IP address, or one IPv6 /64 (a quarter of\n" +
      "--max-clients). A client with held sessions can always return.",
  },
  "max-sessions": { value: "N", help: "Maximum number of sessions per client (16384)." },
  "host-uniq": {
    value: "VALUE",
    help: "Host-Uniq sent to the AC, for an ISP that requires a certain one: text, or 0x\n" +
      "and hexadecimal. A Relay-Session-Id is added to tell the answers apart.",
  },
  "no-relay-tag": {
    help: "With --host-uniq: do not add a Relay-Session-Id, for an AC that cannot cope with\n" +
      "it. Hosts can then dial only one at a time.",
  },
  "circuit-id": {
    value: "TEMPLATE",
    help: "Agent circuit id (TR-101) sent to the AC. {client} stands for the client's name,\n" +
      "{host} for the host's address, {interface} for the name of this interface.",
  },
  "remote-id": { value: "TEMPLATE", help: "Agent remote id, with the same placeholders." },
  "padi-rate-client": {
    value: "N",
    help: "Limit for dialling per client: PADIs per second, with bursts of twice as many.\n" +
      "PADRs have a limit of their own (2500; 0: no limit).",
  },
  ...RUNTIME_FLAGS,
  ...CONFIG_FLAGS,
};

/** The flags of the subcommand `keygen`. */
export const KEYGEN_FLAGS: Flags = {
  dir: {
    value: "DIR",
    help: "Directory of the two files (the current one). Created if missing, for this user only.",
  },
  rotate: {
    help: "Make a second key for a client that has one, in NAME.2.key. Both are valid until\n" +
      "the old line is removed from server.keys.",
  },
};

/** The flags by which the subcommand `status` finds a side, also for its orders. */
export const STATUS_ACCESS_FLAGS: Flags = {
  socket: {
    value: "PATH",
    help: "Ask only the side with this unix socket, instead of all that run here.",
  },
  url: {
    value: "http://HOST:PORT",
    help: "Ask only the side that serves its status there (--status HOST:PORT).",
  },
  "token-file": {
    value: "FILE",
    help: "File with the token of that side (--status-token-file); a unix socket needs none.",
  },
};

/** The flags of the subcommand `status`. */
export const STATUS_FLAGS: Flags = {
  watch: {
    help: "Show everything again each second, with the rates of that second, until Ctrl-C.",
  },
  json: {
    help: "Print one JSON document with the status of each side; with --watch, one a second.",
  },
  all: { help: "List all sessions, clients and keys, and not only the first 20 of each." },
  ...STATUS_ACCESS_FLAGS,
};

/** The flags of `status close`. */
export const CLOSE_FLAGS: Flags = {
  host: { value: "MAC", help: "Address of the session's host, if several sessions have the id." },
  ac: { value: "MAC", help: "Address of the session's AC, if several sessions have the id." },
  tunnel: { value: "NAME", help: "Name of the peer, if several sessions have the id." },
  ...STATUS_ACCESS_FLAGS,
};

/** The flags of `status padt`. */
export const PADT_FLAGS: Flags = {
  ac: { value: "MAC", help: "Address of the AC that has the session." },
  host: {
    value: "MAC",
    help: "Address by which the AC knows the host (that of the server's interface).",
  },
  ...STATUS_ACCESS_FLAGS,
};

/** The flags of `status capture`. */
export const CAPTURE_FLAGS: Flags = {
  file: {
    value: "FILE",
    help: "Name of the file in the side's directory for captures (one made from the time).",
  },
  frames: { value: "discovery|control|all", help: "Frames to record (control)." },
  "size-mib": { value: "N", help: "Maximum size of both files together, in MiB (64)." },
  ...STATUS_ACCESS_FLAGS,
};

/** The flags of the subcommand `discover`. */
export const DISCOVER_FLAGS: Flags = {
  interface: { value: "IF", help: "Ethernet interface towards the ACs." },
  service: { value: "NAME", help: "Ask only for this service (any)." },
  wait: { value: "SECONDS", help: "Time to wait for answers, 1 to 10 (3). It asks three times." },
  through: {
    help: "Ask through the tunnel of the client that runs here, or of the one on --interface.",
  },
  json: { help: "Print a JSON array with the ACs." },
};

/** The flags of the subcommand `demo`. */
export const DEMO_FLAGS: Flags = {
  json: { help: "Print only one JSON object with the result." },
  keep: { help: "Keep everything running until Ctrl-C, to try things out." },
  sessions: { value: "N", help: "Number of PPPoE sessions to open (3)." },
  frames: { value: "N", help: "Number of data frames per session in each direction (500)." },
  "log-level": {
    value: "debug|info|warning|error",
    help: "Minimum level of the log of server and client on standard error (warning).",
  },
};
