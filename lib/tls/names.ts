/** Whether a certificate is for a domain (RFC 6125, RFC 6120 §13.7.1.2). */

import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { prepDomain } from "../jid.ts";
import type { AltNames } from "./x509.ts";

/** A domain as certificates write it: A-labels in lower case, no final dot; undefined if none. */
export function asciiDomain(domain: string): string | undefined {
  const ascii = domainToASCII(domain).toLowerCase();
  const bare = ascii.endsWith(".") ? ascii.slice(0, -1) : ascii;
  return bare === "" ? undefined : bare;
}

/**
 * True if one of the DNS names of a certificate is the domain. A wildcard stands for one whole
 * leftmost label, and not directly below a top-level domain (RFC 6125 §6.4.3).
 */
export function nameMatches(
  certificate: { readonly names: readonly string[] },
  domain: string,
): boolean {
  const wanted = asciiDomain(domain);
  if (wanted === undefined) return false;
  const ip = isIP(wanted.replace(/^\[|\]$/g, "")) !== 0;
  const address = wanted.replace(/^\[|\]$/g, "");
  return certificate.names.some((name) =>
    ip ? name.toLowerCase() === address : dnsNameMatches(name, wanted)
  );
}

function dnsNameMatches(name: string, wanted: string): boolean {
  const presented = name.toLowerCase().replace(/\.$/, "");
  if (!presented.startsWith("*.")) return presented === wanted;
  const parent = presented.slice(2);
  const dot = wanted.indexOf(".");
  return dot > 0 && parent.includes(".") && !parent.includes("*") &&
    wanted.slice(dot + 1) === parent;
}

/**
 * True if a server's certificate speaks for a domain: by DNS-ID, by SRV-ID for the service, or by an
 * xmppAddr that is the domain itself.
 *
 * @param service "xmpp-server", or "xmpp-client" where a client's server is checked
 */
export function identifiesDomain(
  names: AltNames,
  domain: string,
  service: "xmpp-server" | "xmpp-client" = "xmpp-server",
): boolean {
  if (nameMatches({ names: names.dnsNames }, domain)) return true;
  const wanted = asciiDomain(domain);
  const srv = wanted !== undefined && names.srvNames.includes(`_${service}.${wanted}`);
  if (srv) return true;
  const prepared = prepDomain(domain);
  return prepared !== undefined && names.xmppAddrs.some((name) => prepDomain(name) === prepared);
}
