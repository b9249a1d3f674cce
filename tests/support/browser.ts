// Debian's Chromium without a window, driven over the DevTools protocol by a WebSocket.

import { patient } from "../../src/lab/patience.ts";
import { hasProgram } from "./skip.ts";
import { until } from "./until.ts";

const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"];
const START_MS = patient(30_000);
const COMMAND_MS = patient(20_000);

/** Returns the reason why there is no browser; undefined if there is one. */
export function whyNoBrowser(): string | undefined {
  return PROGRAMS.some(hasProgram) ? undefined : "no chromium";
}

// deno-lint-ignore no-explicit-any -- the protocol has hundreds of shapes
type Values = Record<string, any>;

/** A browser for the duration of a test, with one page. */
export class Browser implements AsyncDisposable {
  /** What the page has complained about: errors, warnings, and violations of its content security policy. */
  readonly complaints: string[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, PromiseWithResolvers<Values>>();
  #session: string | undefined;
  #id = 0;

  private constructor(process: Deno.ChildProcess, profile: string, socket: WebSocket) {
    this.#process = process;
    this.#profile = profile;
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = () => {
      for (const { reject } of this.#answers.values()) reject(new Error("The browser has ended"));
    };
  }

  /** Starts a browser with an empty page. */
  static async start(): Promise<Browser> {
    const profile = await Deno.makeTempDir({ prefix: "test-browser-" });
    const args = [
      "--headless=new",
      "--no-sandbox", // which root cannot have
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--no-first-run",
      "--no-proxy-server",
      "--force-color-profile=srgb",
      "--lang=en-GB",
      `--user-data-dir=${profile}`,
      "--remote-debugging-port=0",
      "about:blank",
    ];
    const program = PROGRAMS.find(hasProgram)!;
    const env = { HOME: profile, LANG: "C.UTF-8" };
    const process = new Deno.Command(program, { args, env, stdout: "null", stderr: "null" })
      .spawn();
    try {
      const [port, path] = await until("the browser listens", async () => {
        const text = await Deno.readTextFile(`${profile}/DevToolsActivePort`).catch(() => "");
        return text.includes("\n") ? text.split("\n") : undefined;
      }, START_MS);
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
      await new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = reject;
      });
      const browser = new Browser(process, profile, socket);
      await browser.#open();
      return browser;
    } catch (error) {
      await end(process, profile);
      throw error;
    }
  }

  async #open(): Promise<void> {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    this.#session = sessionId;
    for (const domain of ["Page", "Runtime", "Log", "Accessibility", "Audits"]) {
      await this.send(`${domain}.enable`);
    }
  }

  /** Sends a command to the page, and returns its result. */
  async send(method: string, params: Values = {}): Promise<Values> {
    const id = ++this.#id;
    const answer = Promise.withResolvers<Values>();
    this.#answers.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params, sessionId: this.#session }));
    const timer = setTimeout(() => answer.reject(new Error(`${method} took too long`)), COMMAND_MS);
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timer);
      this.#answers.delete(id);
    }
  }

  #receive({ id, result, error, method, params }: Values): void {
    if (id !== undefined) {
      const answer = this.#answers.get(id);
      if (error === undefined) answer?.resolve(result);
      else answer?.reject(new Error(error.message));
      return;
    }
    const complaint = complaintIn(method, params);
    if (complaint !== undefined) this.complaints.push(complaint);
  }

  /** Goes to an address, and waits until the page is there. */
  async goto(url: string): Promise<void> {
    const { errorText } = await this.send("Page.navigate", { url });
    if (errorText !== undefined) throw new Error(`Cannot open ${url}: ${errorText}`);
    await until("the page has loaded", () => this.eval("document.readyState === 'complete'"));
  }

  /** Evaluates an expression in the page, and returns its value, which must be plain data. */
  async eval<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails !== undefined) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    return result.value;
  }

  /** Waits until an expression is true in the page. */
  async untilTrue(expression: string, timeoutMs?: number): Promise<void> {
    try {
      await until(expression, () => this.eval<boolean>(`Boolean(${expression})`), timeoutMs);
    } catch (cause) {
      const seen = await this.text().catch(() => "nothing");
      throw new Error(`${(cause as Error).message}; the page shows: ${seen}`, { cause });
    }
  }

  /** Returns the visible text of an element, by default of all. */
  text(selector = "body"): Promise<string> {
    return this.eval(`document.querySelector(${JSON.stringify(selector)}).innerText`);
  }

  /** Waits until the text of an element matches a pattern. */
  async untilText(selector: string, pattern: RegExp, timeoutMs?: number): Promise<void> {
    const element = `document.querySelector(${JSON.stringify(selector)})`;
    await this.untilTrue(`${pattern}.test(${element}?.innerText ?? "")`, timeoutMs);
  }

  /** Presses a key. */
  async press(key: string, modifiers = 0): Promise<void> {
    const text = { Enter: "\r", " ": " " }[key];
    const code = { Tab: 9, Enter: 13, Escape: 27, " ": 32 }[key];
    const values = { key, code: key, modifiers, windowsVirtualKeyCode: code };
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", text, ...values });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...values });
  }

  /** Types a text into the element with the focus. */
  async type(text: string): Promise<void> {
    await this.send("Input.insertText", { text });
  }

  /** Sets the size of the window, and the colours that the system wants. */
  async look(width: number, height: number, scheme: "light" | "dark" = "light"): Promise<void> {
    await this.send("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: width < 600,
    });
    await this.send("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
  }

  /** Returns the names and the values in the accessibility tree, with the role of each. */
  async accessible(): Promise<{ role: string; name: string; value: string }[]> {
    const { nodes } = await this.send("Accessibility.getFullAXTree");
    return nodes.filter((node: Values) => !node.ignored).map((node: Values) => ({
      role: node.role?.value ?? "",
      name: node.name?.value ?? "",
      value: node.value?.value ?? "",
    }));
  }

  /** Returns a picture of the whole page as PNG. */
  async screenshot(): Promise<Uint8Array> {
    const { data } = await this.send("Page.captureScreenshot", { captureBeyondViewport: true });
    return Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await end(this.#process, this.#profile);
  }
}

function complaintIn(method: string, params: Values): string | undefined {
  switch (method) {
    case "Runtime.exceptionThrown": {
      const { exception, text } = params.exceptionDetails;
      return exception?.description ?? text;
    }
    case "Runtime.consoleAPICalled":
      return `console.${params.type}: ${JSON.stringify(params.args)}`;
    case "Log.entryAdded":
      return `${params.entry.source}: ${params.entry.text} ${params.entry.url ?? ""}`;
    case "Audits.issueAdded":
      return JSON.stringify(params.issue);
  }
  return undefined;
}

async function end(process: Deno.ChildProcess, profile: string): Promise<void> {
  const timer = setTimeout(() => process.kill("SIGKILL"), patient(5000));
  try {
    process.kill("SIGTERM");
  } catch {
    // It has ended already.
  }
  await process.status;
  clearTimeout(timer);
  // Its children may still write there for a moment.
  await until("the profile is gone", async () => {
    await Deno.remove(profile, { recursive: true }).catch(() => {});
    return await Deno.stat(profile).then(() => false, () => true);
  });
}
