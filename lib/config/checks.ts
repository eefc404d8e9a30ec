/** What single keys cannot tell: combinations that cannot be. */

import { isIPv6 } from "node:net";
import type { AuthConfig, HostLimits, Limits, ListenerConfig } from "./config.ts";
import type { Path, Report } from "./problem.ts";

/** One address and port to listen on. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
  readonly tls: ListenerConfig["tls"];
}

/** All that one list of listeners opens, in order. */
export function endpoints(listeners: readonly ListenerConfig[]): Endpoint[] {
  return listeners.flatMap(({ address, port, tls }) =>
    address.map((one) => ({ address: canonicalAddress(one), port, tls }))
  );
}

/** One way to write an address: IPv6 in its shortest form. */
export function canonicalAddress(address: string): string {
  if (!isIPv6(address) || address.includes("%")) return address;
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

/** Refuses two listeners on one port of one address; an unspecified address covers its family. */
export function checkListeners(
  listeners: readonly ListenerConfig[],
  path: Path,
  report: Report,
): void {
  const taken: Endpoint[] = [];
  listeners.forEach((listener, i) => {
    if (listener.address.length === 0) {
      report([...path, i, "address"], "expected at least one IP address, got an empty list");
    }
    for (const endpoint of endpoints([listener])) {
      const other = taken.find((one) => overlap(one, endpoint));
      if (other === undefined) taken.push(endpoint);
      else {
        const { address, port } = other;
        report([...path, i, "port"], `port ${port} on ${address} is taken by a listener above`);
        return;
      }
    }
  });
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
