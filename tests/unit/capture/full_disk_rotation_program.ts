// Begins another file on a small disk that is full, and prints what is left of the one before.

import { CaptureFile } from "../../../src/capture/capture_file.ts";

const [disk] = Deno.args;
const file = `${disk}/line.pcapng`;
const data = new Uint8Array(200 << 10);
const files = await CaptureFile.open(file, 1 << 20, new Uint8Array(64));
await files.append(data);
try {
  Deno.writeFileSync(`${disk}/filler`, new Uint8Array(2 << 20));
} catch {
  // The disk is full.
}
const failed = async (act: () => Promise<void>) => await act().then(() => false, () => true);
const failures = [await failed(() => files.rotate()), await failed(() => files.append(data))];
const previousBytes = Deno.statSync(`${file}.1`).size;
Deno.removeSync(`${disk}/filler`);
failures.push(await failed(() => files.append(data)));
await files.close();
const bytes = Deno.statSync(file).size;
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify({ failures, previousBytes, bytes })));
