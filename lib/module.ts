/**
 * A module, as its author sees it: a name, what it implements, its settings, its tables, and a
 * `setup` that registers handlers through the host's handle. Everything registered there vanishes
 * when the module is unloaded.
 */

import type * as v from "valibot";
import type { Kysely } from "kysely";
import type { Jid } from "./jid.ts";
import type { Host } from "./host.ts";
import type { Later } from "./later.ts";
import type { LogArea } from "./log.ts";
import type { Element } from "./xml/element.ts";
import type { Stanza } from "./stanza.ts";
import type { ServiceDisco, ServiceHandler } from "./service.ts";
import type { AtService, CommandRegistrar, Commands } from "./commands.ts";
import type { HttpRegistry } from "./http/routes.ts";
import type { Account, Session } from "./session.ts";
import type { Store } from "./store/mod.ts";
import type { AnyHook, Ask, Drop, Filter, Handler, Tell } from "./hooks/hook.ts";
import type { Order } from "./hooks/order.ts";
import type { Deadline } from "./deadlines.ts";
import type { Slices } from "./slices.ts";

// deno-lint-ignore no-explicit-any
type Schema = v.StrictObjectSchema<any, any>;

/** Ordered by name of insertion; each is run once per database (see the store's `migrate`). */
export type Migrations = Readonly<
  // deno-lint-ignore no-explicit-any
  Record<string, { up(db: Kysely<any>, dialect: Store["dialect"]): Promise<void> }>
>;

export interface ModuleDefinition<S extends Schema = Schema> {
  /** As in the TOML: lower case, `_` between words. */
  readonly name: string;
  /** One line for `confab modules` and config.example.toml. */
  readonly description: string;
  /** What it implements, with the version of the text: `{ "XEP-0199": "2.0.1" }`. */
  readonly xeps?: Readonly<Record<string, string>>;
  /** On unless the TOML says otherwise; true if not given. */
  readonly enabledByDefault?: boolean;
  /** Settings: `v.strictObject({ quota: setting(wholeNumber(1, 1000), 100, "what it is") })`. */
  readonly config?: S;
  /** Tables, created and upgraded at start; once for all hosts. */
  readonly migrations?: Migrations;
  /** Called for every host that has the module on. May be asynchronous. */
  setup(host: ModuleHost<v.InferOutput<S>>): Later<void>;
}

/** Declares a module: the default export of its file. */
export function defineModule<S extends Schema>(
  definition: ModuleDefinition<S>,
): ModuleDefinition<S> {
  return definition;
}

/** The answer of an IQ handler: a payload, an empty result, or none (it has answered by itself). */
export type IqReply = Element | typeof EMPTY_RESULT | typeof NO_REPLY;
export const EMPTY_RESULT: unique symbol = Symbol("empty result");
export const NO_REPLY: unique symbol = Symbol("no reply");

/** An IQ result with that payload, or an empty one. */
export function result(payload?: Element): IqReply {
  return payload ?? EMPTY_RESULT;
}

/**
 * Answers an IQ. `payload` is its child element. Throw `StanzaError` to refuse; anything else thrown
 * is answered with `internal-server-error` and logged under the module's name.
 */
export type IqHandler = (iq: Stanza, payload: Element) => Later<IqReply>;

/**
 * Whom an IQ handler serves:
 * - `host`: IQs addressed to the host itself;
 * - `owner`: IQs to an account (or without `to`) from that account; others are told `forbidden`;
 * - `account`: IQs to an existing account's bare JID, whoever sends them.
 */
export type IqScope = "host" | "owner" | "account";

export interface IqRegistry {
  get(ns: string, name: string, handler: IqHandler, scope?: IqScope): void;
  set(ns: string, name: string, handler: IqHandler, scope?: IqScope): void;
}

/** A module's handle on a service of its own, at a domain of its own (see `ModuleHost.service`). */
export interface ServiceHandle {
  readonly domain: string;
  readonly jid: Jid;
  /**
   * Registers IQ handlers: scope `host` serves the service's own address, `account` all bare JIDs with
   * a node (`room@conference.example.org`); there is no `owner`.
   */
  readonly iq: IqRegistry;
  /** Announces features of the service. */
  feature(...namespaces: string[]): void;
  /** Answers service discovery; until then the service is not found by it. Call it once. */
  disco(answers: ServiceDisco): void;
  /**
   * Registers an ad-hoc command (XEP-0050) of the service or of the bare JIDs below it, as
   * `ModuleHost.command` does for the host.
   */
  readonly command: CommandRegistrar<AtService>;
  /** Takes messages, presence, and IQs that no IQ handler takes. Call it once. */
  onStanza(handler: ServiceHandler): void;
  /** Sends an IQ from the service (or `from`) and waits for the answer; rejects after `ms`. */
  request(
    to: Jid,
    type: "get" | "set",
    payload: Element,
    options?: { readonly ms?: number; readonly from?: Jid },
  ): Promise<Stanza>;
}

/** A module's handle on one virtual host. */
export interface ModuleHost<C = unknown> {
  /** The host's domain, prepared, and as an address. */
  readonly domain: string;
  readonly jid: Jid;
  /** The module's settings for this host, validated. */
  readonly config: C;
  readonly log: LogArea;
  readonly store: Store;
  /** The server's name, version, start (ms since the epoch), and where it keeps its files. */
  readonly server: ServerFacts;
  /** The host's own settings: administrators (bare JIDs), limits, ... */
  readonly settings: HostSettings;

  /** Announces features of the host in service discovery. */
  feature(...namespaces: string[]): void;
  /** Announces features of every account of the host. */
  accountFeature(...namespaces: string[]): void;
  /** What has been announced by all modules, in no order. */
  features(of: "host" | "account"): string[];

  /** Registers IQ handlers by the payload's namespace and name. */
  readonly iq: IqRegistry;

  /**
   * Makes a service of the module's own: at `name.DOMAIN`, or at `name` itself if it has a dot. It is
   * listed among the host's items, and goes with the module.
   * @throws Error if there is such a host or service already
   */
  service(name: string, description: string): ServiceHandle;

  /**
   * Registers an ad-hoc command (XEP-0050) of one page of fields, or with `pages` of several. See
   * `lib/commands.ts`.
   * @throws Error if there is a command of that node already
   */
  readonly command: CommandRegistrar;
  /** Web applications of the module, at the host's HTTP listener. */
  readonly http: HttpRegistry;

  /** The commands of all modules; the module `adhoc` serves them. */
  readonly commands: Commands;

  /** Registers a hook's handler. */
  on<H extends AnyHook>(hook: H, handler: Handler<H>, order?: Order): void;
  ask<A extends unknown[], R>(hook: Ask<A, R>, ...args: A): Later<R | undefined>;
  tell<A extends unknown[]>(hook: Tell<A>, ...args: A): Later<void>;
  filter<V, A extends unknown[]>(hook: Filter<V, A>, value: V, ...args: A): Later<V | Drop>;
  /** Whether any module has a handler for the hook at the moment. */
  has(hook: AnyHook): boolean;

  /** The online account of an address of this host; undefined while no resource is bound. */
  account(jid: Jid): Account | undefined;
  /** The bound session of a full JID of this host. */
  session(jid: Jid): Session | undefined;
  /** All online accounts of this host. */
  accounts(): Iterable<Account>;

  /**
   * Routes a stanza of our own making; `from` and `to` must be set. Refusals come back to nobody.
   * The promise, if any, ends when it is delivered or kept.
   */
  send(stanza: Stanza): Later<void>;
  /**
   * Sends the same stanza to many, serialised once; to each address as its `to`. Local accounts get
   * it by the rules for presence: every available resource of a bare JID.
   */
  fanOut(stanza: Stanza, recipients: Iterable<Jid>): void;
  /**
   * Sends what happens in a room to those in it: the same message or presence, with `from` and without
   * `to`, to the session of each full JID. It is serialised once, and its copies leave behind what
   * others have to send, a few ms' worth in each turn of the event loop; copies to one session stay in
   * order. The filters of accounts hold for each copy, and what they refuse is dropped, but
   * `message.delivered` is not told. Addresses elsewhere, and of services, are routed to.
   *
   * `unreachable` is told, when all others have theirs, for whom there is no session: take it out of
   * the room. It may be told of the same one again, by what it sends itself.
   */
  broadcast(
    stanza: Stanza,
    recipients: Iterable<{ readonly jid: Jid }>,
    unreachable: (jid: Jid) => void,
  ): void;
  /**
   * The same the other way round: many stanzas to one full JID, such as all that somebody gets who
   * enters a room.
   */
  burst(stanzas: Iterable<Stanza>, to: Jid, unreachable: (jid: Jid) => void): void;
  /**
   * Sends an IQ get or set and waits for the answer; rejects after `ms`. `from` is the host, or the
   * bare JID of an account.
   */
  request(
    to: Jid,
    type: "get" | "set",
    payload: Element,
    ms?: number,
    from?: Jid,
  ): Promise<Stanza>;

  /**
   * Announces a commit under way for something that a client will take for safe once the stanza that
   * it came with is acknowledged (XEP-0198). Nobody waits for it but the acknowledgement.
   */
  pledge(commit: Promise<unknown>): void;

  /**
   * For tasks that come in hundreds, each of which may take a ms or more: they are run in order, a few
   * ms of them in each turn of the event loop. Not after the module is unloaded.
   */
  readonly slices: Pick<Slices, "run" | "length">;

  /** Calls `f` once after `ms` (coarsely), unless cancelled or unloaded. */
  after(ms: number, f: () => void): Deadline;
  /** Calls `f` about every `ms`. */
  every(ms: number, f: () => Later<void>): void;
  /**
   * Calls `f` when all modules of the host are set up and nobody has connected yet; at once if the
   * host has been open for long. `f` gets the host itself: for what stands closer to the core than
   * other modules.
   */
  onOpen(f: (host: Host) => Later<void>): Later<void>;
  /** Called when the module is unloaded or the host stops. */
  onUnload(f: () => Later<void>): void;
}

/** The server as modules see it. */
export interface ServerFacts {
  readonly name: string;
  readonly version: string;
  /** ms since the epoch. */
  readonly started: number;
  /** The path of the data folder. */
  readonly data: string;
  /** Ends the process or starts the server anew, in good order; none where nobody may. */
  readonly control: { stop(): void; restart(): void } | undefined;
}

/** What a module may know of its host's configuration. */
export interface HostSettings {
  /** Bare JIDs that may administer this host. */
  readonly admins: readonly string[];
  /** Guests may log in without an account (SASL ANONYMOUS). */
  readonly anonymous: boolean;
  /** Largest stanza accepted from a client, in bytes. */
  readonly stanzaBytes: number;
  /** Seconds of silence after which a client's stream may be ended; undefined if never. */
  readonly idleSeconds: number | undefined;
  readonly sessionsPerAccount: number;
  /** Rounds of PBKDF2 for passwords set from now on. */
  readonly iterations: number;
}
