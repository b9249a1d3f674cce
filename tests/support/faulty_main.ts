// pppoe-proxy itself, with a fault in it: from SIGUSR2 on, the data worker is given what it cannot use.

const post = Worker.prototype.postMessage;
let faulty = false;
Deno.addSignalListener("SIGUSR2", () => {
  faulty = true;
});
Worker.prototype.postMessage = function (message: unknown) {
  post.call(this, faulty ? { type: "tunnel" } : message);
};

await import("../../main.ts");
