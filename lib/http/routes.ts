/**
 * What a host serves over HTTP: applications of its modules, each under a path of its own.
 *
 * An application is anything with `fetch`, as a Hono app is. It sees paths without the one that it is
 * mounted at.
 */

import type { Later } from "../later.ts";

/** What an application is told beside the request: `c.env` in Hono. */
export interface HttpEnv {
  /** The client's IP address; behind a trusted proxy the one that the proxy has told. */
  readonly remote: string;
  /** Whether the client has used https, if need be to the proxy. */
  readonly secure: boolean;
  /** The virtual host. */
  readonly domain: string;
}

/** A Hono app: `new Hono<{ Bindings: HttpEnv }>()`. */
export interface HttpApp {
  fetch(request: Request, env: HttpEnv): Later<Response>;
}

export interface RouteOptions {
  /** Largest body of a request; that of `http.body_bytes` if not given. */
  readonly bodyBytes?: number;
}

/** A module's handle on HTTP. */
export interface HttpRegistry {
  /**
   * Mounts an application at a path such as `/upload`: it gets what is requested there and below, as
   * `/` and below. A function is called at the first request, so that its code may be loaded then.
   * Where paths of two modules fit, the longer one counts.
   * @throws Error if the path is taken, or is none
   */
  route(path: string, app: HttpApp | (() => Promise<HttpApp>), options?: RouteOptions): void;
  /**
   * The public URL of a path of this host, e.g. of `/upload/1234`; undefined while there is no HTTP
   * listener. Ask when you need it: it may change with a reload. Names in the path must be encoded.
   */
  url(path: string): string | undefined;
}

export interface HttpRoute {
  readonly module: string;
  readonly path: string;
  /** Loads the application, if it is not there yet. */
  readonly app: () => Later<HttpApp>;
  readonly bodyBytes: number | undefined;
}

const PATH = /^(\/[A-Za-z0-9._~-]+)*$/;

export class HttpRoutes {
  readonly #routes = new Map<string, HttpRoute>();

  /** @returns what removes it */
  add(
    module: string,
    path: string,
    app: HttpApp | (() => Promise<HttpApp>),
    { bodyBytes }: RouteOptions = {},
  ): () => void {
    const at = path === "/" ? "" : path;
    if (!PATH.test(at)) throw new Error(`"${path}" is no path for HTTP`);
    const other = this.#routes.get(at);
    if (other !== undefined) {
      throw new Error(`the HTTP path ${path} is taken by the module ${other.module}`);
    }
    const load = typeof app === "function" ? once(app) : () => app;
    this.#routes.set(at, { module, path: at, app: load, bodyBytes });
    return () => void this.#routes.delete(at);
  }

  /** The route for a path that is decoded as far as it is compared. */
  find(path: string): HttpRoute | undefined {
    for (let end = path.length; end >= 0; end = end === 0 ? -1 : path.lastIndexOf("/", end - 1)) {
      const route = this.#routes.get(path.slice(0, end));
      if (route !== undefined) return route;
    }
    return undefined;
  }

  get size(): number {
    return this.#routes.size;
  }
}

/** Loads at the first call, and again after a failure. */
function once(load: () => Promise<HttpApp>): () => Later<HttpApp> {
  let app: HttpApp | undefined;
  let loading: Promise<HttpApp> | undefined;
  return () => {
    if (app !== undefined) return app;
    loading ??= load().then((a) => app = a).finally(() => loading = undefined);
    return loading;
  };
}
