// Tests of how the page is served.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { PAGE_FILES } from "../../../src/page/files.ts";
import { ServedApi } from "../../support/api.ts";

async function served(path: string): Promise<{ headers: Headers; text: string }> {
  await using api = await ServedApi.start();
  const response = await fetch(`http://127.0.0.1:${api.endpoint.port}${path}`);
  const text = await response.text();
  assertEquals(response.status, 200, path);
  return { headers: response.headers, text };
}

async function filesIn(folder: URL): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
}

Deno.test("The page is served with all files that it names, and no others", async () => {
  const folder = new URL("../../../src/page/", import.meta.url);
  const names = (await filesIn(folder)).filter((name) => name !== "files.ts");
  assertEquals(
    PAGE_FILES.map(({ path }) => path === "/" ? "/page/page.html" : path).sort(),
    names.map((name) => `/page/${name}`).sort(),
  );
  const known = PAGE_FILES.map(({ path }) => path);
  for (const { path, type } of PAGE_FILES) {
    const { headers, text } = await served(path);
    assertEquals(headers.get("content-type"), type);
    for (const [, name] of text.matchAll(/(?:src|href)="(\/page\/[^"]+)"/g)) {
      assert(known.includes(name), name);
    }
    for (const [, name] of text.matchAll(/ from "\.\/([^"]+)"/g)) {
      assert(known.includes(`/page/${name}`), name);
    }
  }
});

Deno.test("The page forbids scripts and styles that are not files of it, other sites, and frames", async () => {
  for (const { path } of PAGE_FILES) {
    const { headers } = await served(path);
    const policy = headers.get("content-security-policy")!.split("; ");
    for (
      const rule of [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ]
    ) assert(policy.includes(rule), rule);
    assertEquals(policy.join().includes("unsafe"), false);
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assertEquals(headers.get("referrer-policy"), "no-referrer");
  }
});

Deno.test("The page has no script, style or handler in its HTML, nothing from elsewhere, and writes no HTML", async () => {
  const { text: html } = await served("/");
  assertEquals(html.match(/ style=| on\w+=|<style|javascript:/gi), null);
  assertEquals(html.match(/<script(?! (?:type="module" )?src="\/page\/)/g), null);
  for (const { path } of PAGE_FILES) {
    const { text } = await served(path);
    const addresses = [...text.matchAll(/https?:\/\/[^"' )]+/g)].map(([address]) => address);
    assertEquals(addresses.filter((address) => address !== "http://www.w3.org/2000/svg"), [], path);
    assertEquals(
      text.match(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/),
      null,
      path,
    );
  }
});

Deno.test("The page is small", async () => {
  let bytes = 0;
  for (const { path } of PAGE_FILES) bytes += (await served(path)).text.length;
  assert(bytes < 80 * 1024, `${bytes} bytes`);
});

Deno.test("The page needs no token, because it tells nothing, and its data need one beyond loopback", async () => {
  await using api = await ServedApi.start(
    undefined,
    { hostname: "0.0.0.0", port: 0 },
    "0123456789abcdef",
  );
  const url = `http://127.0.0.1:${api.endpoint.port}`;
  const page = await fetch(`${url}/`);
  assertEquals(page.status, 200);
  assertMatch(await page.text(), /<title>pppoe-proxy<\/title>/);
  for (const path of ["/api/status", "/api/events", "/api/sessions", "/api/drops"]) {
    const response = await fetch(url + path);
    assertEquals(response.status, 401, path);
    assertStringIncludes(await response.text(), "token");
  }
});

Deno.test("The page is not in the description of the API", async () => {
  const { text } = await served("/api/openapi.json");
  const { paths } = JSON.parse(text);
  assertEquals(Object.keys(paths).filter((path) => !/^\/(api\/|metrics$|healthz$)/.test(path)), []);
});
