// The files of the page, which are loaded as text when somebody asks for them for the first time.
//
// They are imported, not read: so they are in a compiled program, and need no permission. Deno before 2.9
// allows such imports only with "raw-imports" in deno.json.

/** A file of the page. */
export interface PageFile {
  /** The path at which it is served. */
  path: string;
  /** The media type. */
  type: string;
  /** Loads the text. */
  load(): Promise<{ default: string }>;
}

const SCRIPT = "text/javascript; charset=utf-8";

/** All files of the page. */
export const PAGE_FILES: readonly PageFile[] = [
  {
    path: "/",
    type: "text/html; charset=utf-8",
    load: () => import("./page.html", { with: { type: "text" } }),
  },
  {
    path: "/page/page.css",
    type: "text/css; charset=utf-8",
    load: () => import("./page.css", { with: { type: "text" } }),
  },
  {
    path: "/page/icon.svg",
    type: "image/svg+xml",
    load: () => import("./icon.svg", { with: { type: "text" } }),
  },
  {
    path: "/page/page.js",
    type: SCRIPT,
    load: () => import("./page.js", { with: { type: "text" } }),
  },
  {
    path: "/page/api.js",
    type: SCRIPT,
    load: () => import("./api.js", { with: { type: "text" } }),
  },
  {
    path: "/page/chart.js",
    type: SCRIPT,
    load: () => import("./chart.js", { with: { type: "text" } }),
  },
  {
    path: "/page/dom.js",
    type: SCRIPT,
    load: () => import("./dom.js", { with: { type: "text" } }),
  },
  {
    path: "/page/events.js",
    type: SCRIPT,
    load: () => import("./events.js", { with: { type: "text" } }),
  },
  {
    path: "/page/format.js",
    type: SCRIPT,
    load: () => import("./format.js", { with: { type: "text" } }),
  },
  {
    path: "/page/path.js",
    type: SCRIPT,
    load: () => import("./path.js", { with: { type: "text" } }),
  },
  {
    path: "/page/sessions.js",
    type: SCRIPT,
    load: () => import("./sessions.js", { with: { type: "text" } }),
  },
  {
    path: "/page/theme.js",
    type: SCRIPT,
    load: () => import("./theme.js", { with: { type: "text" } }),
  },
];
