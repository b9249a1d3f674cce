// The page in a real browser, with real processes behind it.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { SITE } from "../../src/lab/mod.ts";
import { DROP_MEANINGS } from "../../src/relay/mod.ts";
import { aSource, ServedApi } from "../support/api.ts";
import { Browser, whyNoBrowser } from "../support/browser.ts";
import { Forward } from "../support/forward.ts";
import { type Sites, type SitesOptions, untilPadts, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { aStatus } from "../support/status.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces") ?? whyNoBrowser();
const TOKEN = "a-token-of-this-test-only";
/** The number of sessions in the table. */
const ROWS = "document.querySelectorAll('#sessions tbody tr').length";

interface Page {
  sites: Sites;
  browser: Browser;
  url: string;
}

/** Opens the page of a side, runs a test, and asserts that the browser had nothing to complain about. */
function withPage(
  side: "client" | "server",
  options: SitesOptions,
  use: (page: Page) => Promise<void>,
  expected: RegExp = /^$/,
): Promise<void> {
  return withSites(options, async (sites) => {
    await using forward = new Forward(() => sites[side].connect(SITE.status));
    await using browser = await Browser.start();
    await browser.look(1280, 900);
    await browser.goto(forward.url);
    await browser.untilText("#health", /^(?!Connecting)/);
    await use({ sites, browser, url: forward.url });
    assertEquals(browser.complaints.filter((complaint) => !expected.test(complaint)), []);
  });
}

/** Makes a file with a token for the duration of a test. */
async function tokenFile() {
  const path = await Deno.makeTempFile({ prefix: "test-token-" });
  await Deno.writeTextFile(path, TOKEN);
  await Deno.chmod(path, 0o600);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}

testUnless(
  skipped,
  "The page shows a session when it opens and when it ends, without a reload, and the traffic",
  () =>
    withPage("client", {}, async ({ sites, browser }) => {
      await browser.untilText("#no-sessions", /There is no session/);
      assertEquals(await browser.text("#health"), "Working");
      assertEquals(await browser.text("#who"), "Client on lan0");
      await browser.eval("globalThis.isTheSamePage = true");
      sites.ac();
      const host = sites.host();
      const { sessionId } = await host.dial();
      await browser.untilTrue(`${ROWS} === 1`);
      const id = `0x${sessionId.toString(16).padStart(4, "0")}`;
      await browser.untilText("#sessions tbody", new RegExp(`${id}[^]*open`));
      await browser.untilText("#path", /1 session[^]*answers/);
      // Frames go both ways until the page has seen them.
      let seen = false;
      const exchanging = (async () => {
        while (!seen) await host.exchange({ frames: 200, payloadLength: () => 900 });
      })();
      try {
        await browser.untilText("#from-link-rate", /[1-9][\d.]* [kM]bit\/s/);
        await browser.untilText("#from-tunnel-rate", /[1-9][\d.]* [kM]bit\/s/);
        await browser.untilText("#sessions tbody", /[1-9][\d.]* [kM]bit\/s/);
        await browser.untilTrue(
          "[...document.querySelectorAll('#chart .line')].every((line) => line.getAttribute('d').includes('L'))",
        );
      } finally {
        seen = true;
        await exchanging;
      }
      const status = await sites.client.status();
      assertEquals(status.sessions[0].id, id);
      await host.hangUp();
      await browser.untilTrue(`${ROWS} === 0`);
      assertEquals(await browser.eval("globalThis.isTheSamePage"), true);
    }),
);

testUnless(
  skipped,
  "The page closes a session with the keyboard, and asks for a token, which only the tab keeps",
  async () => {
    await using token = await tokenFile();
    const options = { flags: ["--status-token-file", token.path] };
    // The browser itself reports the two answers that ask for a token.
    await withPage("server", options, async ({ sites, browser, url }) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      await browser.untilTrue(`${ROWS} === 1`);
      await browser.eval("document.querySelector('#sessions tbody button').focus()");
      await browser.press("Enter");
      await browser.untilTrue("document.querySelector('#close-dialog').open");
      assertMatch(
        await browser.text("#close-text"),
        /^Session 0x[0-9a-f]{4} of host [0-9a-f:]{17} /,
      );
      // The harmless button has the focus first.
      assertEquals(await browser.eval("document.activeElement.id"), "close-cancel");
      await browser.press("Tab");
      assertEquals(await browser.eval("document.activeElement.id"), "close-confirm");
      await browser.press("Enter");
      for (
        const [given, error] of [["not-the-token", /^$/], [
          TOKEN,
          /^The token is wrong\.$/,
        ]] as const
      ) {
        await browser.untilTrue("document.querySelector('#token-dialog').open");
        assertMatch(await browser.text("#token-error"), error);
        assertEquals(await browser.eval("document.activeElement.id"), "token");
        await browser.type(given);
        await browser.press("Enter");
        if (given !== TOKEN) {
          await browser.untilText("#token-error", /./);
        }
      }
      await browser.untilTrue(`${ROWS} === 0`);
      await untilPadts(sites.hosts, 1);
      await browser.untilText("#news", /^Session 0x[0-9a-f]{4} is closed\.$/);
      assertEquals(await browser.eval("document.querySelectorAll('dialog[open]').length"), 0);
      assertEquals(await browser.eval("JSON.stringify(localStorage)"), "{}");
      assertEquals(await browser.eval("location.href"), `${url}/`);
      assertEquals(await browser.eval("document.querySelector('#token').value"), "");
      // The token is still there for the next one, also after a reload.
      await host.dial();
      await browser.goto(url);
      await browser.untilTrue(`${ROWS} === 1`);
      await browser.eval("document.querySelector('#sessions tbody button').click()");
      await browser.eval("document.querySelector('#close-confirm').click()");
      await browser.untilTrue(`${ROWS} === 0`);
      assertEquals(sites.server.matching(/wrong token/).length, 1);
    }, /status of 401/);
  },
);

testUnless(
  skipped,
  "The page says why a session cannot be closed, and leaves it when told so",
  () =>
    withPage("client", {}, async ({ sites, browser }) => {
      sites.ac();
      await sites.host().dial();
      await browser.untilTrue(`${ROWS} === 1`);
      const open = "document.querySelector('#sessions tbody button').click()";
      await browser.eval(open);
      await browser.press("Escape");
      await browser.untilTrue("!document.querySelector('#close-dialog').open");
      await browser.eval(open);
      await browser.eval("document.querySelector('#close-confirm').click()");
      await browser.untilText("#close-error", /^Changes over TCP need --status-token-file;/);
      await browser.eval("document.querySelector('#close-cancel').click()");
      await browser.untilTrue("!document.querySelector('#close-dialog').open");
      assertEquals((await sites.client.status()).sessions.length, 1);
    }, /status of 403/),
);

testUnless(
  skipped,
  "The page shows a tunnel that is cut, with the sessions held, and that it is back",
  () =>
    withPage("client", {}, async ({ sites, browser }) => {
      const [site] = sites.sites;
      sites.ac();
      await sites.host().dial();
      await browser.untilText("#sessions tbody", /open/);
      await browser.untilText("#tunnels tbody", /up[^]*ms/);
      assertEquals(await browser.eval("document.querySelector('#no-problems').hidden"), false);
      await sites.reachable(site, false);
      await sites.resetTunnels();
      await browser.untilText("#health", /^Not working$/);
      await browser.untilText("#tunnels tbody", /waiting|connecting/);
      await browser.untilText("#sessions tbody", /held/);
      await browser.untilText("#path", /1 session, 1 held/);
      await browser.untilTrue("document.querySelector('.step-tunnel').dataset.state === 'bad'");
      // Something is said about it, and it is not that there is no problem.
      await browser.untilText("#problems", /\w+/);
      assertEquals(await browser.eval("document.querySelector('#no-problems').hidden"), true);
      assertMatch(await browser.eval("document.title"), /Not working/);
      await sites.reachable(site, true);
      await browser.untilText("#health", /^Working/);
      await browser.untilText("#tunnels tbody", /up/);
      await browser.untilText("#sessions tbody", /open/);
      await browser.untilTrue("document.querySelector('.step-tunnel').dataset.state === 'good'");
    }),
);

testUnless(
  skipped,
  "The page shows a problem first, in the words of the API, reads it out, and says when it is solved",
  () =>
    withPage("client", {}, async ({ sites, browser }) => {
      const { clientNamespace } = sites.sites[0];
      await browser.untilText("#no-problems", /No problems/);
      await sites.net.ip(clientNamespace, "link", "set", "lan0", "down");
      await browser.untilText("#problems", /Interface lan0 is down/);
      const { problems: [problem] } = await sites.client.status();
      const shown = await browser.text("#problems");
      for (const text of [problem.what, problem.advice, problem.id]) {
        assert(shown.toLowerCase().includes(text.toLowerCase()), `${text} is not in ${shown}`);
      }
      assertEquals(await browser.text("#health"), "Not working");
      assertEquals(
        await browser.eval(
          "document.querySelector('main section').contains(document.querySelector('#problems li'))",
        ),
        true,
      );
      await browser.untilText("#news", /^Problem: Interface lan0 is down\./);
      const live = await browser.accessible();
      assert(live.some(({ role }) => role === "status"));
      await browser.untilTrue("document.querySelector('.step-own').dataset.state === 'bad'");
      await sites.net.ip(clientNamespace, "link", "set", "lan0", "up");
      await browser.untilTrue("document.querySelectorAll('#problems li').length === 0");
      await browser.untilText("#news", /^Solved: Interface lan0 is down\./);
      await browser.untilText("#health", /^Working$/);
    }),
);

testUnless(
  skipped,
  "The page tells when the program has ended, and follows the next run by itself",
  () =>
    withPage("client", {}, async ({ sites, browser }) => {
      await sites.client.end("SIGTERM");
      await browser.untilText("#contact-text", /^No contact with the program since /);
      assertEquals(await browser.text("#health"), "No contact");
      sites.client.start();
      await browser.untilText("#health", /^Working$/);
      await browser.untilTrue("document.querySelector('#contact').hidden");
      sites.ac();
      await sites.host().dial();
      await browser.untilTrue(`${ROWS} === 1`);
    }, /net::ERR_/),
);

testUnless(
  skipped,
  "The page of another site can neither close a session nor read or frame anything, and the own one can",
  () =>
    withSites({}, async (sites) => {
      sites.ac();
      await sites.host().dial();
      const { sessions: [{ id }] } = await sites.server.status();
      // Over the local socket no token is needed, so everything depends on what the browser sends.
      const path = `/run/pppoe-proxy/server-isp0-${sites.server.pid}.sock`;
      await using forward = new Forward(() => Deno.connect({ transport: "unix", path }));
      await using other = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen: () => {} },
        () => new Response("<title>Other</title>", { headers: { "content-type": "text/html" } }),
      );
      await using browser = await Browser.start();
      await browser.goto(`http://127.0.0.1:${other.addr.port}/`);
      const body = JSON.stringify({ id });
      for (const mode of ["no-cors", "cors"]) {
        for (const type of ["text/plain", "application/json"]) {
          const options = { method: "POST", mode, body, headers: { "content-type": type } };
          const outcome = await browser.eval(
            `fetch("${forward.url}/api/sessions/close", ${JSON.stringify(options)})` +
              ".then(({ type }) => type, ({ name }) => name)",
          );
          assertEquals(outcome, mode === "no-cors" ? "opaque" : "TypeError");
        }
      }
      const read = `fetch("${forward.url}/api/status").then(() => "read", ({ name }) => name)`;
      assertEquals(await browser.eval(read), "TypeError");
      await browser.eval(
        `{ const frame = document.createElement("iframe"); frame.src = "${forward.url}/"; document.body.append(frame); }`,
      );
      await until(
        "the browser refuses the frame",
        () => browser.complaints.some((complaint) => complaint.includes("frame-ancestors")),
      );
      assertEquals((await sites.server.status()).sessions.length, 1);
      await browser.goto(forward.url);
      await browser.untilTrue(`${ROWS} === 1`);
      await browser.eval("document.querySelector('#sessions tbody button').click()");
      await browser.eval("document.querySelector('#close-confirm').click()");
      await browser.untilTrue(`${ROWS} === 0`);
      assertEquals((await sites.server.status()).sessions.length, 0);
    }),
);

testUnless(
  skipped,
  "The page shows the names of peers as text, whatever is in them",
  () => {
    const name = "<img src=x onerror=alert(1)><b>&amp;";
    return withPage("server", { flags: ["--name", name] }, async ({ sites, browser }) => {
      sites.ac();
      await sites.host().dial();
      await browser.untilTrue(`${ROWS} === 1`);
      for (const selector of ["#tunnels tbody", "#sessions tbody", "#path"]) {
        assert((await browser.text(selector)).includes(name), selector);
      }
      assertEquals(
        await browser.eval("document.querySelectorAll('img, b:not(.legend b)').length"),
        0,
      );
      // The browser itself refuses to make HTML of a text.
      const attempt = "document.querySelector('#who').innerHTML = '<i>x</i>'";
      const refused = await browser.eval(
        `(() => { try { ${attempt}; return "made"; } catch (e) { return e.name; } })()`,
      );
      assertEquals(refused, "TypeError");
      const before = browser.complaints.length;
      assert(
        browser.complaints.splice(0, before).every((one) => /TrustedHTML|TrustedTypes/i.test(one)),
      );
    });
  },
);

testUnless(
  skipped,
  "The page fits a phone, in light and dark, and its switch is kept",
  () =>
    withPage("server", {}, async ({ sites, browser, url }) => {
      sites.ac();
      await sites.dialMany(2);
      await browser.untilTrue(`${ROWS} === 2`);
      for (const width of [320, 360, 768, 1024, 1920]) {
        await browser.look(width, 740);
        // What is not needed now has to fit, too.
        await browser.eval(
          "document.querySelectorAll('main [hidden]').forEach((part) => part.hidden = false)",
        );
        // A browser on a phone makes the page smaller rather than show a bar to scroll by.
        const needed = await browser.eval<number>("document.documentElement.scrollWidth");
        assert(needed <= width, `${needed} px instead of ${width}`);
      }
      const ground = "getComputedStyle(document.documentElement).backgroundColor";
      await browser.look(360, 740, "light");
      const light = await browser.eval(ground);
      assertEquals(await browser.eval(CONTRAST), []);
      await browser.look(360, 740, "dark");
      const dark = await browser.eval(ground);
      assert(light !== dark);
      assertEquals(await browser.eval(CONTRAST), []);
      const choose = (theme: string) =>
        browser.eval(
          `{ const e = document.querySelector('#theme'); e.value = '${theme}'; e.dispatchEvent(new Event('change')); }`,
        );
      await choose("light");
      assertEquals(await browser.eval(ground), light);
      await browser.goto(url);
      assertEquals(await browser.eval(ground), light);
      assertEquals(await browser.eval("document.querySelector('#theme').value"), "light");
      await browser.look(360, 740, "light");
      await choose("dark");
      assertEquals(await browser.eval(ground), dark);
      await choose("auto");
      assertEquals(await browser.eval(ground), light);
    }),
);

testUnless(
  skipped,
  "The page can be used without eyes and without a mouse",
  () =>
    withPage("server", {}, async ({ sites, browser }) => {
      sites.ac();
      await sites.dialMany(2);
      await browser.untilTrue(`${ROWS} === 2`);
      await browser.untilTrue(
        "document.querySelector('#chart svg').getAttribute('aria-label').includes('highest')",
      );
      const tree = await browser.accessible();
      const roles = tree.map(({ role }) => role);
      for (
        const role of [
          "banner",
          "main",
          "contentinfo",
          "table",
          "columnheader",
          "rowheader",
          "status",
        ]
      ) {
        assert(roles.includes(role), `there is no ${role}`);
      }
      const headings = tree.filter(({ role }) => role === "heading").map(({ name }) => name);
      assertEquals(headings, [
        "pppoe-proxy",
        "Problems",
        "From host to AC",
        "Traffic",
        "Tunnels",
        "Sessions",
        "Dropped frames",
      ]);
      const image = tree.find(({ role }) => role === "image");
      assertMatch(
        image!.name,
        /^Rates of the last minute\. From link: now .*, highest .*\. From tunnel: now /,
      );
      const buttons = tree.filter(({ role }) => role === "button").map(({ name }) => name);
      assertEquals(buttons.length, new Set(buttons).size);
      assert(buttons.includes("Close session 0x0001 of host 02:00:00:00:cc:01"), buttons.join());
      // Every visible text is in the tree.
      const names = tree.map(({ name }) => name).join("\n");
      const lines = (await browser.text("main")).split(/[\n\t]+/).map((line) => line.trim());
      for (
        const line of lines.filter((line) =>
          line !== "" && !/\d+ s$|ms$|bit\/s|frames\/s/.test(line)
        )
      ) {
        assert(names.includes(line), `${line} is not in the accessibility tree`);
      }
      // Tab reaches everything in the order of the page, shows where it is, and leaves again.
      const reached: string[] = [];
      for (let presses = 0; presses < 40; presses++) {
        await browser.press("Tab");
        const [what, outline] = await browser.eval<[string, string]>(
          "(({ id, innerText, tagName }) => [tagName === 'BODY' ? '' : id || innerText || tagName, " +
            "getComputedStyle(document.activeElement).outlineStyle])(document.activeElement)",
        );
        if (what === "") break;
        reached.push(what);
        assert(outline !== "none", `the focus on ${what} cannot be seen`);
      }
      assertEquals(reached, [
        "Skip to the content",
        "theme",
        "Show as a table",
        "Close",
        "Close",
        "Metrics",
        "Status as JSON",
        "API",
      ]);
      // The same values as in the chart.
      await browser.eval("document.querySelector('summary').click()");
      await browser.untilText("details table", /0 to 30 s ago[^]*bit\/s/);
    }),
);

testUnless(
  skipped,
  "The page lists the dropped frames by reason, as the API counts them",
  () =>
    withPage("client", {}, async ({ sites, browser }) => {
      assertEquals(await browser.text("#no-drops"), "No frame has been dropped.");
      sites.ac();
      const host = sites.host();
      const { sessionId } = await host.dial();
      await browser.untilTrue(`${ROWS} === 1`);
      // Frames of a session while there is no tunnel.
      await sites.reachable(sites.sites[0], false);
      await sites.resetTunnels();
      await browser.untilText("#sessions tbody", /held/);
      await host.exchange({ frames: 30, timeoutMs: 500 }).catch(() => {});
      assert(sessionId > 0);
      const drops = await until("frames are dropped", async () => {
        const drops = await sites.client.drops();
        return drops["no-tunnel"] > 0 ? drops : undefined;
      });
      await browser.untilText("#drops tbody", new RegExp(`no-tunnel\\s+${drops["no-tunnel"]}\\b`));
      const { meaning, advice } = DROP_MEANINGS["no-tunnel"];
      const shown = await browser.text("#drops tbody");
      for (const text of [meaning, advice]) assert(shown.includes(text), shown);
      await sites.reachable(sites.sites[0], true);
    }),
);

testUnless(
  whyNoBrowser(),
  "The page asks for the token before it shows anything beyond loopback, and not again and again",
  async () => {
    await using api = await ServedApi.start(aSource(), { hostname: "0.0.0.0", port: 0 }, TOKEN);
    await using browser = await Browser.start();
    await browser.goto(`http://127.0.0.1:${api.endpoint.port}`);
    await browser.untilTrue("document.querySelector('#token-dialog').open");
    assertEquals(await browser.text("#who"), "");
    await browser.press("Escape");
    await browser.untilText("#contact-text", /^The program refuses: A token is needed/);
    await browser.untilTrue("document.querySelector('#ask-again').checkVisibility()");
    await browser.eval("document.querySelector('#ask-again').click()");
    await browser.untilTrue("document.querySelector('#token-dialog').open");
    await browser.type(TOKEN);
    await browser.press("Enter");
    await browser.untilText("#who", /^Server on eth1$/);
    await browser.untilText("#sessions tbody", /0x0011/);
    await browser.untilTrue("document.querySelector('#contact').checkVisibility() === false");
    assertEquals(browser.complaints.filter((one) => !one.includes("status of 401")), []);
  },
);

testUnless(
  whyNoBrowser(),
  "The page goes through many sessions in pages, and finds one by host, id or peer",
  async () => {
    const [session] = aStatus().sessions;
    const all = Array.from({ length: 250 }, (_, at) => ({
      ...session,
      id: `0x${(at + 1).toString(16).padStart(4, "0")}`,
      sessionId: at + 1,
      host: `02:00:00:00:00:${at.toString(16).padStart(2, "0")}`,
      tunnel: at % 2 === 0 ? "osaka" : "a peer & co",
    }));
    await using api = await ServedApi.start(aSource({
      sessions: ({ limit, after, host, id, tunnel }) => {
        const found = all.filter((one) =>
          (host ?? one.host) === one.host && (id ?? one.sessionId) === one.sessionId &&
          (tunnel ?? one.tunnel) === one.tunnel
        );
        const next = after + limit < found.length ? after + limit : null;
        const sessions = found.slice(after, after + limit);
        return Promise.resolve({ sessions, total: found.length, next });
      },
    }));
    await using browser = await Browser.start();
    await browser.goto(`http://127.0.0.1:${api.endpoint.port}`);
    await browser.untilText("#sessions-hint", /^100 of 250 sessions$/);
    await browser.untilText("#sessions tbody", /^0x0001/);
    for (const first of ["0x0065", "0x00c9"]) {
      await browser.eval("document.querySelector('#next-page').click()");
      await browser.untilText("#sessions tbody", new RegExp(`^${first}`));
    }
    await browser.untilTrue("document.querySelector('#next-page').disabled");
    assertEquals(await browser.eval(ROWS), 50);
    await browser.eval("document.querySelector('#first-page').click()");
    await browser.untilText("#sessions tbody", /^0x0001/);
    await browser.eval("document.querySelector('#find').focus()");
    for (
      const [words, hint, text] of [
        ["02:00:00:00:00:2A", /^1 session$/, /0x002b/],
        ["0x10", /^1 session$/, /0x0010/],
        ["a peer & co", /^100 of 125 sessions$/, /0x0002/],
      ] as const
    ) {
      await browser.eval("document.querySelector('#find').select()");
      await browser.type(words);
      await browser.untilText("#sessions-hint", hint);
      await browser.untilText("#sessions tbody", text);
    }
    await browser.eval("document.querySelector('#find').select()");
    await browser.type("nobody");
    await browser.untilText("#no-sessions", /^No session matches/);
    assertEquals(browser.complaints, []);
  },
);

/** Returns the visible texts that stand out too little from their ground (WCAG 2.2, 1.4.3). */
const CONTRAST = `(() => {
  const parse = (color) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [R, G, B] = [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const groundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255];
  };
  const faults = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (node.data.trim() === "" || !element.checkVisibility() || element.closest("dialog, svg, option, .hidden")) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(groundOf(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faults.push(node.data.trim() + " " + ratio.toFixed(2));
  }
  return faults;
})()`;
