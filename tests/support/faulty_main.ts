// pppoe-proxy with a fault: after SIGUSR2, the data worker gets only messages that it cannot handle.

const post = Worker.prototype.postMessage;
let faulty = false;
Deno.addSignalListener("SIGUSR2", () => {
  faulty = true;
});
Worker.prototype.postMessage = function (message: unknown) {
  post.call(this, faulty ? { type: "tunnel" } : message);
};

await import("../../main.ts");
