// The help texts. They need nothing of what the subcommands need, such as Linux or Deno's permissions.

import { VERSION } from "../version.ts";
import {
  CAPTURE_FLAGS,
  CLIENT_FLAGS,
  CLOSE_FLAGS,
  DEMO_FLAGS,
  DISCOVER_FLAGS,
  type Flags,
  KEYGEN_FLAGS,
  PADT_FLAGS,
  SERVER_FLAGS,
  STATUS_ACCESS_FLAGS,
  STATUS_FLAGS,
} from "./flags.ts";
import { describeFlags } from "./options.ts";

/** The names of the subcommands. */
export const SUBCOMMANDS: readonly string[] = [
  "server",
  "client",
  "status",
  "discover",
  "keygen",
  "demo",
];

/** The part of the help about signals. */
const SIGNALS_HELP = `Signals:
  SIGTERM, SIGINT  close all sessions and stop; a second one stops at once
  SIGUSR2          stop, but leave the sessions to the next run
  SIGHUP           read the files of --config and --key-file again; without a file, and at the end
                   of the terminal, the same as SIGTERM (unless ignored, as under nohup)`;

/** Returns the help of the program with all subcommands, for the name by which it was called. */
export function programHelp(name: string): string {
  return `${name} ${VERSION}: carries PPPoE across an IP network

Usage: ${name} SUBCOMMAND [flags]

  server   run beside the access concentrator and accept tunnels from clients
  client   run beside the PPPoE hosts and keep a tunnel to the server
  status   show what runs on this machine, its problems and its sessions
  discover list the access concentrators that answer on an interface
  keygen   make the key by which a client and the server encrypt their tunnel
  demo     show both at work in network namespaces of this machine

  --help     show this help, or that of a subcommand
  --version  show the version

Quick start, on two machines:
  ${name} keygen osaka         # then bring osaka.key to the client
  ${name} server --interface eth1 --listen 0.0.0.0:8000 --key-file server.keys
  ${name} client --interface eth1 --connect 192.0.2.1:8000 --key-file osaka.key
  ${name} status --watch       # on either

In a network that you trust, without encryption:
  ${name} server --interface eth1 --listen 0.0.0.0:8000 --allow 198.51.100.7
  ${name} client --interface eth1 --connect 192.0.2.1:8000
`;
}

/**
 * Returns the help of a subcommand.
 *
 * @param subcommand The name of the subcommand
 * @param command The words that run it, such as `pppoe-proxy server`
 * @returns The help; undefined if there is no such subcommand
 */
export function subcommandHelp(subcommand: string, command: string): string | undefined {
  switch (subcommand) {
    case "server":
      return serverHelp(command);
    case "client":
      return clientHelp(command);
    case "status":
      return statusHelp(command);
    case "discover":
      return discoverHelp(command);
    case "keygen":
      return keygenHelp(command);
    case "demo":
      return demoHelp(command);
  }
  return undefined;
}

function serverHelp(command: string): string {
  return `Usage: ${command} --interface IF --listen HOST:PORT [flags]

Runs beside the access concentrator and accepts tunnels from clients.

${describeFlags(SERVER_FLAGS)}

Examples:
  ${command} --interface eth1 --listen 0.0.0.0:8000 --key-file server.keys
  ${command} --interface eth1 --listen 0.0.0.0:8000 --allow 198.51.100.7
  ${command} --interface eth1 --listen '[::]:8000' --allow 10.0.0.0/8,2001:db8::/32 \\
      --status 127.0.0.1:9000 --log-format json

${SIGNALS_HELP}

Exit status: 0 when stopped by a signal, 1 after a failure, 2 if the command line or the configuration
is wrong.
`;
}

function clientHelp(command: string): string {
  return `Usage: ${command} --interface IF --connect HOST:PORT [flags]

Runs beside the PPPoE hosts and keeps a tunnel to the server.

${describeFlags(CLIENT_FLAGS)}

Examples:
  ${command} --interface eth1 --connect vpn.example:8000 --key-file osaka.key
  ${command} --interface eth1 --connect vpn.example:8000
  ${command} --interface eth1 --connect '[2001:db8::1]:8000' --status 127.0.0.1:9000
  ${command} --interface eth1 --connect a.example:8000,b.example:8000 --prefer-first

${SIGNALS_HELP}

Exit status: 0 when stopped by a signal, 1 after a failure, 2 if the command line or the configuration
is wrong.
`;
}

function statusHelp(command: string): string {
  return `Usage: ${command} [INTERFACE] [flags]
       ${command} close ID [INTERFACE] [flags]
       ${command} padt ID --ac MAC [INTERFACE] [flags]
       ${command} capture start|stop|show [INTERFACE] [flags]

Shows the sides that run on this machine, in this network namespace: their problems, with advice,
then each side with its tunnels, rates, drops and sessions. Finds them by itself. Run it as root, or
as the user of the sides.

${describeFlags(STATUS_FLAGS)}

close ends a session, such as 0x0011, with a PADT to its host and its AC. Its flags:
${describeFlags(ownFlags(CLOSE_FLAGS), {})}

padt has the server end a session that only the AC still has, with a PADT to the AC. Its flags:
${describeFlags(ownFlags(PADT_FLAGS), {})}

capture has a side record frames in a pcapng file, without passwords. Flags of capture start:
${describeFlags(ownFlags(CAPTURE_FLAGS), {})}

Examples:
  ${command}
  ${command} eth1 --watch
  ${command} --json
  ${command} close 0x0011
  ${command} capture start eth1 --frames all
  ${command} --url http://192.0.2.1:9000 --token-file token

Exit status: 0 if every side does its job, 1 if one does not, cannot be asked, or none runs; with
--watch, 0 when stopped by a signal; for close, padt and capture, 0 if it was done, 1 if not. 2 if the
command line is wrong.
`;
}

/** Returns the flags of an order without those that it shares with the others. */
function ownFlags(flags: Flags): Flags {
  const own = Object.entries(flags).filter(([name]) => !Object.hasOwn(STATUS_ACCESS_FLAGS, name));
  return Object.fromEntries(own);
}

function discoverHelp(command: string): string {
  return `Usage: ${command} --interface IF [flags]
       ${command} --through [--interface IF] [flags]

Asks which access concentrators (ACs) are on an interface, and lists those that answer: name, MAC
address, time to the answer and services, and on a second line the tags of the answer, such as a
cookie. Opens no session, and disturbs no program on that interface. Needs CAP_NET_RAW; with
--through, run it as root, or as the user of the client.

${describeFlags(DISCOVER_FLAGS)}

Examples:
  ${command} --interface eth1
  ${command} --interface eth1 --service internet --wait 5
  ${command} --through --json

Exit status: 0 if an AC offers a session, 1 if none does, or the interface is down, 2 if the command
line is wrong.
`;
}

function keygenHelp(command: string): string {
  return `Usage: ${command} NAME [flags]

Makes a random key for the client NAME: writes it to NAME.key, for the client, and adds a line to
server.keys, for the server. Only this user can read the files, and nothing is overwritten. Prints
the two command lines that use them. Needs no root.

${describeFlags(KEYGEN_FLAGS)}

Examples:
  ${command} osaka
  ${command} osaka --dir /etc/pppoe-proxy
  ${command} osaka --dir /etc/pppoe-proxy --rotate

A line of server.keys may go on with limits for its client:
  allow=CIDR,...  addresses that it may connect from, if --allow has them too
  sessions=N      maximum number of its sessions
  up=RATE         maximum rate from its hosts to the AC in bits per second, such as 20M or 500k
  down=RATE       maximum rate from the AC to its hosts

Exit status: 0 if the key was made, 2 if not; then nothing was changed.
`;
}

function demoHelp(command: string): string {
  return `Usage: ${command} [flags]

Shows a server and a client at work on this machine alone: makes network namespaces for a PPPoE
host, the client, the server and an access concentrator (AC), opens sessions from the host to the AC
through the tunnel, sends data in both directions and checks every byte. Needs root, and ip from
iproute2. Changes nothing outside these namespaces, and removes them at the end.

${describeFlags(DEMO_FLAGS)}

Examples:
  ${command}
  ${command} --keep
  ${command} --json --sessions 20 --frames 2000

Exit status: 0 if every session opened and every byte came back unchanged, 1 if not, 2 if the command
line is wrong.
`;
}
