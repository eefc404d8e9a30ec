/** SASL on a client's stream (RFC 6120 §6): what is offered, and the exchange. */

import type { Later } from "../later.ts";
import { then } from "../later.ts";
import type { Host } from "../host.ts";
import { Jid } from "../jid.ts";
import { StanzaError, StreamError } from "../errors.ts";
import { NS } from "../ns.ts";
import type { Element } from "../xml/element.ts";
import { xml } from "../xml/element.ts";
import {
  accountExists,
  checkCertificate,
  checkPassword,
  mayLogin,
  saslMechanisms,
  scramKeys,
} from "../hooks/accounts.ts";
import { DROP } from "../hooks/hook.ts";
import type {
  Mechanism,
  SaslCondition,
  SaslContext,
  SaslFailure,
  SaslStep,
} from "../sasl/mechanism.ts";
import { bindingTypes, createMechanism, mechanisms } from "../sasl/mechanism.ts";
import { decodeBase64, encodeBase64 } from "../sasl/text.ts";
import type { Negotiation } from "./negotiation.ts";

/** XEP-0440: SASL Channel-Binding Type Capability. */
const CHANNEL_BINDING_NS = "urn:xmpp:sasl-cb:0";

export class Authentication {
  readonly #n: Negotiation;
  readonly #host: Host;
  #offered: readonly string[] = [];
  #bindings: readonly string[] = [];
  #running: Mechanism | undefined = undefined;
  /** Its name. */
  #name = "";
  #failures = 0;
  /** Mechanisms that were refused for their channel binding. */
  readonly #mismatched = new Set<string>();

  constructor(negotiation: Negotiation, host: Host) {
    this.#n = negotiation;
    this.#host = host;
  }

  /** The accounts that the client's certificate speaks for; none if there is no such certificate. */
  static certificate(n: Negotiation): Later<readonly Jid[]> {
    const chain = n.stream.transport.secure?.peerChain ?? [];
    if (chain.length === 0 || n.host === undefined) return [];
    const { host } = n;
    return then(
      host.hooks.ask(checkCertificate, chain, host.domain),
      async (jids) =>
        jids ?? (await n.server.certificateJids(chain)).filter((j) => j.domain === host.domain),
    );
  }

  /** `<mechanisms/>`, and the channel bindings that go with it. Empty if nothing may be offered. */
  features(): Later<Element[]> {
    const { secure, certificateJids } = this.#n;
    const names = mechanisms({
      secure,
      channelBinding: this.#n.stream.transport.secure?.endPoint !== undefined,
      enabled: [
        ...this.#n.server.config.auth.mechanisms,
        ...(this.#host.config.anonymous ? ["ANONYMOUS"] : []),
      ],
      certificate: certificateJids !== undefined && certificateJids.length > 0,
    });
    return then(this.#host.hooks.filter(saslMechanisms, names, secure), (list) => {
      this.#offered = list === DROP ? [] : list;
      const plus = this.#offered.some((name) => name.endsWith("-PLUS"));
      this.#bindings = plus ? bindingTypes : [];
      return this.#elements();
    });
  }

  #elements(): Element[] {
    if (this.#offered.length === 0) return [];
    const names = this.#offered.map((name) => xml("mechanism", NS.sasl, {}, name));
    const elements = [xml("mechanisms", NS.sasl, {}, ...names)];
    if (this.#bindings.length > 0) {
      const types = this.#bindings.map((type) =>
        xml("channel-binding", CHANNEL_BINDING_NS, { type })
      );
      elements.push(xml("sasl-channel-binding", CHANNEL_BINDING_NS, {}, ...types));
    }
    return elements;
  }

  /** Takes an element of the exchange; yields the account once it is proved. */
  onElement(element: Element): Later<Jid | undefined> {
    switch (element.name) {
      case "auth":
        return this.#begin(element);
      case "response":
        if (this.#running === undefined) {
          return this.#fail({ kind: "failure", condition: "malformed-request" });
        }
        return this.#step(element);
      case "abort":
        return this.#fail({ kind: "failure", condition: "aborted" });
    }
    throw new StreamError("unsupported-stanza-type");
  }

  #begin(element: Element): Later<Jid | undefined> {
    const { mechanism = "" } = element.attrs;
    const address = this.#n.stream.transport.remoteAddress;
    if (this.#n.server.throttle.blocked(address)) {
      throw new StreamError("policy-violation", "too many failed logins from this address");
    }
    this.#running = this.#offered.includes(mechanism)
      ? createMechanism(mechanism, this.#context())
      : undefined;
    if (this.#running === undefined) {
      return this.#fail({
        kind: "failure",
        condition: this.#needsTls(mechanism) ? "encryption-required" : "invalid-mechanism",
      });
    }
    this.#name = mechanism;
    this.#n.loginBegun = performance.now();
    return this.#step(element);
  }

  /** RFC 6120 §6.5.4: it would be offered, only not here. */
  #needsTls(mechanism: string): boolean {
    const { secure, server } = this.#n;
    return !secure && !this.#offered.includes(mechanism) &&
      server.config.auth.mechanisms.some((name) => name === mechanism);
  }

  #context(): SaslContext {
    const host = this.#host;
    const { hooks, domain } = host;
    const endPoint = this.#n.stream.transport.secure?.endPoint;
    const jid = (node: string) => Jid.of(node, domain);
    return {
      domain,
      secure: this.#n.secure,
      channelBinding: endPoint && { type: "tls-server-end-point", data: endPoint },
      offeredMechanisms: this.#offered,
      offeredBindings: this.#bindings,
      certificateJids: this.#n.certificateJids,
      pretendSecret: this.#n.server.pretendSecret,
      pretendIterations: this.#n.server.config.auth.iterations,
      scramKeys: (node, hash) =>
        then(
          hooks.ask(scramKeys, jid(node), hash),
          (keys) => keys === "unknown" ? undefined : keys,
        ),
      checkPassword: (node, password) =>
        then(hooks.ask(checkPassword, jid(node), password), (right) => right === true),
      accountExists: (node) =>
        then(hooks.ask(accountExists, jid(node)), (exists) => exists === true),
      anonymousNode: () => crypto.randomUUID(),
    };
  }

  #step(element: Element): Later<Jid | undefined> {
    const text = element.text();
    const decoded = text === "=" ? new Uint8Array() : decodeBase64(text);
    if (decoded === undefined) {
      return this.#fail({ kind: "failure", condition: "incorrect-encoding" });
    }
    // "=" is an empty message, nothing at all is no message (RFC 6120 §6.4.2); a response is one.
    const input = text === "" && element.name === "auth" ? undefined : decoded;
    let step: Later<SaslStep>;
    try {
      step = this.#running!.step(input);
    } catch (e) {
      return this.#broken(e);
    }
    if (!(step instanceof Promise)) return this.#next(step);
    return step.then((s) => this.#next(s), (e) => this.#broken(e));
  }

  /** A hook failed or did not answer. */
  #broken(e: unknown): Later<undefined> {
    if (e instanceof StreamError) throw e;
    if (!(e instanceof StanzaError)) {
      this.#n.server.log.area("auth").error("an authentication failed to work", {
        error: e instanceof Error ? e.stack ?? e.message : String(e),
      });
    }
    return this.#fail({ kind: "failure", condition: "temporary-auth-failure" });
  }

  #next(step: SaslStep): Later<Jid | undefined> {
    if (step.kind === "failure") return this.#fail(step);
    if (step.kind === "success") return this.#succeed(step);
    this.#n.stream.send(`<challenge xmlns='${NS.sasl}'>${encodeBase64(step.data)}</challenge>`);
  }

  #succeed(step: SaslStep & { kind: "success" }): Later<Jid | undefined> {
    const account = Jid.of(step.node, this.#host.domain);
    const { claimed, secure } = this.#n;
    const guest = this.#name === "ANONYMOUS";
    // RFC 6120 §6.4.6; a guest cannot know its name before.
    if (secure && claimed !== undefined && !guest && claimed.bare !== account.bare) {
      throw new StreamError("invalid-from", "logged in as somebody else");
    }
    this.#n.guest = guest;
    return then(this.#host.hooks.ask(mayLogin, account), (may) => {
      if (may !== true && may !== undefined) return this.#fail({ kind: "failure", condition: may });
      const { transport } = this.#n.stream;
      this.#n.server.throttle.succeeded(account.bare, transport.remoteAddress);
      this.#n.server.log.area("auth").debug("logged in", {
        account: account.bare,
        remote: transport.remote,
      });
      const data = step.data === undefined ? "" : encodeBase64(step.data);
      this.#n.stream.send(
        data === ""
          ? `<success xmlns='${NS.sasl}'/>`
          : `<success xmlns='${NS.sasl}'>${data}</success>`,
      );
      return account;
    });
  }

  /** The answer to a wrong proof is slowed down; too many of them end the stream (§6.4.5). */
  #fail(failure: SaslFailure): Later<undefined> {
    this.#running = undefined;
    if (!this.#isFirstMismatch(failure)) this.#failures++;
    const { throttle } = this.#n.server;
    const { remoteAddress, remote } = this.#n.stream.transport;
    if (failure.node === undefined) {
      this.#n.server.log.area("auth").debug("no login", {
        remote,
        mechanism: this.#name,
        condition: failure.condition,
        reason: failure.text,
      });
      return this.#sendFailure(failure.condition, failure.text);
    }
    const account = `${failure.node}@${this.#host.domain}`;
    throttle.failed(account, remoteAddress);
    this.#n.server.log.area("auth").warn("login failed", {
      account,
      remote,
      condition: failure.condition,
    });
    const ms = throttle.delay(account, remoteAddress);
    if (ms === 0) return this.#sendFailure(failure.condition, failure.text);
    return new Promise<void>((resolve) => this.#n.server.deadlines.after(ms, resolve))
      .then(() => this.#sendFailure(failure.condition, failure.text));
  }

  /**
   * A channel binding that is not ours is no guess at a password, once per mechanism: clients that
   * know only tls-unique try every -PLUS and every SCRAM before they come to one that works.
   */
  #isFirstMismatch({ text }: SaslFailure): boolean {
    if (
      text !== "unsupported-channel-binding-type" && text !== "server-does-support-channel-binding"
    ) return false;
    const before = this.#mismatched.size;
    return this.#mismatched.add(this.#name).size > before;
  }

  #sendFailure(condition: SaslCondition, text: string | undefined): undefined {
    const reason = text === undefined
      ? ""
      : xml("text", NS.sasl, { "xml:lang": "en" }, text).toString();
    this.#n.stream.send(`<failure xmlns='${NS.sasl}'><${condition}/>${reason}</failure>`);
    if (this.#failures >= this.#n.server.config.auth.attempts) {
      this.#n.stream.fail(new StreamError("policy-violation", "too many failed logins"));
    }
    return undefined;
  }
}
