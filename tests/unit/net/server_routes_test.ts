// Changes of the routes to a server.

import { assertEquals } from "@std/assert";
import type { Route } from "../../../ffi/mod.ts";
import { ServerRoutes } from "../../../src/net/server_routes.ts";

const ROUTE: Route = {
  isLocal: false,
  interfaceIndex: 2,
  gateway: "c0000201",
  source: "c0000202",
};
const SERVER = "198.51.100.1";

/** A system whose routes the test sets, by address. Without one of its own, an address has the default. */
class System {
  readonly routes = new Map<string, Route | undefined>();
  route: Route | undefined = ROUTE;
  up = new Set([2, 3]);
  isBroken = false;

  routeTo(address: string): Route | undefined {
    if (this.isBroken) throw new Error("Too many open files");
    return this.routes.has(address) ? this.routes.get(address) : this.route;
  }

  isUp(interfaceIndex: number): boolean {
    return this.up.has(interfaceIndex);
  }
}

Deno.test("ServerRoutes reports a change of anything that matters, once", () => {
  const system = new System();
  const routes = new ServerRoutes(system);
  routes.use(SERVER);
  assertEquals(routes.look(), { changed: false, reachable: true });
  const changes: (() => void)[] = [
    () => system.route = { ...ROUTE, gateway: "c00002fe" },
    () => system.route = { ...ROUTE, source: "c0000203" },
    () => system.route = { ...ROUTE, interfaceIndex: 3 },
    () => system.up.delete(3),
    () => system.route = undefined,
    () => system.route = ROUTE,
  ];
  for (const change of changes) {
    change();
    assertEquals([routes.look().changed, routes.look().changed], [true, false]);
  }
});

Deno.test("ServerRoutes watches the addresses that were used last", () => {
  const system = new System();
  const routes = new ServerRoutes(system);
  for (let n = 1; n <= 10; n++) routes.use(`198.51.100.${n}`);
  for (const [address, isWatched] of [["198.51.100.2", false], ["198.51.100.3", true]] as const) {
    system.routes.set(address, undefined);
    assertEquals(routes.look().changed, isWatched, address);
  }
});

Deno.test("ServerRoutes watches the default routes as long as no address is known", () => {
  const system = new System();
  system.route = undefined;
  const routes = new ServerRoutes(system);
  assertEquals(routes.look(), { changed: false, reachable: true });
  for (const address of ["2001:db8::1", "192.0.2.1"]) {
    system.routes.set(address, ROUTE);
    assertEquals(routes.look(), { changed: true, reachable: true });
  }
  routes.use(SERVER);
  assertEquals(routes.look(), { changed: false, reachable: false });
});

Deno.test("ServerRoutes needs a route by an interface that is up", () => {
  const system = new System();
  const routes = new ServerRoutes(system);
  for (const address of ["192.0.2.8", "192.0.2.9"]) routes.use(address);
  system.up.clear();
  assertEquals(routes.look().reachable, false);
  system.routes.set("192.0.2.8", undefined);
  assertEquals(routes.look().reachable, false);
  system.up.add(2);
  assertEquals(routes.look().reachable, true);
});

Deno.test("ServerRoutes takes nothing for changed when the system cannot tell", () => {
  const system = new System();
  const routes = new ServerRoutes(system);
  routes.use(SERVER);
  system.isBroken = true;
  system.route = undefined;
  assertEquals(routes.look(), { changed: false, reachable: true });
  assertEquals(routes.isOwn("192.0.2.2"), true);
  system.isBroken = false;
  assertEquals(routes.look(), { changed: true, reachable: false });
});

Deno.test("ServerRoutes.isOwn() tells this machine's addresses from others", () => {
  const system = new System();
  system.routes.set("192.0.2.2", { ...ROUTE, isLocal: true });
  const routes = new ServerRoutes(system);
  assertEquals([routes.isOwn("192.0.2.2"), routes.isOwn("192.0.2.3")], [true, false]);
});
