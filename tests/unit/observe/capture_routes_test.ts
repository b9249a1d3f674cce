// The routes for captures over HTTP.

import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  CaptureRefusal,
  type CaptureRequest,
  type CaptureStatus,
} from "../../../src/observe/control.ts";
import { formatEndpoint } from "../../../src/net/endpoint.ts";
import { aSource, ServedApi } from "../../support/api.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const STATUS: CaptureStatus = {
  file: "/var/lib/x/line.pcapng",
  frames: "all",
  secrets: false,
  maxBytes: 8 << 20,
  captured: 42,
  leftOut: 0,
};

/** Serves a side whose captures are made up. */
async function serving(
  test: (
    post: (content: unknown, token?: string) => Promise<[status: number, body: string]>,
    url: string,
    requests: (CaptureRequest | "stop")[],
  ) => Promise<void>,
): Promise<void> {
  const requests: (CaptureRequest | "stop")[] = [];
  const source = aSource({
    capture: {
      status: () => requests.length > 0 && requests.at(-1) !== "stop" ? STATUS : undefined,
      start: (request) => {
        if (requests.length > 0) {
          return Promise.reject(new CaptureRefusal("Cannot capture: stop that first"));
        }
        requests.push(request);
        return Promise.resolve(STATUS);
      },
      stop: () => {
        requests.push("stop");
        return Promise.resolve(requests.length > 1 ? STATUS : undefined);
      },
    },
  });
  await using served = await ServedApi.start(source, undefined, TOKEN);
  const url = `http://${formatEndpoint(served.endpoint)}/api/capture`;
  await test(
    async (content, token = TOKEN) => {
      const answer = await fetch(url, {
        method: "POST",
        body: JSON.stringify(content),
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      });
      return [answer.status, await answer.text()];
    },
    url,
    requests,
  );
}

Deno.test("POST /api/capture begins a capture, and GET describes it until it is ended", () =>
  serving(async (post, url, requests) => {
    const status = async () => await (await fetch(url)).json();
    assertEquals(await status(), { capture: null });
    const content = { action: "start", file: "line.pcapng", frames: "all", sizeMib: 8 };
    assertEquals(await post(content), [200, JSON.stringify({ capture: STATUS })]);
    assertEquals(await status(), { capture: STATUS });
    assertEquals(await post({ action: "stop" }), [200, JSON.stringify({ capture: STATUS })]);
    assertEquals(await status(), { capture: null });
    assertEquals(requests, [{ file: "line.pcapng", frames: "all", maxBytes: 8 << 20 }, "stop"]);
  }));

Deno.test("POST /api/capture says why there can be no capture", () =>
  serving(async (post) => {
    await post({ action: "start" });
    const [status, body] = await post({ action: "start" });
    assertEquals(status, 409);
    assertStringIncludes(body, "Cannot capture: stop that first");
  }));

Deno.test("POST /api/capture takes no secrets, no other value, and nothing without the token", () =>
  serving(async (post, _url, requests) => {
    for (
      const content of [
        { action: "start", secrets: true },
        { action: "pause" },
        { action: "start", frames: "some" },
        { action: "start", sizeMib: 0 },
        { action: "start", file: "x".repeat(100) },
        {},
      ]
    ) assertEquals((await post(content))[0], 400, JSON.stringify(content));
    assertEquals((await post({ action: "start" }, "wrong"))[0], 401);
    assertEquals(requests, []);
  }));
