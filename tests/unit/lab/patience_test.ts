import { assertEquals } from "@std/assert";
import { patient, readPatience } from "../../../src/lab/patience.ts";

Deno.test("readPatience() accepts a number above 1 and returns 1 for anything else", () => {
  assertEquals(readPatience("10"), 10);
  assertEquals(readPatience("1.5"), 1.5);
  for (const text of [undefined, "", "0", "0.5", "-3", "much", "Infinity", "NaN"]) {
    assertEquals(readPatience(text), 1);
  }
});

Deno.test("patient() multiplies by LAB_PATIENCE", async () => {
  const url = new URL("../../../src/lab/patience.ts", import.meta.url);
  const code = `import { patient } from "${url}"; console.log(patient(500));`;
  const args = ["eval", "--no-lock", code];
  const env = { LAB_PATIENCE: "4" };
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, env }).output();
  assertEquals(new TextDecoder().decode(stdout).trim(), "2000");
  assertEquals(patient(500), 500 * readPatience(Deno.env.get("LAB_PATIENCE")));
});
