/**
 * XEP-0050: Ad-Hoc Commands: the protocol of what modules declare with `host.command`, and its place
 * in service discovery. Everybody sees the commands that they may run, and no others.
 */

import * as v from "valibot";
import { defineModule, type IqReply, type ModuleHost, NO_REPLY, result } from "../lib/module.ts";
import { duration, setting, wholeNumber } from "../lib/config/setting.ts";
import type { Command, CommandContext, CommandOutcome } from "../lib/commands.ts";
import { StanzaError } from "../lib/errors.ts";
import type { Field } from "../lib/formats/form.ts";
import { answers, form, FORMS_NS, readForm } from "../lib/formats/form.ts";
import { type DiscoInfo, discoInfo, discoNodeInfo, discoNodeItems } from "../lib/hooks/disco.ts";
import { sessionClosed } from "../lib/hooks/streams.ts";
import type { Jid } from "../lib/jid.ts";
import { iq as iqStanza, type Stanza } from "../lib/stanza.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";
import { type Run, Runs } from "./adhoc/runs.ts";
import type { Commands } from "../lib/commands.ts";

const COMMANDS_NS = "http://jabber.org/protocol/commands";
/** The language of all forms and notes. */
const LANG = "en";

const config = v.strictObject({
  sessions: setting(wholeNumber(1, 1_000_000), 1000, "Commands under way at the same time."),
  sessions_per_user: setting(
    wholeNumber(1, 1000),
    10,
    "Commands that one account may have under way; beyond it its oldest is forgotten.",
  ),
  session_timeout: setting(
    duration("10s", "1d"),
    "10m",
    "How long a form that was sent out may take to come back.",
  ),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

/** What may be asked of a run (§4.1). */
type Action = "execute" | "cancel" | "prev" | "next" | "complete";
const ACTIONS: readonly string[] = ["execute", "cancel", "prev", "next", "complete"];

export default defineModule({
  name: "adhoc",
  description: "Ad-hoc commands: forms in clients for what modules offer",
  xeps: { "XEP-0050": "1.3.0" },
  config,
  setup(host) {
    const protocol = new Protocol(host);
    host.feature(COMMANDS_NS);
    host.on(discoInfo, (info, target, from) => {
      if (target.node === "" || target.bare !== from.bare) return;
      if ([...host.commands.list("account")].length > 0) info.features.add(COMMANDS_NS);
    });
    host.on(discoNodeInfo, (target, node, from) => protocol.info(target, node, from));
    host.on(discoNodeItems, (target, node, from) => protocol.items(target, node, from));
    host.iq.set(COMMANDS_NS, "command", (iq, command) => protocol.command(iq, command), "host");
    host.iq.set(COMMANDS_NS, "command", (iq, command) => protocol.command(iq, command), "owner");
    host.on(sessionClosed, ({ jid }) => protocol.forget(jid));
  },
});

class Protocol {
  readonly #host: Host;
  readonly #commands: Commands;
  readonly #runs: Runs;

  constructor(host: Host) {
    this.#host = host;
    this.#commands = host.commands;
    this.#runs = new Runs(host.config);
  }

  forget(jid: Jid): void {
    if (this.#runs.size > 0) this.#runs.forget(({ from }) => from.full === jid.full);
  }

  #context(from: Jid, to: Jid, lang?: string): CommandContext {
    const isAdmin = this.#host.settings.admins.includes(from.bare);
    return { from, to, isAdmin, lang };
  }

  #find(node: string, to: Jid): Command | undefined {
    return this.#commands.get(to.node === "" ? "host" : "account", node);
  }

  // ---- service discovery (§2.2) ----

  async info(target: Jid, node: string, from: Jid): Promise<DiscoInfo | undefined> {
    if (node === COMMANDS_NS) {
      const identity = { category: "automation", type: "command-list", name: "Ad-Hoc Commands" };
      return { identities: [identity], features: new Set([COMMANDS_NS]), forms: [] };
    }
    const command = this.#find(node, target);
    if (command === undefined) return undefined;
    await this.#admit(command, this.#context(from, target));
    return {
      identities: [{ category: "automation", type: "command-node", name: command.name }],
      features: new Set([COMMANDS_NS, FORMS_NS]),
      forms: [],
    };
  }

  async items(target: Jid, node: string, from: Jid) {
    const context = this.#context(from, target);
    if (node !== COMMANDS_NS) {
      const command = this.#find(node, target);
      if (command === undefined) return undefined;
      await this.#admit(command, context);
      return [];
    }
    const items = [];
    for (const command of this.#commands.list(target.node === "" ? "host" : "account")) {
      if (!await this.#mayRun(command, context)) continue;
      items.push({ jid: target.full, node: command.node, name: command.name });
    }
    return items;
  }

  async #mayRun(command: Command, context: CommandContext): Promise<boolean> {
    const { from, to, isAdmin } = context;
    switch (command.for) {
      case "admin":
        if (!isAdmin) return false;
        break;
      case "user":
        if (from.domain !== this.#host.domain || from.node === "") return false;
        if (this.#host.account(from)?.guest === true) return false;
        break;
      case "owner":
        if (from.bare !== to.bare) return false;
        break;
    }
    return command.allowed === undefined || await command.allowed(context);
  }

  async #admit(command: Command, context: CommandContext): Promise<void> {
    if (await this.#mayRun(command, context)) return;
    throw new StanzaError("forbidden", { type: "cancel" });
  }

  // ---- execution (§2.4) ----

  async command(iq: Stanza, request: Element): Promise<IqReply> {
    try {
      return result(await this.#execute(iq, request));
    } catch (e) {
      if (!(e instanceof StanzaError)) throw e;
      // Not the usual answer, which would hand the form back, passwords and all.
      const { from: to, to: from, id = "" } = iq;
      const { node, sessionid, action } = request.attrs;
      const echo = xml("command", COMMANDS_NS, { node, sessionid, action });
      await this.#host.send(iqStanza({ type: "error", id, from, to }, echo, e.toElement()));
      return NO_REPLY;
    }
  }

  async #execute(iq: Stanza, request: Element): Promise<Element> {
    const { node, sessionid, action = "execute" } = request.attrs;
    const lang = request.attrs["xml:lang"] ?? iq.attrs["xml:lang"];
    const context = this.#context(iq.from!, iq.to!, lang);
    const command = node === undefined ? undefined : this.#find(node, iq.to!);
    if (command === undefined) throw new StanzaError("item-not-found");
    if (!isAction(action)) throw refusal("malformed-action", "there is no such action");
    if (lang !== undefined && !isLanguage(lang)) {
      throw refusal("bad-locale", "that is no language tag");
    }
    // Also in the middle: who may do it may have changed.
    await this.#admit(command, context);
    if (sessionid === undefined) {
      if (action !== "execute") throw refusal("bad-action", "nothing has been begun");
      return await this.#begin(command, context);
    }
    const run = this.#runs.find(sessionid, command.node, context);
    if (run === "unknown") throw refusal("bad-sessionid", "there is no such session");
    // A module that has been set up anew has commands of its own.
    if (run !== "expired" && run.command !== command) this.#runs.close(run);
    if (run === "expired" || run.command !== command) {
      throw new StanzaError("not-allowed", {
        text: "this session is over",
        app: xml("session-expired", COMMANDS_NS),
      });
    }
    return await this.#goOn(run, action, request);
  }

  async #begin(command: Command, context: CommandContext): Promise<Element> {
    if (command.pages.length === 0) {
      return completed(this.#runs.newId(context), command, await command.run({}, context));
    }
    const run = this.#runs.open(command, context);
    if (run === undefined) {
      throw new StanzaError("resource-constraint", { text: "too many commands are under way" });
    }
    return await this.#show(run, 0);
  }

  async #goOn(run: Run, action: Action, request: Element): Promise<Element> {
    const isLast = run.page === run.command.pages.length - 1;
    switch (action === "execute" ? (isLast ? "complete" : "next") : action) {
      case "cancel":
        this.#runs.close(run);
        return commandElement(run.id, run.command, "canceled");
      case "prev":
        if (run.page === 0) throw refusal("bad-action", "this is the first page");
        return await this.#show(run, run.page - 1);
      case "next":
        if (isLast) throw refusal("bad-action", "this is the last page");
        await this.#take(run, request);
        return await this.#show(run, run.page + 1);
      case "complete":
        if (!isLast) throw refusal("bad-action", "there are more pages");
        await this.#take(run, request);
        return await this.#complete(run);
    }
    throw refusal("malformed-action", "there is no such action");
  }

  /** Reads what was filled in. */
  async #take(run: Run, request: Element): Promise<void> {
    const page = run.command.pages[run.page]!;
    const values = submitted(request, run.fields, page.formType);
    await page.check?.(values, run.context);
    run.given[run.page] = values;
  }

  async #complete(run: Run): Promise<Element> {
    // Out of reach while it works: a form is taken once.
    this.#runs.close(run);
    let outcome;
    try {
      outcome = await run.command.run(Object.assign({}, ...run.given), run.context);
    } catch (e) {
      if (e instanceof StanzaError) this.#runs.reopen(run);
      throw e;
    }
    return completed(run.id, run.command, outcome);
  }

  async #show(run: Run, index: number): Promise<Element> {
    const page = run.command.pages[index]!;
    const before = Object.assign({}, ...run.given.slice(0, index));
    const { fields } = page;
    run.fields = typeof fields === "function" ? await fields(run.context, before) : fields;
    run.page = index;
    const { title = run.command.name, instructions, formType } = page;
    const isLast = index === run.command.pages.length - 1;
    return commandElement(
      run.id,
      run.command,
      "executing",
      actionsElement(index > 0, isLast),
      form({
        type: "form",
        title,
        instructions,
        formType,
        fields: filledIn(run.fields, run.given[index]),
      }),
    );
  }
}

function isAction(action: string): action is Action {
  return ACTIONS.includes(action);
}

/** RFC 5646, its shape. */
function isLanguage(tag: string): boolean {
  return /^[a-z]{1,8}(-[a-z0-9]{1,8})*$/i.test(tag);
}

/** §4.4. */
function refusal(
  condition: "bad-action" | "malformed-action" | "bad-locale" | "bad-payload" | "bad-sessionid",
  text: string,
): StanzaError {
  return new StanzaError("bad-request", { text, app: xml(condition, COMMANDS_NS) });
}

/** §4.2: `execute` is what the button in the middle does. */
function actionsElement(hasPrevious: boolean, isLast: boolean): Element {
  const forward = isLast ? "complete" : "next";
  return xml(
    "actions",
    COMMANDS_NS,
    { execute: forward },
    hasPrevious && xml("prev", COMMANDS_NS),
    xml(forward, COMMANDS_NS),
  );
}

function commandElement(
  sessionid: string,
  { node }: Command,
  status: "executing" | "completed" | "canceled",
  ...children: (Element | false | undefined)[]
): Element {
  return xml(
    "command",
    COMMANDS_NS,
    { node, sessionid, status, "xml:lang": LANG },
    ...children,
  );
}

function completed(
  id: string,
  command: Command,
  outcome: CommandOutcome | string | void,
): Element {
  const what: CommandOutcome = typeof outcome === "string" ? { note: outcome } : outcome ?? {};
  return commandElement(
    id,
    command,
    "completed",
    noteElement("info", what.note),
    noteElement("warn", what.warning),
    noteElement("error", what.error),
    what.result && form({ type: "result", ...what.result }),
    ...what.payload ?? [],
  );
}

function noteElement(type: string, text: string | undefined): Element | undefined {
  return text === undefined ? undefined : xml("note", COMMANDS_NS, { type }, text);
}

/** Values by name; every fault of the form is a `bad-payload`. A `cancel` is a `submit` (§3.5.1). */
function submitted(
  request: Element,
  fields: readonly Field[],
  formType: string | undefined,
): Record<string, unknown> {
  const x = request.child("x", FORMS_NS) ?? xml("x", FORMS_NS, { type: "submit" });
  try {
    const read = readForm(x);
    return answers(read.type === "cancel" ? { ...read, type: "submit" } : read, fields, formType);
  } catch (e) {
    if (!(e instanceof StanzaError)) throw e;
    throw refusal("bad-payload", e.text ?? e.condition);
  }
}

/** A page that is shown again has what it was given, but for secrets. */
function filledIn(
  fields: readonly Field[],
  given: Readonly<Record<string, unknown>> | undefined,
): readonly Field[] {
  if (given === undefined) return fields;
  return fields.map((field) => {
    if (field.type === "fixed" || field.type === "text-private") return field;
    const value = given[field.var];
    return value === undefined ? field : { ...field, value } as Field;
  });
}
