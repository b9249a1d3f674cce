// pppoe-proxy with pre-shared keys from the environment, as JSON: KEYS has those of a server, and KEY the one
// of a client.

import { Client, type ClientOptions } from "../../src/client/client.ts";
import { Server, type ServerOptions } from "../../src/server/server.ts";
import { keyOf, keysOf } from "./keys.ts";

const startServer = Server.start;
const startClient = Client.start;
Server.start = (options: ServerOptions) =>
  startServer.call(Server, { ...options, keys: keysOf(JSON.parse(Deno.env.get("KEYS")!)) });
Client.start = (options: ClientOptions) =>
  startClient.call(Client, { ...options, key: () => keyOf(JSON.parse(Deno.env.get("KEY")!)) });

await import("../../main.ts");
