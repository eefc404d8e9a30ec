/**
 * Ad-hoc commands (XEP-0050) as modules declare them, and the tables of them that hosts and services
 * have. The protocol is spoken by the module `adhoc`.
 *
 * ```ts
 * host.command({
 *   node: "urn:example:greet",
 *   name: "Greet somebody",
 *   for: "user",
 *   fields: [{ var: "who", type: "jid-single", label: "Whom", required: true }],
 *   run: ({ who }, { from }) => `${from.node} greets ${who}`,
 * });
 * ```
 */

import type { Answers, Field, FormContent } from "./formats/form.ts";
import type { DiscoInfo, DiscoItem } from "./hooks/disco.ts";
import type { Jid } from "./jid.ts";
import type { Later } from "./later.ts";
import type { IqReply } from "./module.ts";
import type { Stanza } from "./stanza.ts";
import type { Element } from "./xml/element.ts";

export const COMMANDS_NS = "http://jabber.org/protocol/commands";

/**
 * Whom a host's command serves, and where it is:
 * - `admin`: the administrators of the configuration, at the host;
 * - `user`: the accounts of this host (no guests), at the host;
 * - `anybody`: everybody, people of other servers too, at the host;
 * - `owner`: an account itself, at its bare JID.
 */
export type CommandScope = "admin" | "user" | "anybody" | "owner";

/** What is said of a host's command beyond the rest. */
export interface AtHost {
  readonly for: CommandScope;
}

/**
 * What is said of a service's command: it is at the service's own address, or at every bare JID with
 * a node below it (`room@conference.example.org`). For whom it is says `allowed`; without that it is
 * for everybody.
 */
export interface AtService {
  readonly at: "service" | "node";
}

/** Who runs a command, and where. */
export interface CommandContext {
  /** Full JID of who asks. */
  readonly from: Jid;
  /** The host, or for `owner` the account; of a service itself or a bare JID below it. */
  readonly to: Jid;
  /** Whether it is an administrator of the configuration. */
  readonly isAdmin: boolean;
  /** The language asked for, if any was named. */
  readonly lang: string | undefined;
}

/** What a command has come to. A string is `{ note: string }`, nothing a plain completion. */
export interface CommandOutcome {
  readonly note?: string;
  readonly warning?: string;
  /** It is done and has failed (§3.6). To refuse, throw a `StanzaError`: the form may be sent again. */
  readonly error?: string;
  /** A form of results. */
  readonly result?: Omit<FormContent, "type">;
  /** Other elements, behind the form. */
  readonly payload?: readonly Element[];
}

/** One form to fill in. */
export interface CommandPage<F extends readonly Field[]> {
  readonly title?: string;
  readonly instructions?: string | readonly string[];
  readonly formType?: string;
  /** The fields, which may depend on who asks and on what the pages before have given, by name. */
  readonly fields:
    | F
    | ((context: CommandContext, before: Readonly<Record<string, unknown>>) => Later<F>);
  /** Refuses, by throwing a `StanzaError`, what the fields' types alone let through. */
  check?(values: Answers<F>, context: CommandContext): Later<void>;
}

export interface CommandHead {
  readonly node: string;
  /** What people see in the list. */
  readonly name: string;
  /**
   * Whether it is there for somebody whom the scope lets through. Throw a `StanzaError`
   * (`item-not-found`) where there is nothing at all, such as at a room that does not exist.
   */
  allowed?(context: CommandContext): Later<boolean>;
}

export type CommandResult = Later<CommandOutcome | string | void>;

/** A command of one page, or of none; `W` says where it is. */
export type CommandDefinition<F extends readonly Field[], W = AtHost> =
  & W
  & CommandHead
  & Omit<CommandPage<F>, "fields">
  & {
    readonly fields?: CommandPage<F>["fields"];
    readonly pages?: never;
    run(values: Answers<F>, context: CommandContext): CommandResult;
  };

// deno-lint-ignore no-explicit-any
type AnyPage = CommandPage<any>;

type FieldsOf<P> = P extends CommandPage<infer F> ? F[number] : never;

/** A command of several pages; `run` gets what all of them have given. */
export type StagedCommand<P extends readonly AnyPage[], W = AtHost> = W & CommandHead & {
  readonly pages: P;
  readonly fields?: never;
  run(values: Answers<readonly FieldsOf<P[number]>[]>, context: CommandContext): CommandResult;
};

/** A page of a staged command, its answers typed by its own fields. */
export function commandPage<const F extends readonly Field[]>(
  page: CommandPage<F>,
): CommandPage<F> {
  return page;
}

/** At the host or service itself, or at the bare JIDs below. */
export type CommandPlace = "self" | "node";

function placeOf({ node }: Jid): CommandPlace {
  return node === "" ? "self" : "node";
}

/** A command as the table keeps it. */
export interface Command extends CommandHead {
  readonly module: string;
  readonly at: CommandPlace;
  /** Of a host's command. */
  readonly for: CommandScope | undefined;
  readonly pages: readonly AnyPage[];
  run(values: Readonly<Record<string, unknown>>, context: CommandContext): CommandResult;
}

/** Registers a command; what `ModuleHost.command` and `ServiceHandle.command` are. */
export interface CommandRegistrar<W = AtHost> {
  <const F extends readonly Field[] = readonly []>(command: CommandDefinition<F, W>): void;
  <const P extends readonly AnyPage[]>(command: StagedCommand<P, W>): void;
}

/** Who speaks the protocol: of the commands of a table, at an address of theirs. */
export interface CommandServer {
  /** `command` is the payload of the IQ. */
  execute(commands: Commands, iq: Stanza, command: Element): Later<IqReply>;
  /** Service discovery of the list of commands and of each; undefined if there is no such node. */
  info(commands: Commands, target: Jid, node: string, from: Jid): Later<DiscoInfo | undefined>;
  /** As `from` may run them. */
  items(
    commands: Commands,
    target: Jid,
    node: string,
    from: Jid,
  ): Later<readonly DiscoItem[] | undefined>;
}

/** The commands of a host or of a service: of its own, and of the bare JIDs below it. */
export class Commands {
  readonly #self = new Map<string, Command>();
  readonly #nodes = new Map<string, Command>();
  #server: CommandServer | undefined = undefined;

  /** @throws Error if there is one of that node at that place */
  add(command: Command): () => void {
    const table = this.#table(command.at);
    const other = table.get(command.node);
    if (other !== undefined) {
      throw new Error(
        `the modules ${other.module} and ${command.module} both have a command ${command.node}`,
      );
    }
    table.set(command.node, command);
    return () => void table.delete(command.node);
  }

  /** What an address has under that node. */
  get(to: Jid, node: string): Command | undefined {
    return this.#table(placeOf(to)).get(node);
  }

  /** What an address has, in order of registration. */
  list(to: Jid): Iterable<Command> {
    return this.#table(placeOf(to)).values();
  }

  /** Whether an address, or all of a place, has any, for whomever. */
  has(where: Jid | CommandPlace): boolean {
    return this.#table(typeof where === "string" ? where : placeOf(where)).size > 0;
  }

  #table(place: CommandPlace): Map<string, Command> {
    return place === "self" ? this.#self : this.#nodes;
  }

  /** Who speaks the protocol; a host's table knows it for the host's services too. */
  get server(): CommandServer | undefined {
    return this.#server;
  }

  /** @throws Error if somebody does already */
  serve(server: CommandServer): () => void {
    if (this.#server !== undefined) throw new Error("two modules serve the commands of the host");
    this.#server = server;
    return () => {
      this.#server = undefined;
    };
  }
}

type Declared =
  // deno-lint-ignore no-explicit-any
  | CommandDefinition<any, AtHost | AtService>
  // deno-lint-ignore no-explicit-any
  | StagedCommand<any, AtHost | AtService>;

/** A declared command as the table keeps it. */
export function commandOf(module: string, declared: Declared): Command {
  const { node, name } = declared;
  const single: readonly AnyPage[] = declared.fields === undefined ? [] : [declared as AnyPage];
  const isBelow = "at" in declared ? declared.at === "node" : declared.for === "owner";
  return {
    module,
    node,
    name,
    at: isBelow ? "node" : "self",
    for: "for" in declared ? declared.for : undefined,
    allowed: declared.allowed && ((context) => declared.allowed!(context)),
    pages: declared.pages ?? single,
    run: (values, context) => declared.run(values as never, context),
  };
}
