/** What a request is for: the virtual host by its name, and a path. */

import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { Host } from "../host.ts";
import { prepareDomain } from "../idna.ts";
import type { Server } from "../server.ts";

export interface Target {
  /** Name and port, as in a URL. */
  readonly authority: string;
  /** Without dot segments, encoded as it came. */
  readonly path: string;
  /** With its question mark, or empty. */
  readonly query: string;
}

/** Reads the request line and the field Host; undefined if they make no sense (RFC 9112 §3.2). */
export function pathOf(request: IncomingMessage): Target | undefined {
  const { url = "", rawHeaders } = request;
  let host: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() !== "host") continue;
    if (host !== undefined) return undefined;
    host = rawHeaders[i + 1]!;
  }
  if (host === undefined || !/^[^\s/?#@\\]+$/.test(host)) return undefined;
  // RFC 9112 §3.2.2: a whole URL counts more than the field.
  const whole = /^https?:\/\//i.test(url);
  if (!whole && !url.startsWith("/")) return undefined;
  const parsed = URL.parse(whole ? url : `http://${host}${url}`);
  if (parsed === null || parsed.username !== "" || parsed.password !== "") return undefined;
  return { authority: parsed.host, path: parsed.pathname, query: parsed.search };
}

/**
 * The host that a name stands for: its domain, the name in its public URL, or one of its services.
 * Addresses and `localhost` are the first host's; other names nobody's, so that no web page makes a
 * browser believe that this server is its own (DNS rebinding).
 */
export function hostOf(server: Server, authority: string): Host | undefined {
  const { hostname } = new URL(`http://${authority}`);
  const domain = prepareDomain(hostname) ?? hostname;
  const host = server.hosts.get(domain) ?? server.services.get(domain)?.host;
  if (host !== undefined) return host;
  for (const one of server.hosts.values()) {
    const { public_url } = one.config;
    if (public_url !== undefined && new URL(public_url).hostname === hostname) return one;
  }
  const here = hostname === "localhost" || isIP(hostname.replace(/^\[|\]$/g, "")) !== 0;
  return here ? server.hosts.get(server.defaultDomain) : undefined;
}
