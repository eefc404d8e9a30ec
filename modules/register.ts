/**
 * XEP-0077: In-Band Registration: accounts made, passwords changed and accounts removed by their
 * users themselves. Off unless it is switched on: with it, anybody can make accounts (§11).
 */

import { defineModule, type IqReply, type ModuleHost, NO_REPLY, result } from "../lib/module.ts";
import { StanzaError } from "../lib/errors.ts";
import { answers, form, FORMS_NS, readForm } from "../lib/formats/form.ts";
import { createAccount, deleteAccount, setPassword } from "../lib/hooks/accounts.ts";
import { accountClosing } from "../lib/hooks/closing.ts";
import {
  type Admission,
  nameReserved,
  registerAccount,
  registrationAdmission,
  type RegistrationRequest,
} from "../lib/hooks/registration.ts";
import { negotiationElement, streamFeatures } from "../lib/hooks/streams.ts";
import { Jid, parseJid, prepNode } from "../lib/jid.ts";
import { NS } from "../lib/ns.ts";
import { addressKey } from "../lib/sasl/throttle.ts";
import type { Session } from "../lib/session.ts";
import { iq as iqStanza, resultOf, type Stanza } from "../lib/stanza.ts";
import type { Negotiation } from "../lib/stream/negotiation.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";
import { config, type RegisterConfig, Rules } from "./register/rules.ts";

const REGISTER_NS = "jabber:iq:register";
const FEATURE_NS = "http://jabber.org/features/iq-register";

type Host = ModuleHost<RegisterConfig>;

const FIELDS = [
  { var: "username", type: "text-single", label: "Name", required: true },
  { var: "password", type: "text-private", label: "Password", required: true },
] as const;

const HOUR_MS = 3_600_000;

/** Addresses remembered at most; the oldest are forgotten first. */
const ADDRESSES = 20_000;

export default defineModule({
  name: "register",
  description: "Lets people make, change and remove accounts from their clients",
  xeps: { "XEP-0077": "2.4" },
  enabledByDefault: false,
  config,
  setup(host) {
    const registration = new Registration(host);
    host.feature(REGISTER_NS);
    host.on(streamFeatures, (features, n) => {
      // Who is not invited yet may be so in a moment (XEP-0445 §4).
      const open = host.config.allowed || host.has(registrationAdmission);
      if (n.account === undefined && open && registration.isSafe(n)) {
        return [...features, xml("register", FEATURE_NS)];
      }
    });
    host.on(negotiationElement, (n, element) => registration.beforeLogin(n, element));
    host.on(registerAccount, (request) => registration.register(request));
    host.on(accountClosing, (account) => registration.closing(account));
    for (const scope of ["host", "owner"] as const) {
      host.iq.get(REGISTER_NS, "query", (iq) => registration.current(iq), scope);
      host.iq.set(REGISTER_NS, "query", (iq, query) => registration.change(iq, query), scope);
    }
  },
});

class Registration {
  readonly #host: Host;
  readonly #rules: Rules;
  readonly #made = new Map<string, { count: number; since: number }>();
  /** What to say to an account's client once the account is gone, by node. */
  readonly #removals = new Map<string, () => void>();

  constructor(host: Host) {
    this.#host = host;
    this.#rules = new Rules(host.config);
  }

  /** A password may cross this connection. */
  isSafe(n: Negotiation): boolean {
    return n.secure || (n.mayAuthenticate && !this.#host.config.require_tls);
  }

  // ---- before login (§3.1.1) ----

  async beforeLogin(n: Negotiation, element: Element): Promise<true | undefined> {
    if (n.account !== undefined || element.ns !== NS.client || element.name !== "iq") return;
    const query = element.child("query", REGISTER_NS);
    const { type, to } = element.attrs;
    if (query === undefined || (type !== "get" && type !== "set")) return;
    if (to !== undefined && parseJid(to)?.full !== this.#host.domain) return;
    const request = element as Stanza;
    try {
      const admission = await this.#host.ask(registrationAdmission, n);
      this.#checkOpen(n, admission);
      const payload = type === "get"
        ? this.#blank(admission)
        : await this.#fromStream(n, query, admission);
      n.reply(iqStanza({ type: "result", id: request.id ?? "" }, payload));
    } catch (e) {
      if (!(e instanceof StanzaError)) throw e;
      n.refuse(request, e);
    }
    return true;
  }

  #blank(admission: Admission | undefined): Element {
    const { instructions } = this.#host.config;
    const username = admission?.username;
    const [name, password] = FIELDS;
    return xml(
      "query",
      REGISTER_NS,
      {},
      xml("instructions", REGISTER_NS, {}, instructions),
      xml("username", REGISTER_NS, {}, username),
      xml("password", REGISTER_NS),
      form({
        type: "form",
        formType: REGISTER_NS,
        instructions,
        fields: [{ ...name, value: username }, password],
      }),
    );
  }

  #checkOpen(n: Negotiation, admission: Admission | undefined): void {
    if (!this.#host.config.allowed && admission === undefined) {
      throw new StanzaError("not-allowed", { text: "accounts are made by invitation only" });
    }
    if (!this.isSafe(n)) throw new StanzaError("not-authorized", { text: "TLS is needed first" });
  }

  async #fromStream(
    n: Negotiation,
    query: Element,
    admission: Admission | undefined,
  ): Promise<undefined> {
    if (query.child("remove") !== undefined) {
      throw new StanzaError("unexpected-request", { text: "log in first" });
    }
    const remote = n.stream.transport.remoteAddress;
    await this.register({ ...filledIn(query), remote, secure: n.secure, admission });
  }

  // ---- new accounts, from wherever ----

  async register(request: RegistrationRequest): Promise<Jid> {
    const { username, password, remote, secure, admission } = request;
    if (this.#host.config.require_tls && !secure) {
      throw new StanzaError("not-authorized", { text: "TLS is needed first" });
    }
    if (username === "" || password === "") {
      throw new StanzaError("not-acceptable", { text: "a name and a password are needed" });
    }
    const node = this.#rules.checkName(username, admission?.username);
    this.#rules.checkPassword(password);
    const account = Jid.of(node, this.#host.domain);
    if (admission === undefined) this.#count(addressKey(remote));
    else if (!await admission.take()) {
      throw new StanzaError("not-allowed", { text: "the invitation has been used" });
    }
    const made = await this.#create(account, password, admission);
    if (made === "conflict") {
      throw new StanzaError("conflict", { text: "there is an account of that name" });
    }
    if (made === undefined) {
      throw new StanzaError("not-allowed", { text: "no accounts are made here" });
    }
    this.#host.log.info("account registered", {
      account: account.bare,
      remote,
      invited: admission !== undefined,
    });
    await this.#welcome(account, admission);
    return account;
  }

  /** The account is there, whatever becomes of what follows from that. */
  async #welcome(account: Jid, admission: Admission | undefined): Promise<void> {
    try {
      await admission?.made(account);
    } catch (e) {
      this.#host.log.warn("what an invitation promises could not be done", {
        account: account.bare,
        error: e instanceof StanzaError ? e.text ?? e.condition : String(e),
      });
    }
  }

  /** An invitation that has led to no account is still good. */
  async #create(
    account: Jid,
    password: string,
    admission: Admission | undefined,
  ): Promise<"created" | "conflict" | undefined> {
    let made: "created" | "conflict" | undefined;
    try {
      await this.#checkFree(account, admission);
      made = await this.#host.ask(createAccount, account, password);
    } finally {
      if (made !== "created") await admission?.giveBack();
    }
    return made;
  }

  async #checkFree(account: Jid, admission: Admission | undefined): Promise<void> {
    // Whoever had such a name would be an administrator.
    if (this.#host.settings.admins.includes(account.bare)) {
      throw new StanzaError("not-acceptable", { text: "this name is reserved" });
    }
    if (admission?.username !== undefined) {
      if (admission.username === account.node) return;
      throw new StanzaError("not-acceptable", {
        text: `the invitation is for the name ${admission.username}`,
      });
    }
    if (await this.#host.ask(nameReserved, account) === true) {
      throw new StanzaError("conflict", { text: "there is an account of that name" });
    }
  }

  /** Counts an attempt, also one that meets a name in use: it tells that the name is. */
  #count(address: string): void {
    const { per_address } = this.#host.config;
    if (per_address === 0) return;
    const now = performance.now();
    let made = this.#made.get(address);
    if (made === undefined || now - made.since >= HOUR_MS) {
      this.#made.delete(address);
      this.#made.set(address, made = { count: 0, since: now });
      if (this.#made.size > ADDRESSES) this.#made.delete(this.#made.keys().next().value!);
    }
    if (made.count >= per_address) {
      throw new StanzaError("resource-constraint", {
        text: "too many accounts from this address; try again in an hour",
      });
    }
    made.count++;
  }

  // ---- after login ----

  /** What is known of the account that asks (§3.1). */
  current(iq: Stanza): IqReply {
    const account = this.#ownAccount(iq);
    return result(xml(
      "query",
      REGISTER_NS,
      {},
      xml("registered", REGISTER_NS),
      xml("username", REGISTER_NS, {}, account.node),
      xml("password", REGISTER_NS),
    ));
  }

  #ownAccount(iq: Stanza): Jid {
    const from = iq.from!;
    // People of other servers have no business here; nor has the host itself.
    if (from.domain !== this.#host.domain || from.node === "") {
      throw new StanzaError("not-allowed");
    }
    return from.toBare();
  }

  async change(iq: Stanza, query: Element): Promise<IqReply> {
    const account = this.#ownAccount(iq);
    if (query.child("remove") !== undefined) {
      if (query.elements().length > 1) {
        throw new StanzaError("bad-request", { text: "<remove/> stands alone" });
      }
      return await this.#remove(iq, account);
    }
    try {
      return await this.#changePassword(iq, account, query);
    } catch (e) {
      if (!(e instanceof StanzaError)) throw e;
      // Not the usual answer, which would hand the password back (§3.3).
      const { from: to, to: from, id = "" } = iq;
      await this.#host.send(iqStanza({ type: "error", id, from, to }, e.toElement()));
      return NO_REPLY;
    }
  }

  /** §3.3 */
  async #changePassword(iq: Stanza, account: Jid, query: Element): Promise<IqReply> {
    if (!this.#host.config.password_change) {
      throw new StanzaError("not-allowed", { text: "passwords are not changed this way here" });
    }
    const session = this.#host.session(iq.from!);
    // Without TLS only as it logged in: where that is allowed, so is this.
    if (this.#host.config.require_tls && session?.stream?.transport.secure === undefined) {
      throw new StanzaError("not-authorized", { text: "TLS is needed" });
    }
    const { username, password } = filledIn(query);
    if (username === "" || password === "") {
      throw new StanzaError("bad-request", { text: "a name and a password are needed" });
    }
    if (prepNode(username) !== account.node) {
      throw new StanzaError("not-allowed", { text: "this is not your account" });
    }
    this.#rules.checkPassword(password);
    if (await this.#host.ask(setPassword, account, password) !== true) {
      throw new StanzaError("registration-required");
    }
    this.#host.log.info("password changed", { account: account.bare });
    return result();
  }

  /** §3.2: the account goes, the client is told, its streams end. */
  async #remove(iq: Stanza, account: Jid): Promise<IqReply> {
    if (!this.#host.config.removal) {
      throw new StanzaError("not-allowed", { text: "accounts are not removed this way here" });
    }
    // Another client of the account was first; that one is told.
    if (this.#removals.has(account.node)) throw new StanzaError("registration-required");
    const session = this.#host.session(iq.from!);
    let told = false;
    this.#removals.set(account.node, () => {
      told = true;
      tellResult(session, iq);
    });
    try {
      if (await this.#host.ask(deleteAccount, account) !== true) {
        throw new StanzaError("registration-required");
      }
    } finally {
      this.#removals.delete(account.node);
    }
    this.#host.log.info("account removed by its user", { account: account.bare });
    return told ? NO_REPLY : result();
  }

  /** The account is gone, its sessions are not yet: the last moment to answer. */
  closing(account: Jid): void {
    this.#removals.get(account.node)?.();
  }
}

function tellResult(session: Session | undefined, request: Stanza): void {
  void session?.send(resultOf(request));
}

/** The form if there is one (§4), else the plain fields. */
function filledIn(query: Element): { username: string; password: string } {
  const x = query.child("x", FORMS_NS);
  if (x !== undefined) {
    const given = answers(readForm(x), FIELDS, REGISTER_NS);
    return { username: given.username ?? "", password: given.password ?? "" };
  }
  return {
    username: query.childText("username") ?? "",
    password: query.childText("password") ?? "",
  };
}
