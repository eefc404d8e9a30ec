/** One module on one host: the handle its `setup` gets, which remembers all that must be undone. */

import type { Host } from "./host.ts";
import type { Later } from "./later.ts";
import type { Jid } from "./jid.ts";
import type { LogArea } from "./log.ts";
import type { ModuleConfig } from "./config/config.ts";
import type { Element } from "./xml/element.ts";
import type { Stanza } from "./stanza.ts";
import type { Account, Session } from "./session.ts";
import type { Deadline } from "./deadlines.ts";
import type { AnyHook, Ask, Drop, Filter, Handler, Tell } from "./hooks/hook.ts";
import type { Order } from "./hooks/order.ts";
import type { AnyModule } from "./registry.ts";
import type {
  HostSettings,
  IqHandler,
  IqRegistry,
  IqScope,
  ModuleHost,
  ServiceHandle,
} from "./module.ts";
import { makeService } from "./module_service.ts";
import type { CommandRegistrar } from "./commands.ts";
import { commandOf } from "./commands.ts";
import type { HttpRegistry } from "./http/routes.ts";
import { publicUrl } from "./http/url.ts";
import { VERSION } from "./version.ts";

const REQUEST_MS = 30_000;

// deno-lint-ignore no-explicit-any
export class ModuleScope implements ModuleHost<any> {
  readonly definition: AnyModule;
  readonly log: LogArea;
  readonly iq: IqRegistry;
  readonly command: CommandRegistrar;
  readonly http: HttpRegistry;
  readonly slices: ModuleHost["slices"];
  readonly #host: Host;
  readonly #settings: ModuleConfig;
  readonly #undo: (() => Later<void>)[] = [];
  readonly #timers = new Set<Deadline>();
  #unloaded = false;

  constructor(host: Host, definition: AnyModule, settings: ModuleConfig) {
    this.#host = host;
    this.definition = definition;
    this.#settings = settings;
    this.log = host.log.area(settings.name);
    const register =
      (type: "get" | "set") =>
      (ns: string, name: string, handler: IqHandler, scope: IqScope = "host") => {
        this.#undo.push(host.iqs.add(type, ns, name, { module: this.name, handler, scope }));
      };
    this.iq = { get: register("get"), set: register("set") };
    this.command = (declared: Parameters<typeof commandOf>[1]) => {
      this.#undo.push(host.commands.add(commandOf(this.name, declared)));
    };
    this.http = {
      route: (path, app, options) => {
        this.#undo.push(host.http.add(this.name, path, app, options));
      },
      url: (path) => publicUrl(host, path),
    };
    const { slices } = host.server;
    this.slices = {
      run: (task) => slices.run(() => this.#runSlice(task)),
      get length() {
        return slices.length;
      },
    };
  }

  get name(): string {
    return this.#settings.name;
  }

  get domain(): string {
    return this.#host.domain;
  }

  get jid(): Jid {
    return this.#host.jid;
  }

  get config(): unknown {
    return this.#settings.settings;
  }

  get store() {
    return this.#host.server.store;
  }

  get server() {
    const { started, control, config: { data } } = this.#host.server;
    return { name: "Confab", version: VERSION, started, data, control };
  }

  get settings(): HostSettings {
    const { config, server } = this.#host;
    return {
      admins: server.config.admins,
      anonymous: config.anonymous,
      stanzaBytes: config.limits.stanza_bytes,
      idleSeconds: server.config.c2s.idle_timeout > 0
        ? server.config.c2s.idle_timeout / 1000
        : undefined,
      sessionsPerAccount: config.limits.sessions_per_account,
      iterations: server.config.auth.iterations,
    };
  }

  get commands() {
    return this.#host.commands;
  }

  feature(...namespaces: string[]): void {
    for (const ns of namespaces) this.#undo.push(this.#host.features.add(ns));
  }

  accountFeature(...namespaces: string[]): void {
    for (const ns of namespaces) this.#undo.push(this.#host.accountFeatures.add(ns));
  }

  features(of: "host" | "account"): string[] {
    return (of === "host" ? this.#host.features : this.#host.accountFeatures).list();
  }

  service(name: string, description: string): ServiceHandle {
    const { handle, close } = makeService(this.#host, this.name, name, description);
    this.#undo.push(close);
    return handle;
  }

  pledge(commit: Promise<unknown>): void {
    this.#host.server.durability.pledge(commit);
  }

  on<H extends AnyHook>(hook: H, handler: Handler<H>, order?: Order): void {
    this.#undo.push(this.#host.hooks.add(hook, this.name, handler, order));
  }

  ask<A extends unknown[], R>(hook: Ask<A, R>, ...args: A): Later<R | undefined> {
    return this.#host.hooks.ask(hook, ...args);
  }

  tell<A extends unknown[]>(hook: Tell<A>, ...args: A): Later<void> {
    return this.#host.hooks.tell(hook, ...args);
  }

  filter<V, A extends unknown[]>(hook: Filter<V, A>, value: V, ...args: A): Later<V | Drop> {
    return this.#host.hooks.filter(hook, value, ...args);
  }

  has(hook: AnyHook): boolean {
    return this.#host.hooks.has(hook);
  }

  account(jid: Jid): Account | undefined {
    return this.#host.account(jid);
  }

  session(jid: Jid): Session | undefined {
    return this.#host.session(jid);
  }

  accounts(): Iterable<Account> {
    return this.#host.online.values();
  }

  send(stanza: Stanza): Later<void> {
    return this.#host.server.router.route(stanza);
  }

  fanOut(stanza: Stanza, recipients: Iterable<Jid>): void {
    this.#host.server.router.fanOut.send(stanza, recipients);
  }

  burst(stanzas: Iterable<Stanza>, to: Jid, unreachable: (jid: Jid) => void): void {
    this.#host.server.router.broadcaster.burst(stanzas, to, unreachable);
  }

  broadcast(
    stanza: Stanza,
    recipients: Iterable<{ readonly jid: Jid }>,
    unreachable: (jid: Jid) => void,
  ): void {
    this.#host.server.router.broadcaster.send(stanza, recipients, unreachable);
  }

  request(
    to: Jid,
    type: "get" | "set",
    payload: Element,
    ms = REQUEST_MS,
    from = this.#host.jid,
  ): Promise<Stanza> {
    const host = this.#host;
    const route = (s: Stanza) => void host.server.router.route(s);
    return host.requests.send(route, from, to, type, payload, ms);
  }

  after(ms: number, f: () => void): Deadline {
    const deadline = this.#host.server.deadlines.after(ms, () => {
      this.#timers.delete(deadline);
      try {
        f();
      } catch (e) {
        this.#failed("a timer's task failed", e);
      }
    });
    this.#timers.add(deadline);
    return {
      cancel: () => {
        this.#timers.delete(deadline);
        deadline.cancel();
      },
    };
  }

  every(ms: number, f: () => Later<void>): void {
    const run = async () => {
      try {
        await f();
      } catch (e) {
        this.#failed("a timer's task failed", e);
      }
    };
    const timer = setInterval(run, ms);
    this.#undo.push(() => clearInterval(timer));
  }

  onOpen(f: (host: Host) => Later<void>): Later<void> {
    return this.#host.whenOpen(() => f(this.#host));
  }

  onUnload(f: () => Later<void>): void {
    this.#undo.push(f);
  }

  /** Undoes everything, the latest first. */
  async unload(): Promise<void> {
    this.#unloaded = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    for (const undo of this.#undo.splice(0).reverse()) {
      try {
        await undo();
      } catch (e) {
        this.#failed("unloading failed", e);
      }
    }
  }

  #runSlice(task: () => void): void {
    if (this.#unloaded) return;
    try {
      task();
    } catch (e) {
      this.#failed("a task failed", e);
    }
  }

  #failed(what: string, e: unknown): void {
    this.log.error(what, { error: e instanceof Error ? e.stack ?? e.message : String(e) });
  }
}
