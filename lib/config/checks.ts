/** What single keys cannot tell: combinations that cannot be. */

import { isIPv6 } from "node:net";
import type { AuthConfig, Config, HostLimits, Limits } from "./config.ts";
import type { Path, Report } from "./problem.ts";

/** One address and port to listen on. */
export interface Endpoint {
  /** Who connects there: the list in `[listen]`. */
  readonly kind: keyof Config["listen"];
  readonly address: string;
  readonly port: number;
  readonly tls: Config["listen"][keyof Config["listen"]][number]["tls"];
}

/** All that is to be opened, in order. */
export function endpoints(listen: Config["listen"]): Endpoint[] {
  return [...endpointsOf("c2s", listen.c2s), ...endpointsOf("http", listen.http)];
}

function endpointsOf(
  kind: Endpoint["kind"],
  listeners: readonly (Omit<Endpoint, "kind" | "address"> & { address: readonly string[] })[],
): Endpoint[] {
  return listeners.flatMap(({ address, port, tls }) =>
    address.map((one) => ({ kind, address: canonicalAddress(one), port, tls }))
  );
}

/** What a client speaks there, in a word for logs. */
export function protocolOf({ kind, tls }: Endpoint): string {
  if (kind !== "http") return tls;
  return tls === "direct" ? "https" : "http";
}

/** One way to write an address: IPv6 in its shortest form. */
export function canonicalAddress(address: string): string {
  if (!isIPv6(address) || address.includes("%")) return address;
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

/** Refuses two listeners on one port of one address; an unspecified address covers its family. */
export function checkListeners(listen: Config["listen"], path: Path, report: Report): void {
  const taken: Endpoint[] = [];
  for (const kind of ["c2s", "http"] as const) {
    listen[kind].forEach((listener, i) => {
      const at = [...path, kind, i];
      if (listener.address.length === 0) {
        report([...at, "address"], "expected at least one IP address, got an empty list");
      }
      for (const endpoint of endpointsOf(kind, [listener])) {
        const other = taken.find((one) => overlap(one, endpoint));
        if (other === undefined) {
          taken.push(endpoint);
          continue;
        }
        const { address, port } = other;
        const whose = other.kind === kind ? "a listener above" : `[[listen.${other.kind}]]`;
        report([...at, "port"], `port ${port} on ${address} is taken by ${whose}`);
        return;
      }
    });
  }
}

function overlap(a: Endpoint, b: Endpoint): boolean {
  if (a.port === 0 || a.port !== b.port || isIPv6(a.address) !== isIPv6(b.address)) return false;
  return a.address === b.address || unspecified(a.address) || unspecified(b.address);
}

function unspecified(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

export function checkLimits(limits: Limits, path: Path, report: Report): void {
  checkHostLimits(limits, path, report);
  if (limits.stanza_bytes_before_auth > limits.stanza_bytes) {
    report([...path, "stanza_bytes_before_auth"], "must not be larger than stanza_bytes");
  }
}

/** Checks those limits that hosts have too. */
export function checkHostLimits(limits: HostLimits, path: Path, report: Report): void {
  if (limits.bytes_per_second > 0 && limits.burst_bytes < limits.bytes_per_second) {
    report([...path, "burst_bytes"], "must not be smaller than bytes_per_second");
  }
  if (limits.output_bytes < limits.stanza_bytes) {
    report([...path, "output_bytes"], "must not be smaller than stanza_bytes");
  }
}

export function checkAuth(auth: AuthConfig, path: Path, report: Report): void {
  const { delay, max_delay } = auth.throttle;
  if (max_delay < delay) {
    report([...path, "throttle", "max_delay"], "must not be shorter than delay");
  }
}

/** Hosts are told apart by the name in the URL. */
export function checkPublicUrls(
  hosts: readonly { readonly domain: string; readonly public_url: string | undefined }[],
  path: Path,
  report: Report,
): void {
  const seen = new Map<string, string>();
  for (const { domain, public_url } of hosts) {
    if (public_url === undefined) continue;
    const { host } = new URL(public_url);
    const other = seen.get(host);
    if (other !== undefined) {
      report(path, `${other} and ${domain} need URLs of their own: put {host} into it`);
      return;
    }
    seen.set(host, domain);
  }
}
