/**
 * Ad-hoc commands (XEP-0050) as modules declare them, and a host's table of them. The protocol is
 * spoken by the module `adhoc`.
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
import type { Jid } from "./jid.ts";
import type { Later } from "./later.ts";
import type { Element } from "./xml/element.ts";

/**
 * Whom a command serves, and where it is:
 * - `admin`: the administrators of the configuration, at the host;
 * - `user`: the accounts of this host (no guests), at the host;
 * - `anybody`: everybody, people of other servers too, at the host;
 * - `owner`: an account itself, at its bare JID.
 */
export type CommandScope = "admin" | "user" | "anybody" | "owner";

/** Who runs a command, and where. */
export interface CommandContext {
  /** Full JID of who asks. */
  readonly from: Jid;
  /** The host, or for `owner` the account. */
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
  readonly for: CommandScope;
  /** Whether it is there for somebody whom the scope lets through. */
  allowed?(context: CommandContext): Later<boolean>;
}

export type CommandResult = Later<CommandOutcome | string | void>;

/** A command of one page, or of none. */
export interface CommandDefinition<F extends readonly Field[]>
  extends CommandHead, Omit<CommandPage<F>, "fields"> {
  readonly fields?: CommandPage<F>["fields"];
  readonly pages?: never;
  run(values: Answers<F>, context: CommandContext): CommandResult;
}

// deno-lint-ignore no-explicit-any
type AnyPage = CommandPage<any>;

type FieldsOf<P> = P extends CommandPage<infer F> ? F[number] : never;

/** A command of several pages; `run` gets what all of them have given. */
export interface StagedCommand<P extends readonly AnyPage[]> extends CommandHead {
  readonly pages: P;
  readonly fields?: never;
  run(values: Answers<readonly FieldsOf<P[number]>[]>, context: CommandContext): CommandResult;
}

/** A page of a staged command, its answers typed by its own fields. */
export function commandPage<const F extends readonly Field[]>(
  page: CommandPage<F>,
): CommandPage<F> {
  return page;
}

/** A command as the table keeps it. */
export interface Command extends CommandHead {
  readonly module: string;
  readonly pages: readonly AnyPage[];
  run(values: Readonly<Record<string, unknown>>, context: CommandContext): CommandResult;
}

/** Registers a command; what `ModuleHost.command` is. */
export interface CommandRegistrar {
  <const F extends readonly Field[] = readonly []>(command: CommandDefinition<F>): void;
  <const P extends readonly AnyPage[]>(command: StagedCommand<P>): void;
}

/** The commands of a host, by place and node. */
export class Commands {
  readonly #host = new Map<string, Command>();
  readonly #account = new Map<string, Command>();

  /** @throws Error if there is one of that node at that place */
  add(command: Command): () => void {
    const table = command.for === "owner" ? this.#account : this.#host;
    const other = table.get(command.node);
    if (other !== undefined) {
      throw new Error(
        `the modules ${other.module} and ${command.module} both have a command ${command.node}`,
      );
    }
    table.set(command.node, command);
    return () => void table.delete(command.node);
  }

  get(where: "host" | "account", node: string): Command | undefined {
    return this.#table(where).get(node);
  }

  /** In order of registration. */
  list(where: "host" | "account"): Iterable<Command> {
    return this.#table(where).values();
  }

  #table(where: "host" | "account"): Map<string, Command> {
    return where === "host" ? this.#host : this.#account;
  }
}

/** A declared command as the table keeps it. */
export function commandOf(
  module: string,
  // deno-lint-ignore no-explicit-any
  declared: CommandDefinition<any> | StagedCommand<any>,
): Command {
  const { node, name } = declared;
  const single: readonly AnyPage[] = declared.fields === undefined ? [] : [declared as AnyPage];
  return {
    module,
    node,
    name,
    for: declared.for,
    allowed: declared.allowed && ((context) => declared.allowed!(context)),
    pages: declared.pages ?? single,
    run: (values, context) => declared.run(values as never, context),
  };
}
