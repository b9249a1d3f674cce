// Network namespaces for a test.
import { LabNet } from "../../src/lab/namespaces.ts";

/**
 * A `LabNet` whose names show that a test made it.
 *
 *     await using net = await TestNet.make("relay");
 *     const host = await net.namespace("host");
 */
export class TestNet extends LabNet {
  /** @param label What the namespaces' names begin with */
  static make(label: string): Promise<TestNet> {
    return Promise.resolve(new TestNet(`test-${label}`));
  }
}
