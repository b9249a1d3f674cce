import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { congestionControlFault, ERRNO, systemCongestionControl } from "../../../ffi/mod.ts";
import { ConfigurationError } from "../../../src/configuration_error.ts";
import { chooseCongestion, CongestionControl } from "../../../src/transport/congestion.ts";

/** Makes a system on which every congestion control has this fault. */
const all = (fault: number) => () => fault;
const untouched = () => {
  throw new Error("no congestion control should be tried");
};

Deno.test("chooseCongestion() chooses bbr by default if the system has it", () => {
  const tried: string[] = [];
  const choice = chooseCongestion(undefined, "cubic", (name) => {
    tried.push(name);
    return 0;
  });
  assertEquals(choice, { name: "bbr" });
  assertEquals(tried, ["bbr"]);
});

Deno.test("chooseCongestion() sets nothing if the system's default is bbr already", () => {
  assertEquals(chooseCongestion(undefined, "bbr", untouched), {});
  assertEquals(chooseCongestion(undefined, "bbr2", untouched), {});
});

Deno.test("chooseCongestion() keeps the system's default without a warning on request", () => {
  for (const system of ["cubic", "bbr"]) {
    assertEquals(chooseCongestion("system", system, untouched), {});
  }
});

const REMEDIES: [code: keyof typeof ERRNO, remedy: RegExp][] = [
  ["ENOENT", /The kernel has not loaded bbr: run modprobe tcp_bbr, or .*CAP_NET_ADMIN/],
  ["EPERM", /add it to net\.ipv4\.tcp_allowed_congestion_control, or .*CAP_NET_ADMIN/],
  ["ENOMEM", /The kernel refuses bbr: Cannot allocate memory/],
];

for (const [code, remedy] of REMEDIES) {
  Deno.test(`chooseCongestion() keeps the system's default, with a warning and advice, on ${code}`, () => {
    const { name, warning } = chooseCongestion(undefined, "cubic", all(ERRNO[code]));
    assertEquals(name, undefined);
    assertMatch(warning!, /^Tunnels use the congestion control cubic, .*loses packets/);
    assertMatch(warning!, remedy);
    assertMatch(warning!, /--congestion system/);
    assertEquals(warning!.includes("\n"), false);
  });
}

Deno.test("chooseCongestion() chooses the requested one, even if the system's default is bbr", () => {
  assertEquals(chooseCongestion("cubic", "bbr", all(0)), { name: "cubic" });
  assertEquals(chooseCongestion("bbr", "cubic", all(0)), { name: "bbr" });
});

Deno.test("chooseCongestion() throws if the requested one cannot be used", () => {
  assertThrows(
    () => chooseCongestion("bbr", "cubic", all(ERRNO.EPERM)),
    ConfigurationError,
    "Cannot use the congestion control bbr: it needs CAP_NET_ADMIN, or an entry in " +
      "net.ipv4.tcp_allowed_congestion_control",
  );
  assertThrows(
    () => chooseCongestion("none-such", "cubic", all(ERRNO.ENOENT)),
    ConfigurationError,
    "Cannot use the congestion control none-such: the system does not have it, see " +
      "net.ipv4.tcp_available_congestion_control",
  );
});

Deno.test("CongestionControl queries the real system", () => {
  const warnings: string[] = [];
  const congestion = new CongestionControl(undefined, (warning) => warnings.push(warning));
  const choice = congestion.choose();
  congestion.warn(choice);
  const isDefault = systemCongestionControl().startsWith("bbr");
  const usable = !isDefault && congestionControlFault("bbr") === 0;
  assertEquals(choice.name, usable ? "bbr" : undefined);
  assertEquals(warnings.length, isDefault || usable ? 0 : 1);
  assertThrows(
    () => new CongestionControl("none-such", () => {}).choose(),
    ConfigurationError,
    "Cannot use the congestion control none-such",
  );
});

Deno.test("CongestionControl.warn() passes each warning on once, until it changes", () => {
  const warnings: string[] = [];
  let fault: number = ERRNO.ENOENT;
  const congestion = new CongestionControl(undefined, (warning) => warnings.push(warning), {
    default: () => "cubic",
    faultOf: () => fault,
  });
  const names = [ERRNO.ENOENT, ERRNO.ENOENT, 0, ERRNO.EPERM, ERRNO.EPERM].map((next) => {
    fault = next;
    const choice = congestion.choose();
    congestion.warn(choice);
    return choice.name;
  });
  assertEquals(names, [undefined, undefined, "bbr", undefined, undefined]);
  assertEquals(warnings.map((warning) => /modprobe|allowed/.exec(warning)![0]), [
    "modprobe",
    "allowed",
  ]);
});
