/** Who a client is, as trusted reverse proxies tell it. */

import { BlockList, isIP } from "node:net";

/** A set of addresses and networks. */
export interface Networks {
  has(address: string): boolean;
}

const known = new WeakMap<readonly string[], Networks>();

/** From lists as in the configuration; keep the list, for it is read once. */
export function proxies(list: readonly string[]): Networks {
  let networks = known.get(list);
  if (networks === undefined) known.set(list, networks = makeNetworks(list));
  return networks;
}

function makeNetworks(list: readonly string[]): Networks {
  if (list.length === 0) return { has: () => false };
  const all = new BlockList();
  for (const entry of list) {
    const [address = "", prefix] = entry.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) all.addAddress(address, family);
    else all.addSubnet(address, Number(prefix), family);
  }
  return {
    has: (address) => {
      const plain = plainAddress(address);
      const family = isIP(plain);
      return family !== 0 && all.check(plain, family === 6 ? "ipv6" : "ipv4");
    },
  };
}

/** IPv4 in IPv6 is IPv4. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

/** How many proxies in a row are looked through. */
const MAX_PROXIES = 20;

/**
 * The address of the client: the last one in X-Forwarded-For that no trusted proxy has. What stands
 * before that one anybody may have written.
 */
export function clientAddress(
  peer: string,
  forwardedFor: string | null,
  trusted: Networks,
): string {
  let client = plainAddress(peer);
  if (forwardedFor === null) return client;
  // From the end: what is in front, and how much of it there is, is the client's own.
  const hops = forwardedFor.split(",").slice(-MAX_PROXIES);
  while (hops.length > 0 && trusted.has(client)) {
    const hop = hops.pop()!.trim().replace(/^\[|\]$/g, "");
    if (isIP(hop) === 0) break;
    client = plainAddress(hop);
  }
  return client;
}
