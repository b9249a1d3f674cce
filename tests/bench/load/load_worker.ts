/// <reference lib="deno.worker" />
// The worker at one end of the line, with sockets in that end's namespace.

import { inNamespace } from "../../../ffi/netns.ts";
import { type InterfaceInfo, readInterface } from "../../../ffi/interface.ts";
import { libc } from "../../../ffi/libc.ts";
import { makeThreadPunctual } from "./clock.ts";
import { Answerer, Dialler, DiscoverySocket } from "./discovery.ts";
import type { Command, Reply } from "./messages.ts";
import { openSocket } from "./packet.ts";
import { Sessions } from "./sessions.ts";
import { Shared } from "./shared.ts";
import { Sink } from "./sink.ts";
import { type End, runTrial } from "./trial.ts";

interface Attached {
  namespace: string;
  info: InterfaceInfo;
  shared: Shared;
  end: End;
  dialler: Dialler;
  answerer: Answerer;
}

let attached: Attached | undefined;

makeThreadPunctual();
self.onmessage = ({ data }: MessageEvent<Command>) => {
  let reply: Reply;
  try {
    reply = { result: run(data) };
  } catch (error) {
    reply = { error: (error as Error).stack ?? String(error) };
  }
  self.postMessage(reply);
};

function run(command: Command): unknown {
  if (command.type === "attach") return attach(command);
  if (attached === undefined) throw new Error(`Cannot ${command.type}: not attached`);
  const { shared, end } = attached;
  const { dialler, answerer } = attached;
  switch (command.type) {
    case "open": {
      const { count, rate, patienceMs } = command;
      return withSocket(attached, (socket) => dialler.open(socket, count, rate, patienceMs));
    }
    case "answer":
      return withSocket(attached, (socket) => answerer.serve(socket, shared));
    case "trial":
      try {
        return runTrial(end, shared, command.order);
      } catch (error) {
        // Report the end, because the other end would wait for it forever.
        shared.end(end.number, { sec: 0, nsec: 0, data: 0, control: 0 });
        throw error;
      }
    case "detach":
      attached = undefined;
      end.data.close();
      end.control.close();
      libc.close(end.fd);
  }
}

function attach(command: Command & { type: "attach" }): void {
  const { namespace, shared } = command;
  attached = inNamespace(namespace, () => {
    const info = readInterface(command.interface);
    if (!info) throw new Error(`Cannot attach to ${command.interface}: No such device`);
    const sessions = new Sessions(info.mac.slice());
    const end = {
      number: command.end,
      fd: openSocket(info, 0),
      sessions,
      data: new Sink(info, "data", sessions),
      control: new Sink(info, "control", sessions),
    };
    return {
      namespace,
      info,
      shared: new Shared(shared),
      end,
      dialler: new Dialler(sessions),
      answerer: new Answerer(sessions),
    };
  });
}

/** Opens a discovery socket only while it is needed, because every socket slows down each frame a bit. */
function withSocket<T>({ namespace, info }: Attached, f: (socket: DiscoverySocket) => T): T {
  const socket = inNamespace(namespace, () => new DiscoverySocket(info));
  try {
    return f(socket);
  } finally {
    socket.close();
  }
}
