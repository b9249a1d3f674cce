// The table of routes of the API.

import { captureRoutes } from "./api/capture_routes.ts";
import { discoverRoutes } from "./api/discover_routes.ts";
import { eventRoutes } from "./api/event_routes.ts";
import { descriptionRoute } from "./api/openapi.ts";
import { pageRoutes } from "./api/page_routes.ts";
import type { Route } from "./api/route.ts";
import { sessionRoutes } from "./api/session_routes.ts";
import type { ApiSource } from "./api/source.ts";
import { statusRoutes } from "./api/status_routes.ts";
import type { EventHub } from "./event_hub.ts";

/**
 * Makes all routes.
 *
 * @param source The running side
 * @param events The events of that side
 * @returns The routes
 */
export function apiRoutes(source: ApiSource, events: EventHub): Route[] {
  const routes = [
    ...statusRoutes(source),
    ...sessionRoutes(source),
    ...eventRoutes(events),
    ...captureRoutes(source),
    ...discoverRoutes(source),
  ];
  return [...routes, descriptionRoute(routes), ...pageRoutes()];
}
