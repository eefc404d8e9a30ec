/** Where a host's pages and files are found from outside. */

import type { Host } from "../host.ts";

/** The public URL of a path; undefined while nothing serves it. */
export function publicUrl(host: Host, path: string): string | undefined {
  const base = publicBase(host);
  return base === undefined ? undefined : base + path;
}

/** The URL without a slash at its end. */
export function publicBase(host: Host): string | undefined {
  const { config, server } = host;
  if (config.public_url !== undefined) return config.public_url;
  // With TLS rather than without.
  const listeners = server.config.listen.http;
  const listener = listeners.find((l) => l.tls === "direct") ?? listeners[0];
  if (listener === undefined) return undefined;
  const { tls } = listener;
  const open = server.listeners.find((l) =>
    l.endpoint.kind === "http" && l.endpoint.tls === tls &&
    (listener.port === 0 || l.endpoint.port === listener.port)
  );
  const port = open?.port ?? listener.port;
  const url = new URL(`${tls === "direct" ? "https" : "http"}://${host.domain}`);
  url.port = String(port);
  return url.origin;
}
