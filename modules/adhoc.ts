/**
 * XEP-0050: Ad-Hoc Commands: the protocol of what modules declare with `host.command` and with the
 * `command` of their services, and its place in service discovery. Everybody sees the commands that
 * they may run, and no others.
 */

import * as v from "valibot";
import type { IqHandler, IqReply, ModuleHost } from "../lib/module.ts";
import { defineModule, NO_REPLY, result } from "../lib/module.ts";
import { duration, setting, wholeNumber } from "../lib/config/setting.ts";
import type {
  Command,
  CommandContext,
  CommandPage,
  Commands,
  CommandServer,
} from "../lib/commands.ts";
import { COMMANDS_NS } from "../lib/commands.ts";
import { StanzaError } from "../lib/errors.ts";
import type { Field } from "../lib/formats/form.ts";
import { form, FORMS_NS } from "../lib/formats/form.ts";
import type { DiscoInfo, DiscoItem } from "../lib/hooks/disco.ts";
import { discoInfo, discoNodeInfo, discoNodeItems } from "../lib/hooks/disco.ts";
import { sessionClosed } from "../lib/hooks/streams.ts";
import type { Jid } from "../lib/jid.ts";
import type { Later } from "../lib/later.ts";
import { iq as iqStanza, type Stanza } from "../lib/stanza.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";
import {
  actionsElement,
  commandElement,
  completed,
  filledIn,
  refusal,
  submitted,
} from "./adhoc/elements.ts";
import { type Run, Runs } from "./adhoc/runs.ts";

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
    const { commands } = host;
    // The host's services come here too.
    host.onUnload(commands.serve(protocol));
    host.feature(COMMANDS_NS);
    host.on(discoInfo, (info, target, from) => {
      if (target.node === "" || target.bare !== from.bare) return;
      if (commands.has(target)) info.features.add(COMMANDS_NS);
    });
    host.on(discoNodeInfo, (target, node, from) => protocol.info(commands, target, node, from));
    host.on(discoNodeItems, (target, node, from) => protocol.items(commands, target, node, from));
    for (const scope of ["host", "owner"] as const) {
      const execute: IqHandler = (iq, command) => protocol.execute(commands, iq, command);
      host.iq.set(COMMANDS_NS, "command", execute, scope);
    }
    host.on(sessionClosed, ({ jid }) => protocol.forget(jid));
  },
});

class Protocol implements CommandServer {
  readonly #host: Host;
  readonly #runs: Runs;

  constructor(host: Host) {
    this.#host = host;
    this.#runs = new Runs(host.config);
  }

  forget(jid: Jid): void {
    if (this.#runs.size > 0) this.#runs.forget(({ from }) => from.full === jid.full);
  }

  #context(from: Jid, to: Jid, lang?: string): CommandContext {
    const isAdmin = this.#host.settings.admins.includes(from.bare);
    return { from, to, isAdmin, lang };
  }

  // ---- service discovery (§2.2) ----

  async info(
    commands: Commands,
    target: Jid,
    node: string,
    from: Jid,
  ): Promise<DiscoInfo | undefined> {
    const context = this.#context(from, target);
    if (node === COMMANDS_NS) {
      // It refuses where there is nothing to have commands.
      await this.#visible(commands, context);
      const identity = { category: "automation", type: "command-list", name: "Ad-Hoc Commands" };
      return { identities: [identity], features: new Set([COMMANDS_NS]), forms: [] };
    }
    const command = commands.get(target, node);
    if (command === undefined) return undefined;
    await this.#admit(command, context);
    return {
      identities: [{ category: "automation", type: "command-node", name: command.name }],
      features: new Set([COMMANDS_NS, FORMS_NS]),
      forms: [],
    };
  }

  async items(
    commands: Commands,
    target: Jid,
    node: string,
    from: Jid,
  ): Promise<readonly DiscoItem[] | undefined> {
    const context = this.#context(from, target);
    if (node === COMMANDS_NS) {
      const visible = await this.#visible(commands, context);
      return visible.map(({ node, name }) => ({ jid: target.full, node, name }));
    }
    const command = commands.get(target, node);
    if (command === undefined) return undefined;
    await this.#admit(command, context);
    return [];
  }

  async #visible(commands: Commands, context: CommandContext): Promise<Command[]> {
    const visible = [];
    for (const command of commands.list(context.to)) {
      if (await this.#mayRun(command, context)) visible.push(command);
    }
    return visible;
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

  async execute(commands: Commands, iq: Stanza, request: Element): Promise<IqReply> {
    try {
      return result(await this.#execute(commands, iq, request));
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

  async #execute(commands: Commands, iq: Stanza, request: Element): Promise<Element> {
    const { node, sessionid, action = "execute" } = request.attrs;
    const lang = request.attrs["xml:lang"] ?? iq.attrs["xml:lang"];
    const context = this.#context(iq.from!, iq.to!, lang);
    const command = node === undefined ? undefined : commands.get(iq.to!, node);
    if (command === undefined) throw new StanzaError("item-not-found");
    if (!isAction(action)) throw refusal("malformed-action", "there is no such action");
    if (lang !== undefined && !isLanguage(lang)) {
      throw refusal("bad-locale", "that is no language tag");
    }
    // Also in the middle: who may do it may have changed.
    await this.#admit(command, context);
    if (sessionid === undefined) {
      if (action !== "execute") throw refusal("bad-action", "nothing has been begun");
      return await this.#begin(command, context, request);
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

  async #begin(command: Command, context: CommandContext, request: Element): Promise<Element> {
    const { pages } = command;
    if (pages.length === 0) {
      return completed(this.#runs.newId(context), command, await command.run({}, context));
    }
    // Who knows the form may send it along (XEP-0317 §3.3): then there is nothing to remember.
    if (pages.length === 1 && request.child("x", FORMS_NS)?.attrs.type === "submit") {
      const [page] = pages;
      const values = submitted(request, await fieldsOf(page!, context, {}), page!.formType);
      await page!.check?.(values, context);
      return completed(this.#runs.newId(context), command, await command.run(values, context));
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
    run.fields = await fieldsOf(page, run.context, before);
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

function fieldsOf(
  { fields }: CommandPage<readonly Field[]>,
  context: CommandContext,
  before: Readonly<Record<string, unknown>>,
): Later<readonly Field[]> {
  return typeof fields === "function" ? fields(context, before) : fields;
}

function isAction(action: string): action is Action {
  return ACTIONS.includes(action);
}

/** RFC 5646, its shape. */
function isLanguage(tag: string): boolean {
  return /^[a-z]{1,8}(-[a-z0-9]{1,8})*$/i.test(tag);
}
