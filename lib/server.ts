/** The server: one object from which everything hangs. Several may run in one process (tests do). */

import { isDeepStrictEqual } from "node:util";
import type { Config, HostConfig, HostLimits } from "./config/config.ts";
import type { Log } from "./log.ts";
import { Deadlines } from "./deadlines.ts";
import { Durability } from "./durability.ts";
import { Flusher } from "./net/flush.ts";
import type { AdmissionLimits } from "./net/admission.ts";
import { Admission } from "./net/admission.ts";
import { roomForConnections } from "./net/open_files.ts";
import type { TlsContext } from "./net/transport.ts";
import type { StreamSettings } from "./stream/reader.ts";
import type { Store } from "./store/mod.ts";
import { openStore } from "./store/mod.ts";
import { Slices } from "./slices.ts";
import { Host } from "./host.ts";
import { hostClosing } from "./hooks/closing.ts";
import { Router } from "./router.ts";
import type { Service } from "./service.ts";
import type { Jid } from "./jid.ts";
import { StreamError } from "./errors.ts";
import type { Throttle } from "./sasl/throttle.ts";
import { makeThrottle } from "./sasl/throttle.ts";
import { verifyClientCertificate } from "./tls/certificate.ts";
import type { Endpoints } from "./certificates.ts";
import { loadEndpoints } from "./certificates.ts";
import { endpoints } from "./config/checks.ts";
import { HttpGate, mostHttpConnections } from "./http/gate.ts";
import type { Listener } from "./listener.ts";
import { listen } from "./listener.ts";
import type { Registry } from "./registry.ts";
import type { ModuleScope } from "./module_scope.ts";
import { loadSecret } from "./secret.ts";

/** How long sessions may take to be told and flushed when the server stops, in ms. */
const STOP_MS = 8000;
/** How often certificates are looked at for their expiry, in ms. */
const CERTIFICATE_CHECK_MS = 12 * 3600_000;
/** What listening on an IPv6 address says where there is no IPv6. */
const NO_IPV6: ReadonlySet<string> = new Set(["EINVAL", "EADDRNOTAVAIL", "EAFNOSUPPORT"]);
/** How often, at most, silent sessions are looked for, in ms. */
const IDLE_CHECK_MS = 15_000;

export class Server {
  /** When it started, ms since the epoch. */
  readonly started: number = Date.now();
  readonly log: Log;
  readonly registry: Registry;
  readonly deadlines = new Deadlines();
  readonly flusher = new Flusher();
  readonly slices = new Slices();
  readonly durability = new Durability();
  readonly hosts = new Map<string, Host>();
  /** Services of the hosts' modules, by domain. */
  readonly services = new Map<string, Service>();
  readonly router: Router;
  readonly admission: Admission;
  throttle: Throttle;
  config: Config;
  /** How the process ends, or starts anew in good order; none where nobody runs it (tests, `user add`). */
  control: { stop(): void; restart(): void } | undefined = undefined;
  store!: Store;
  /** Makes unknown names look like known ones, the same way after every restart (RFC 5802 §9). */
  pretendSecret!: Uint8Array;
  streamSettings: StreamSettings;
  listeners: Listener[] = [];
  /** Connections without a session yet: streams being negotiated, and handshakes of direct TLS. */
  readonly unbound = new Set<{ fail(error: StreamError): void }>();
  readonly modules = new Map<Host, Map<string, ModuleScope>>();
  readonly http: HttpGate;
  /** None while nothing listens. */
  #endpoints: Endpoints | undefined = undefined;
  /** Roots for client certificates; empty if none are accepted. */
  #clientCa: readonly string[] = [];
  #certificateTimer: ReturnType<typeof setInterval> | undefined;
  #idleTimer: ReturnType<typeof setInterval> | undefined;
  /** Clients may come, to hosts that are added later too. */
  #open = false;
  #stopping: Promise<void> | undefined;

  constructor(config: Config, registry: Registry, log: Log) {
    this.config = config;
    this.registry = registry;
    this.log = log;
    this.router = new Router(this.hosts, this.services, this.flusher, log.area("router"));
    this.admission = new Admission(this.#admissionLimits(config));
    this.http = new HttpGate(this);
    this.throttle = throttleOf(config);
    this.streamSettings = this.#settingsOf(config);
  }

  // ---- start and stop ----

  /**
   * Opens the store, loads hosts and modules, then listens (unless told not to: the command line
   * works on the store that way). Rejects with a message for humans.
   */
  async start(options: { listen: boolean } = { listen: true }): Promise<void> {
    const { config } = this;
    await Deno.mkdir(config.data, { recursive: true, mode: 0o700 });
    this.store = await openStore({
      url: config.store.kind === "sqlite"
        ? `sqlite:${config.store.location}`
        : config.store.location,
      synchronous: config.store.synchronous,
      poolSize: config.store.pool,
      queueLimit: config.store.queue,
    });
    try {
      this.pretendSecret = await loadSecret(this.store);
      if (options.listen) (await this.prepare(config))();
      for (const host of config.hosts) await this.addHost(host);
      if (!options.listen) return;
      this.#open = true;
      for (const host of this.hosts.values()) await host.open();
      await this.#openPorts(config);
    } catch (e) {
      await this.stop();
      throw e;
    }
    const { connections } = this.admission.limits;
    if (connections < config.limits.connections) {
      this.log.area("server").warn("fewer connections than limits.connections: raise `ulimit -n`", {
        connections,
        configured: config.limits.connections,
      });
    }
    this.#watchIdle();
    this.#certificateTimer = setInterval(() => {
      this.prepare(this.config).then((take) => take()).catch((e) => {
        this.log.area("tls").error("certificates could not be renewed", { error: String(e) });
      });
    }, CERTIFICATE_CHECK_MS);
  }

  /** A machine without IPv6, as many containers are, does with the other address of a listener. */
  async #openPorts(config: Config): Promise<void> {
    for (const e of endpoints(config.listen)) {
      try {
        this.listeners.push(await listen(this, e));
      } catch (error) {
        const code = ((error as Error).cause as { code?: string } | undefined)?.code ?? "";
        const other = this.listeners.some((l) => l.endpoint.port === e.port);
        if (!other || !e.address.includes(":") || !NO_IPV6.has(code)) throw error;
        this.log.area("server").warn("this machine has no IPv6", {
          address: e.address,
          port: e.port,
        });
      }
    }
  }

  /** No new connections, `system-shutdown` to all, everything written; never rejects. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  async #stop(): Promise<void> {
    clearInterval(this.#certificateTimer);
    clearInterval(this.#idleTimer);
    for (const l of this.listeners) l.close();
    for (const stream of [...this.unbound]) stream.fail(new StreamError("system-shutdown"));
    const answered = this.http.stop();
    const ended = Promise.all([
      answered,
      ...[...this.hosts.values()].map((h) =>
        h.end(new StreamError("system-shutdown"), { suspend: true })
      ),
    ]);
    this.flusher.flush();
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([ended, new Promise((done) => timer = setTimeout(done, STOP_MS))]);
    clearTimeout(timer);
    for (const host of [...this.hosts.values()]) await this.#unload(host);
    this.hosts.clear();
    await this.store?.close();
    this.deadlines.stop();
  }

  // ---- hosts and modules ----

  /** Makes a host and sets its modules up. */
  async addHost(config: HostConfig): Promise<Host> {
    await this.registry.migrate(this.store, Object.values(config.modules));
    const service = this.services.get(config.domain);
    if (service !== undefined) {
      throw new Error(
        `${config.domain} is a service of ${service.host.domain} (module ${service.module})`,
      );
    }
    const host = new Host(this, config);
    this.modules.set(host, new Map());
    try {
      for (const m of Object.values(config.modules)) {
        if (m.enabled) await this.loadModule(host, m.name);
      }
    } catch (e) {
      await this.#unload(host);
      throw e;
    }
    this.hosts.set(host.domain, host);
    if (this.#open) await host.open();
    return host;
  }

  /** Ends a host's sessions and forgets it. Its data stays. */
  async removeHost(host: Host): Promise<void> {
    await host.end(new StreamError("host-gone"));
    this.hosts.delete(host.domain);
    await this.#unload(host);
  }

  async loadModule(host: Host, name: string): Promise<void> {
    const config = host.config.modules[name]!;
    await this.registry.migrate(this.store, [config]);
    try {
      this.modules.get(host)!.set(name, await this.registry.load(host, config));
    } catch (e) {
      throw new Error(`module ${name} on ${host.domain}: ${e instanceof Error ? e.message : e}`, {
        cause: e,
      });
    }
  }

  async unloadModule(host: Host, name: string): Promise<void> {
    const loaded = this.modules.get(host)!;
    await loaded.get(name)?.unload();
    loaded.delete(name);
  }

  async #unload(host: Host): Promise<void> {
    await host.hooks.tell(hostClosing);
    for (const name of [...this.modules.get(host)?.keys() ?? []].reverse()) {
      await this.unloadModule(host, name);
    }
    this.modules.delete(host);
  }

  // ---- what streams ask ----

  /** The host that speaks for the server where no other is meant. */
  get defaultDomain(): string {
    return this.config.hosts[0]!.domain;
  }

  get directTls(): TlsContext {
    return this.#endpoints!.direct;
  }

  /** For https. */
  get httpTls(): TlsContext {
    return this.#endpoints!.http;
  }

  get certificates(): Endpoints["certificates"] {
    return this.#endpoints?.certificates ?? new Map();
  }

  tlsFor(host: Host): TlsContext | undefined {
    return this.#endpoints?.byHost.get(host.domain);
  }

  /** The accounts that a client certificate speaks for (XEP-0178), verified by `tls.client_ca`. */
  async certificateJids(chain: readonly Uint8Array[]): Promise<readonly Jid[]> {
    if (this.#clientCa.length === 0) return [];
    const verdict = await verifyClientCertificate(chain, this.#clientCa);
    if (verdict.ok) return verdict.jids;
    this.log.area("auth").info("a client certificate was not accepted", { reason: verdict.reason });
    return [];
  }

  // ---- reload ----

  /** Certificates of another configuration: loaded first, for they may be missing or broken. */
  async prepare(config: Config): Promise<() => void> {
    const endpoints = await loadEndpoints(config, this.log.area("tls"));
    const clientCa = await readClientCa(config);
    return () => {
      this.#endpoints = endpoints;
      this.#clientCa = clientCa;
    };
  }

  /** Takes over what streams and listeners read from the configuration. */
  apply(config: Config): void {
    const sameThrottle = isDeepStrictEqual(this.config.auth.throttle, config.auth.throttle);
    if (!sameThrottle) this.throttle = throttleOf(config); // new rules, new counts
    this.config = config;
    this.admission.limits = this.#admissionLimits(config);
    this.streamSettings = this.#settingsOf(config);
    this.log.configure(config.log);
    for (const host of this.hosts.values()) host.applyLimits();
    this.#watchIdle();
  }

  /** As configured, as far as the system has room. */
  #admissionLimits(config: Config): AdmissionLimits {
    const room = roomForConnections().connections - mostHttpConnections(config);
    return { ...config.limits, connections: Math.min(config.limits.connections, room) };
  }

  /** Of streams that have not logged in yet. */
  #settingsOf(config: Config): StreamSettings {
    return this.settingsFor(
      config,
      config.limits,
      config.limits.stanza_bytes_before_auth,
      config.hosts[0]!.domain,
    );
  }

  /** Of streams under these limits. */
  settingsFor(
    config: Config,
    limits: HostLimits,
    stanzaBytes: number,
    from: string,
  ): StreamSettings {
    const { depth, attributes, children } = limits;
    return {
      limits: { stanzaBytes, depth, attributes, children },
      from,
      outputBytes: limits.output_bytes,
      rate: limits.bytes_per_second === 0
        ? undefined
        : { bytesPerSecond: limits.bytes_per_second, burst: limits.burst_bytes },
      closeTimeoutMs: config.c2s.close_timeout,
      flusher: this.flusher,
      deadlines: this.deadlines,
      log: this.log.area("stream"),
    };
  }

  // ---- silence ----

  /** Ends sessions that have been silent for longer than `c2s.idle_timeout`, while that is set. */
  #watchIdle(): void {
    clearInterval(this.#idleTimer);
    const ms = this.config.c2s.idle_timeout;
    if (ms === 0) return;
    this.#idleTimer = setInterval(() => {
      const since = performance.now() - ms;
      for (const host of this.hosts.values()) host.endIdle(since);
    }, Math.min(ms / 4, IDLE_CHECK_MS));
  }
}

async function readClientCa(config: Config): Promise<readonly string[]> {
  const { client_ca } = config.tls;
  return client_ca === undefined ? [] : [await Deno.readTextFile(client_ca)];
}

function throttleOf(config: Config): Throttle {
  const { throttle } = config.auth;
  return makeThrottle({
    freeAttempts: throttle.free_attempts,
    baseDelayMs: throttle.delay,
    maxDelayMs: throttle.max_delay,
    windowSeconds: throttle.window / 1000,
    blockAfter: throttle.block_after,
    maxEntries: throttle.entries,
  });
}
