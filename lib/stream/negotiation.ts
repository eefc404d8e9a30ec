/**
 * A client's stream from its first byte to a bound resource (RFC 6120 §4 to §7): STARTTLS, SASL,
 * resource binding. What modules add comes through the hooks `stream.features` and
 * `stream.negotiation-element`. It is forgotten once the session reads the stream.
 */

import type { Later } from "../later.ts";
import { then } from "../later.ts";
import type { Host } from "../host.ts";
import type { Server } from "../server.ts";
import { Jid, parseJid } from "../jid.ts";
import { StanzaError, StreamError } from "../errors.ts";
import { NS } from "../ns.ts";
import type { Element } from "../xml/element.ts";
import { xml } from "../xml/element.ts";
import type { StreamHeader } from "../xml/parser.ts";
import { Stanza } from "../stanza.ts";
import type { Holder, Session } from "../session.ts";
import { negotiationElement, streamFeatures, streamOpened } from "../hooks/streams.ts";
import type { Proved, SaslProfile } from "./authentication.ts";
import { Authentication } from "./authentication.ts";
import { bindResource } from "./bind.ts";
import type { Login, UserAgent } from "./login.ts";
import type { StreamReader } from "./reader.ts";
import { onSaslElement, saslFeatures, saslProfile, saslSuccess } from "./sasl.ts";
import type { XmppStream } from "./stream.ts";
import { LANG, responseHeader } from "./header.ts";

/** Refused attempts to bind a resource after which the stream is closed. */
const MAX_REFUSALS = 10;

export class Negotiation implements StreamReader, Holder {
  readonly stream: XmppStream;
  readonly server: Server;
  /** The host in the stream header's `to`; undefined before the first header. */
  host: Host | undefined = undefined;
  /** The account that SASL has proved: node and domain. */
  account: Jid | undefined = undefined;
  /** The client's language, where it has named one other than ours. */
  lang: string | undefined = undefined;
  /** How the account was proved; undefined before. */
  login: Login | undefined = undefined;
  /** Set where binding, or resumption, was a part of the login: the stream is the session's by then. */
  session: Session | undefined = undefined;
  /** When the exchange began that proved the account (`performance.now()`); 0 before. */
  loginBegun = 0;
  /** True for a guest (SASL ANONYMOUS). */
  guest = false;
  /** Who the client said it was in the header of this stream. */
  claimed: Jid | undefined = undefined;
  /** Why EXTERNAL may be offered: the accounts the client's certificate speaks for. */
  certificateJids: readonly Jid[] | undefined = undefined;
  slots: unknown[] | undefined = undefined;
  /** While it is set, an element of any other namespace ends the stream. */
  only: string | undefined = undefined;
  #authentication: Authentication | undefined = undefined;
  #profile: SaslProfile | undefined = undefined;
  #refusals = 0;

  constructor(stream: XmppStream, server: Server) {
    this.stream = stream;
    this.server = server;
  }

  get secure(): boolean {
    return this.stream.transport.secure !== undefined;
  }

  /** True if this client may authenticate as things are (`c2s.plaintext_auth`). */
  get mayAuthenticate(): boolean {
    if (this.secure) return true;
    const rule = this.server.config.c2s.plaintext_auth;
    return rule === "always" || (rule === "loopback" && this.stream.transport.loopback);
  }

  /** Logging in; undefined where that is not possible: as things are, or any more. */
  get authentication(): Authentication | undefined {
    return this.#authentication;
  }

  // ---- stream headers ----

  onHeader(stream: XmppStream, header: StreamHeader): Later<void> {
    const to = header.attrs.to === undefined ? undefined : parseJid(header.attrs.to);
    const host = to === undefined || !to.isBare ? undefined : this.server.hosts.get(to.full);
    const { from } = header.attrs;
    this.claimed = from === undefined ? undefined : parseJid(from);
    this.lang = foreign(header.attrs["xml:lang"]);
    const ours = responseHeader(host?.domain ?? this.server.defaultDomain, this.claimed?.bare);
    stream.sendHeader(ours, NS.client);
    checkHeader(header);
    if (host === undefined) {
      throw new StreamError(
        "host-unknown",
        header.attrs.to === undefined ? "no `to` in the stream header" : undefined,
      );
    }
    if (this.account !== undefined) this.#checkSameAccount(host, this.account, from);
    this.host = host;
    const { see_other_host } = host.config;
    if (see_other_host !== undefined) {
      throw new StreamError("see-other-host", undefined, undefined, see_other_host);
    }
    return then(host.hooks.ask(streamOpened, this), () => this.#sendFeatures());
  }

  #checkSameAccount(host: Host, account: Jid, from: string | undefined): void {
    if (host.domain !== account.domain) {
      throw new StreamError("host-unknown", "logged in elsewhere");
    }
    if (from !== undefined && this.claimed?.bare !== account.bare) {
      throw new StreamError("invalid-from");
    }
  }

  #sendFeatures(): Later<void> {
    return then(this.features(), (text) => this.stream.send(text));
  }

  /** `<stream:features/>`: what may be negotiated as things are. */
  features(): Later<string> {
    const host = this.host!;
    if (this.account === undefined && this.secure && this.certificateJids === undefined) {
      return then(Authentication.certificate(this), (jids) => {
        this.certificateJids = jids;
        return this.#featuresNow(host);
      });
    }
    return this.#featuresNow(host);
  }

  #featuresNow(host: Host): Later<string> {
    const features: Element[] = [];
    if (this.session !== undefined) return this.#extended(host, features);
    if (this.account !== undefined) {
      features.push(
        xml("bind", NS.bind),
        xml("session", NS.session, {}, xml("optional", NS.session)),
      );
      return this.#extended(host, features);
    }
    if (!this.secure && this.server.tlsFor(host) !== undefined) {
      features.push(xml("starttls", NS.tls, {}, !this.mayAuthenticate && xml("required", NS.tls)));
    }
    if (!this.mayAuthenticate) return this.#extended(host, features);
    const auth = this.#authentication = new Authentication(this, host);
    return then(auth.prepare(), () => {
      features.push(...saslFeatures(auth));
      return this.#extended(host, features);
    });
  }

  /** What modules add. */
  #extended(host: Host, features: Element[]): Later<string> {
    return then(host.hooks.filter(streamFeatures, features, this), (all) => {
      const list = Array.isArray(all) ? all : features;
      return `<stream:features>${list.join("")}</stream:features>`;
    });
  }

  // ---- elements ----

  onElement(stream: XmppStream, element: Element): Later<void> {
    if (this.only !== undefined && element.ns !== this.only) {
      throw new StreamError("policy-violation", "an authentication is going on");
    }
    switch (element.ns) {
      case NS.tls:
        return this.#startTls(stream, element);
      case NS.sasl:
        if (this.account !== undefined) {
          throw new StreamError("policy-violation", "already logged in");
        }
        return this.#onSasl(element);
    }
    if (this.account !== undefined && isBind(element)) {
      return bindResource(this, this.host!, this.account, element as Stanza);
    }
    return then(this.host!.hooks.ask(negotiationElement, this, element), (handled) => {
      if (handled === true) return;
      if (element.ns === NS.client && isStanza(element.name)) {
        throw new StreamError(
          "not-authorized",
          this.account === undefined ? "log in first" : "bind first",
        );
      }
      throw new StreamError("unsupported-stanza-type");
    });
  }

  #onSasl(element: Element): Later<void> {
    const profile = this.#profile ??= saslProfile(this.stream);
    if (this.#authentication === undefined) {
      // RFC 6120 §6.4.2: before TLS, where TLS is required, no mechanism is good enough.
      return profile.failure("encryption-required", undefined);
    }
    return then(onSaslElement(this.#authentication, profile, element), (proved) => {
      if (proved === undefined || this.stream.closed) return; // while the proof was checked
      this.stream.send(saslSuccess(proved));
      this.authenticated(proved, undefined);
      this.stream.restart(false);
    });
  }

  /** RFC 6120 §5.4.2. */
  #startTls(stream: XmppStream, element: Element): void {
    const context = this.host === undefined ? undefined : this.server.tlsFor(this.host);
    if (
      element.name !== "starttls" || this.secure || this.account !== undefined ||
      context === undefined
    ) {
      stream.send(`<failure xmlns='${NS.tls}'/>`);
      stream.close("STARTTLS failed");
      return;
    }
    stream.send(`<proceed xmlns='${NS.tls}'/>`);
    stream.setDeadline(
      this.server.config.c2s.handshake_timeout,
      new StreamError("connection-timeout", "TLS handshake took too long"),
    );
    stream.startTls(context);
  }

  onSecure(stream: XmppStream): void {
    this.startTimer(stream);
  }

  /** The time from here to a bound resource is limited (`c2s.auth_timeout`). */
  startTimer(stream: XmppStream): void {
    stream.setDeadline(
      this.server.config.c2s.auth_timeout,
      new StreamError("connection-timeout", "no resource was bound in time"),
    );
  }

  /** The client is who it says: nothing more to be proved. */
  authenticated({ account, mechanism, guest }: Proved, agent: UserAgent | undefined): void {
    this.account = account;
    this.guest = guest;
    this.login = { mechanism, agent };
    this.#authentication = undefined;
    this.stream.configure(this.host!.streamSettings);
  }

  /** A login that could not be completed: the client may try again. */
  takeBack(authentication: Authentication): void {
    this.account = undefined;
    this.guest = false;
    this.login = undefined;
    this.#authentication = authentication;
    this.stream.configure(this.server.streamSettings);
  }

  onClosed(stream: XmppStream, reason: string | undefined): void {
    this.server.unbound.delete(stream);
    this.server.log.area("c2s").debug("stream closed before a session", {
      remote: stream.transport.remote,
      reason: reason ?? "closed",
    });
  }

  /** Answers an IQ that came before a resource was bound. */
  reply(answer: Stanza): void {
    this.stream.send(answer.wire());
  }

  /** Like `reply`, with an error. */
  refuse(request: Stanza, error: StanzaError): void {
    this.stream.send(
      new Stanza("iq", NS.client, { type: "error", id: request.id ?? "" }, [error.toElement()])
        .wire(),
    );
    // RFC 6120 §7.7.3 wants an end to it after 5 to 10 attempts.
    if (++this.#refusals === MAX_REFUSALS) {
      this.stream.fail(new StreamError("policy-violation", "too many attempts to bind a resource"));
    }
  }
}

/** RFC 6120 §4.8 and §4.7.5. */
function checkHeader(header: StreamHeader): void {
  if (header.name !== "stream" || header.ns !== NS.streams) {
    throw new StreamError("invalid-namespace", `the root is <stream xmlns='${NS.streams}'>`);
  }
  if (header.prefix !== "stream") {
    throw new StreamError("bad-namespace-prefix", "the prefix is `stream`");
  }
  if (header.defaultNs !== NS.client) {
    throw new StreamError("invalid-namespace", `the default namespace is ${NS.client}`);
  }
  const version = /^(\d+)\.\d+$/.exec(header.attrs.version ?? "");
  if (version === null || Number(version[1]) < 1) {
    throw new StreamError("unsupported-version", "1.0 is needed");
  }
}

/** A client's language (RFC 6120 §4.7.4), unless it is ours or no language tag at all. */
function foreign(lang: string | undefined): string | undefined {
  if (lang === undefined || lang.length > 64 || lang.toLowerCase() === LANG) return undefined;
  return /^[a-z]{1,8}(-[a-z0-9]{1,8})*$/i.test(lang) ? lang : undefined;
}

function isStanza(name: string): boolean {
  return name === "message" || name === "presence" || name === "iq";
}

function isBind(element: Element): boolean {
  return element.ns === NS.client && element.name === "iq" && element.attrs.type === "set" &&
    element.child("bind", NS.bind) !== undefined;
}
