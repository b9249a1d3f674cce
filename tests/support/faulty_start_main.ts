// slow_disk_main.ts with a fault: after its start, the data worker gets messages that it cannot handle.

const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (message: { type: string }) {
  post.call(this, message.type === "start" ? message : { type: "tunnel" });
};

await import("./slow_disk_main.ts");
