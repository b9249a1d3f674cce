// Network namespaces for a test, taken away on every way out of it.
import { LabNet } from "../../src/lab/namespaces.ts";

/**
 * A `LabNet` that also goes when the test process is interrupted.
 *
 *     await using net = await TestNet.make("relay");
 *     const host = await net.namespace("host");
 */
export class TestNet extends LabNet {
  readonly #leave = () => this.removeSync();
  readonly #interrupted = () => {
    this.removeSync();
    Deno.exit(130);
  };

  /** @param label What the namespaces' names begin with */
  static make(label: string): Promise<TestNet> {
    return Promise.resolve(new TestNet(label));
  }

  private constructor(label: string) {
    super(`test-${label}`);
    globalThis.addEventListener("unload", this.#leave);
    Deno.addSignalListener("SIGINT", this.#interrupted);
    Deno.addSignalListener("SIGTERM", this.#interrupted);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    globalThis.removeEventListener("unload", this.#leave);
    Deno.removeSignalListener("SIGINT", this.#interrupted);
    Deno.removeSignalListener("SIGTERM", this.#interrupted);
    await super[Symbol.asyncDispose]();
  }
}
