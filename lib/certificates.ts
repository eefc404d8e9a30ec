/** The hosts' certificates: given ones, or self-signed ones made in the data folder; and reloading. */

import { join } from "node:path";
import type { SecureContext } from "node:tls";
import type { Config, HostConfig } from "./config/config.ts";
import { prepareDomain } from "./idna.ts";
import type { LogArea } from "./log.ts";
import type { TlsContext } from "./net/transport.ts";
import { tlsEndpoint } from "./net/tls.ts";
import type { LoadedCertificate } from "./tls/certificate.ts";
import { loadCertificate, nameMatches } from "./tls/certificate.ts";
import { ensureCertificate } from "./tls/selfsigned.ts";

/** XEP-0368 §3: the name that says which protocol is meant on a port of many. */
const ALPN = ["xmpp-client"];
const HTTP_ALPN = ["http/1.1"];

/** All endpoints of one state of the configuration. */
export interface Endpoints {
  /** For STARTTLS, by host. */
  readonly byHost: ReadonlyMap<string, TlsContext>;
  /** For direct TLS, where the host is known by SNI only. */
  readonly direct: TlsContext;
  /** For https; clients are asked for no certificate. */
  readonly http: TlsContext;
  readonly certificates: ReadonlyMap<string, LoadedCertificate>;
}

/** Loads or makes what the hosts need. Throws with a message that names the file. */
export async function loadEndpoints(config: Config, log: LogArea): Promise<Endpoints> {
  const certificates = new Map<string, LoadedCertificate>();
  const shared = new Map<string, LoadedCertificate>();
  for (const host of config.hosts) {
    const files = await filesOf(config, host, log);
    const key = files.certFile + "\n" + files.keyFile;
    const loaded = shared.get(key) ?? await loadCertificate(files);
    shared.set(key, loaded);
    certificates.set(host.domain, loaded);
    const days = Math.floor((loaded.notAfter.getTime() - Date.now()) / 86_400_000);
    if (days < 14) {
      log.warn("a certificate expires soon", { host: host.domain, file: files.certFile, days });
    }
  }
  const common = {
    minVersion: `TLSv${config.tls.min_version}` as const,
    alpn: ALPN,
    handshakeTimeoutMs: config.c2s.handshake_timeout,
    clientCa: config.tls.client_ca === undefined
      ? undefined
      : await Deno.readTextFile(config.tls.client_ca),
  };
  const endpoint = (c: LoadedCertificate, choose?: (name: string) => SecureContext | undefined) =>
    tlsEndpoint({ ...common, cert: c.cert, key: c.key, endPoint: c.endPointHash, choose });
  const made = new Map([...shared.values()].map((c) => [c, endpoint(c)]));
  const byHost = new Map([...certificates].map(([domain, c]) => [domain, made.get(c)!]));
  const first = certificates.get(config.hosts[0]!.domain)!;
  const direct = shared.size === 1
    ? made.get(first)!
    : endpoint(first, (name) => certificates.get(hostOf(name))?.context);
  const http = tlsEndpoint({
    ...common,
    alpn: HTTP_ALPN,
    clientCa: undefined,
    cert: first.cert,
    key: first.key,
    endPoint: undefined,
    choose: shared.size === 1 ? undefined : (name) => forName(certificates, name)?.context,
  });
  return { byHost, direct: bySni(direct, byHost, shared.size), http, certificates };
}

/** The certificate of a host, or one that is also for another name, as a service's. */
function forName(
  certificates: ReadonlyMap<string, LoadedCertificate>,
  name: string,
): LoadedCertificate | undefined {
  const exact = certificates.get(hostOf(name));
  if (exact !== undefined) return exact;
  for (const one of certificates.values()) if (nameMatches(one, name)) return one;
  return undefined;
}

/** With several certificates the channel binding is that of the one which SNI chose. */
function bySni(
  direct: TlsContext,
  byHost: ReadonlyMap<string, TlsContext>,
  count: number,
): TlsContext {
  if (count === 1) return direct;
  return {
    ...direct,
    endPointOf: (name) => byHost.get(hostOf(name))?.endPoint ?? direct.endPoint,
  };
}

/** SNI has A-labels (RFC 6066 §3), our hosts' names have U-labels. */
function hostOf(name: string): string {
  return prepareDomain(name) ?? name;
}

async function filesOf(
  config: Config,
  host: HostConfig,
  log: LogArea,
): Promise<{ certFile: string; keyFile: string }> {
  const given = host.certificate ?? config.tls.certificate;
  if (given !== undefined) return { certFile: given.certificate, keyFile: given.key };
  const started = Date.now();
  const made = await ensureCertificate(join(config.data, "certs"), [host.domain]);
  const { mtime } = await Deno.stat(made.certFile);
  if (mtime !== null && mtime.getTime() >= started - 1000) {
    log.info("a self-signed certificate was made", { host: host.domain, file: made.certFile });
  }
  return made;
}
