// Changes of the way to a server.

import { assertEquals } from "@std/assert";
import type { Route } from "../../../ffi/mod.ts";
import { Way } from "../../../src/net/way.ts";

const ROUTE: Route = {
  isLocal: false,
  interfaceIndex: 2,
  gateway: "c0000201",
  source: "c0000202",
  isUp: true,
};

Deno.test("Way reports a change of anything that matters, once", () => {
  let route: Route | undefined = ROUTE;
  const way = new Way(() => route);
  way.use("198.51.100.1");
  assertEquals(way.look(), { changed: false, reachable: true });
  const changes: (Route | undefined)[] = [
    { ...ROUTE, gateway: "c00002fe" },
    { ...ROUTE, source: "c0000203" },
    { ...ROUTE, interfaceIndex: 3 },
    { ...ROUTE, isUp: false },
    undefined,
    ROUTE,
  ];
  for (const change of changes) {
    route = change;
    assertEquals([way.look().changed, way.look().changed], [true, false]);
  }
});

Deno.test("Way knows the routes of the addresses that were used last", () => {
  const routes = new Map<string, Route>();
  const way = new Way((address) => routes.get(address));
  for (let n = 1; n <= 10; n++) way.use(`198.51.100.${n}`);
  for (const [address, isWatched] of [["198.51.100.2", false], ["198.51.100.3", true]] as const) {
    routes.set(address, ROUTE);
    assertEquals(way.look().changed, isWatched, address);
  }
});

Deno.test("Way watches the default routes as long as no address is known", () => {
  const routes = new Map([["192.0.2.1", ROUTE]]);
  const way = new Way((address) => routes.get(address));
  assertEquals(way.look(), { changed: false, reachable: true });
  for (const address of ["2001:db8::1", "192.0.2.1"]) {
    routes.set(address, { ...ROUTE, gateway: "c00002fe" });
    assertEquals(way.look(), { changed: true, reachable: true });
  }
  way.use("198.51.100.1");
  routes.clear();
  assertEquals(way.look(), { changed: false, reachable: false });
});

Deno.test("Way needs a route on an interface that is up", () => {
  let routes: (Route | undefined)[] = [];
  const way = new Way((address) => routes[Number(address)]);
  for (const address of ["0", "1"]) way.use(address);
  const down = { ...ROUTE, isUp: false };
  for (const [first, second] of [[undefined, undefined], [down, undefined], [down, down]]) {
    routes = [first, second];
    assertEquals(way.look().reachable, false);
  }
  routes = [down, ROUTE];
  assertEquals(way.look().reachable, true);
});

Deno.test("Way.isOwn() tells this machine's addresses from others", () => {
  const way = new Way((address) => address === "192.0.2.2" ? { ...ROUTE, isLocal: true } : ROUTE);
  assertEquals([way.isOwn("192.0.2.2"), way.isOwn("192.0.2.3")], [true, false]);
});
