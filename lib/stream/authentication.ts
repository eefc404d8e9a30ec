/**
 * SASL on a client's stream (RFC 6120 §6): what may be offered, and the exchange up to the proof of an
 * account. How its messages are written is up to a profile: that of RFC 6120 is in sasl.ts. What is
 * counted, slowed down and refused is the same for all profiles, and counts for all of them together.
 */

import type { Later } from "../later.ts";
import { then } from "../later.ts";
import type { Host } from "../host.ts";
import { Jid } from "../jid.ts";
import { StanzaError, StreamError } from "../errors.ts";
import type { Element } from "../xml/element.ts";
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
import { bindingTypes, createMechanism, guarded, mechanisms } from "../sasl/mechanism.ts";
import { decodeBase64 } from "../sasl/text.ts";
import type { Negotiation } from "./negotiation.ts";

/** How the messages of an exchange are written on the stream. */
export interface SaslProfile {
  /** The namespace of its elements. */
  readonly ns: string;
  /** What becomes of a proof for another account than the stream header's `from` names. */
  readonly wrongAccount: StreamError | SaslFailure;
  challenge(data: Uint8Array): void;
  /** `app` is a condition of another specification. */
  failure(condition: SaslCondition, text: string | undefined, app?: Element): void;
}

/** An exchange that has proved an account which may log in. */
export interface Proved {
  readonly account: Jid;
  readonly mechanism: string;
  /** True for a guest (SASL ANONYMOUS). */
  readonly guest: boolean;
  /** Additional data with success. */
  readonly data: Uint8Array | undefined;
}

export class Authentication {
  readonly #n: Negotiation;
  readonly #host: Host;
  #offered: readonly string[] = [];
  #bindings: readonly string[] = [];
  #running: Mechanism | undefined = undefined;
  #profile: SaslProfile | undefined = undefined;
  /** The name of the mechanism. */
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

  // ---- what is offered ----

  /** Finds out what may be offered on this stream. */
  prepare(): Later<void> {
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
    });
  }

  /** Names of mechanisms, the best first. */
  get offered(): readonly string[] {
    return this.#offered;
  }

  /** Channel-binding types that go with them; empty without a mechanism that has -PLUS. */
  get bindings(): readonly string[] {
    return this.#bindings;
  }

  // ---- the exchange ----

  /** True while a message of the client is awaited. */
  get running(): boolean {
    return this.#running !== undefined;
  }

  /**
   * Starts an exchange; one that is going on is forgotten. Yields the account if it is proved by
   * now; otherwise the challenge or failure is sent.
   *
   * @param initial the initial response in base64; undefined if there was none
   * @param special a mechanism that is not offered, but is spoken this time
   */
  begin(
    profile: SaslProfile,
    mechanism: string,
    initial: string | undefined,
    special?: Mechanism,
  ): Later<Proved | undefined> {
    const address = this.#n.stream.transport.remoteAddress;
    if (this.#n.server.throttle.blocked(address)) {
      throw new StreamError("policy-violation", "too many failed logins from this address");
    }
    this.#profile = profile;
    this.#running = special === undefined ? this.#make(mechanism) : guarded(special);
    if (this.#running === undefined) {
      return this.fail(profile, {
        kind: "failure",
        condition: this.#needsTls(mechanism) ? "encryption-required" : "invalid-mechanism",
      });
    }
    this.#name = mechanism;
    this.#n.loginBegun = performance.now();
    return this.#step(profile, initial);
  }

  #make(mechanism: string): Mechanism | undefined {
    return this.#offered.includes(mechanism)
      ? createMechanism(mechanism, this.#context())
      : undefined;
  }

  /** Takes the client's answer to a challenge, in base64. */
  respond(profile: SaslProfile, response: string): Later<Proved | undefined> {
    if (this.#running === undefined || this.#profile !== profile) {
      return this.fail(profile, { kind: "failure", condition: "malformed-request" });
    }
    return this.#step(profile, response);
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

  #step(profile: SaslProfile, text: string | undefined): Later<Proved | undefined> {
    const input = text === undefined ? undefined : decodeBase64(text);
    if (text !== undefined && input === undefined) {
      return this.fail(profile, { kind: "failure", condition: "incorrect-encoding" });
    }
    let step: Later<SaslStep>;
    try {
      step = this.#running!.step(input);
    } catch (e) {
      return this.#broken(profile, e);
    }
    if (!(step instanceof Promise)) return this.#next(profile, step);
    return step.then((s) => this.#next(profile, s), (e) => this.#broken(profile, e));
  }

  /** A hook failed or did not answer. */
  #broken(profile: SaslProfile, e: unknown): Later<undefined> {
    if (e instanceof StreamError) throw e;
    if (!(e instanceof StanzaError)) {
      this.#n.server.log.area("auth").error("an authentication failed to work", {
        error: e instanceof Error ? e.stack ?? e.message : String(e),
      });
    }
    return this.fail(profile, { kind: "failure", condition: "temporary-auth-failure" });
  }

  #next(profile: SaslProfile, step: SaslStep): Later<Proved | undefined> {
    if (step.kind === "failure") return this.fail(profile, step);
    if (step.kind === "success") return this.#succeed(profile, step);
    profile.challenge(step.data);
  }

  #succeed(
    profile: SaslProfile,
    step: SaslStep & { kind: "success" },
  ): Later<Proved | undefined> {
    const account = Jid.of(step.node, this.#host.domain);
    const { claimed, secure } = this.#n;
    const mechanism = this.#name;
    const guest = mechanism === "ANONYMOUS";
    // RFC 6120 §6.4.6; a guest cannot know its name before.
    if (secure && claimed !== undefined && !guest && claimed.bare !== account.bare) {
      const { wrongAccount } = profile;
      if (wrongAccount instanceof StreamError) throw wrongAccount;
      return this.fail(profile, wrongAccount);
    }
    return then(this.#host.hooks.ask(mayLogin, account), (may) => {
      if (may !== true && may !== undefined) {
        return this.fail(profile, { kind: "failure", condition: may });
      }
      this.#running = undefined;
      const { transport } = this.#n.stream;
      this.#n.server.throttle.succeeded(account.bare, transport.remoteAddress);
      this.#n.server.log.area("auth").debug("logged in", {
        account: account.bare,
        remote: transport.remote,
        mechanism,
      });
      return { account, mechanism, guest, data: step.data };
    });
  }

  /** The answer to a wrong proof is slowed down; too many of them end the stream (§6.4.5). */
  fail(profile: SaslProfile, failure: SaslFailure, app?: Element): Later<undefined> {
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
      return this.#sendFailure(profile, failure, app);
    }
    const account = `${failure.node}@${this.#host.domain}`;
    throttle.failed(account, remoteAddress);
    this.#n.server.log.area("auth").warn("login failed", {
      account,
      remote,
      condition: failure.condition,
    });
    const ms = throttle.delay(account, remoteAddress);
    if (ms === 0) return this.#sendFailure(profile, failure, app);
    return new Promise<void>((resolve) => this.#n.server.deadlines.after(ms, resolve))
      .then(() => this.#sendFailure(profile, failure, app));
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

  #sendFailure(profile: SaslProfile, failure: SaslFailure, app: Element | undefined): undefined {
    profile.failure(failure.condition, failure.text, app);
    if (this.#failures >= this.#n.server.config.auth.attempts) {
      this.#n.stream.fail(new StreamError("policy-violation", "too many failed logins"));
    }
    return undefined;
  }
}
