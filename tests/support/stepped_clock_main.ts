// pppoe-proxy on a machine whose wall clock was stepped: the file DIR.step, beside the state directory, has the
// number of ms.

const dir = Deno.args[Deno.args.indexOf("--state-dir") + 1];
const { now } = Date;
let stepMs = 0;
try {
  stepMs = Number(Deno.readTextFileSync(`${dir}.step`));
} catch {
  // It has not been stepped.
}
Date.now = () => now() + stepMs;

await import("../../main.ts");
