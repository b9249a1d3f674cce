// Network namespaces for a test.
import { LabNet } from "../../src/lab/namespaces.ts";

/**
 * A `LabNet` whose namespaces have names that begin with `test-`.
 *
 *     await using net = await TestNet.make("relay");
 *     const host = await net.namespace("host");
 */
export class TestNet extends LabNet {
  /** Makes a net; its namespaces have names that begin with `test-` and the label. */
  static make(label: string): Promise<TestNet> {
    return Promise.resolve(new TestNet(`test-${label}`));
  }
}
