// As slow_disk_main.ts, with a data worker that is given what it cannot use after its start.

const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (message: { type: string }) {
  post.call(this, message.type === "start" ? message : { type: "tunnel" });
};

await import("./slow_disk_main.ts");
