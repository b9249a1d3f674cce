// pppoe-proxy with pre-shared keys from the environment: KEYS has those of a server, or the one of a client,
// as JSON.

import { Client, type ClientOptions } from "../../src/client/client.ts";
import { Server, type ServerOptions } from "../../src/server/server.ts";
import { keyOf, keysOf, type WrittenKey } from "./keys.ts";

const written: WrittenKey[] = JSON.parse(Deno.env.get("KEYS")!);
const startServer = Server.start;
const startClient = Client.start;
Server.start = (options: ServerOptions) =>
  startServer.call(Server, { ...options, keys: keysOf(written) });
Client.start = (options: ClientOptions) =>
  startClient.call(Client, { ...options, key: () => keyOf(written[0]) });

await import("../../main.ts");
