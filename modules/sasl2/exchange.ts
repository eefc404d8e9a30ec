/** One authentication by XEP-0388: SASL, tasks, and what is done along with the login. */

import { DROP } from "../../lib/hooks/hook.ts";
import {
  bindInline,
  type InlineBinding,
  type LoginTask,
  sasl2Mechanism,
  sasl2Success,
  sasl2Tasks,
} from "../../lib/hooks/sasl2.ts";
import { resumeInline, type Resumption } from "../../lib/hooks/inline.ts";
import { loggedIn } from "../../lib/hooks/streams.ts";
import { StanzaError, StreamError } from "../../lib/errors.ts";
import type { ModuleHost } from "../../lib/module.ts";
import type { SaslFailure } from "../../lib/sasl/mechanism.ts";
import { type Session, slot } from "../../lib/session.ts";
import type { Authentication, Proved, SaslProfile } from "../../lib/stream/authentication.ts";
import { loginOf, type UserAgent } from "../../lib/stream/login.ts";
import type { Negotiation } from "../../lib/stream/negotiation.ts";
import type { Element } from "../../lib/xml/element.ts";
import { xml } from "../../lib/xml/element.ts";
import { additionalData, readUserAgent, SASL2_NS, sasl2Profile } from "./messages.ts";

/** An `<authenticate/>` that is not answered by success or failure yet. */
interface Exchange {
  readonly request: Element;
  readonly agent: UserAgent | undefined;
  /** Set once the account is proved. */
  proved: Proved | undefined;
  /** Tasks still to be done, in order. */
  tasks: readonly LoginTask[];
  /** The one that the client has begun. */
  task: LoginTask | undefined;
}

/** On a negotiation. */
const exchange = slot<Exchange>();
const profile = slot<SaslProfile>();

const MALFORMED: SaslFailure = { kind: "failure", condition: "malformed-request" };

/** Handles an element of the namespace before a resource is bound. */
export async function onElement(host: ModuleHost, n: Negotiation, element: Element): Promise<true> {
  const auth = n.authentication;
  if (n.account !== undefined) throw new StreamError("policy-violation", "already logged in");
  let writer = profile.get(n);
  if (writer === undefined) profile.set(n, writer = sasl2Profile(n.stream));
  if (auth === undefined || !n.secure) {
    writer.failure("encryption-required", undefined);
    return true;
  }
  const x = exchange.get(n);
  switch (element.name) {
    case "authenticate":
      // §2.4: nothing but answers to challenges may come now.
      if (x !== undefined || auth.running) throw new StreamError("policy-violation");
      await begin(host, n, auth, writer, element);
      break;
    case "response":
      if (x === undefined || x.proved !== undefined) await fail(n, auth, writer, MALFORMED);
      else await goOn(host, n, auth, writer, x, await auth.respond(writer, element.text()));
      break;
    case "next":
    case "task-data":
      await doTask(host, n, auth, writer, x, element);
      break;
    case "abort":
      await fail(n, auth, writer, { kind: "failure", condition: "aborted" });
      break;
    default:
      throw new StreamError("unsupported-stanza-type");
  }
  return true;
}

async function begin(
  host: ModuleHost,
  n: Negotiation,
  auth: Authentication,
  writer: SaslProfile,
  request: Element,
): Promise<void> {
  const { mechanism = "" } = request.attrs;
  const agent = readUserAgent(request);
  if (agent === "malformed") {
    await fail(n, auth, writer, { ...MALFORMED, text: "the id of a user agent is a UUID" });
    return;
  }
  const x: Exchange = { request, agent, proved: undefined, tasks: [], task: undefined };
  exchange.set(n, x);
  n.only = SASL2_NS;
  const special = await host.ask(sasl2Mechanism, n, mechanism, request);
  const initial = request.childText("initial-response");
  await goOn(host, n, auth, writer, x, await auth.begin(writer, mechanism, initial, special));
}

/** After a message of the mechanism. */
async function goOn(
  host: ModuleHost,
  n: Negotiation,
  auth: Authentication,
  writer: SaslProfile,
  x: Exchange,
  proved: Proved | undefined,
): Promise<void> {
  if (proved === undefined) {
    if (!auth.running) over(n);
    return;
  }
  x.proved = proved;
  const { account, mechanism } = proved;
  const tasks = await orFailure(async () =>
    await host.filter(sasl2Tasks, [], n, account, mechanism, x.request)
  );
  if (isFailure(tasks)) return await fail(n, auth, writer, tasks);
  x.tasks = tasks === DROP ? [] : tasks;
  if (x.tasks.length > 0) return sendContinue(n, x.tasks[0]!, proved.data);
  await finish(host, n, auth, writer, x, proved, [additionalData(proved.data)]);
}

/** §2.6.3. All tasks must be done, so they are presented one after the other. */
function sendContinue(n: Negotiation, task: LoginTask, data: Uint8Array | undefined): void {
  const text = task.text !== undefined && xml("text", SASL2_NS, {}, task.text);
  const tasks = xml("tasks", SASL2_NS, {}, xml("task", SASL2_NS, {}, task.name));
  n.stream.send(xml("continue", SASL2_NS, {}, additionalData(data), tasks, text).toString());
}

async function doTask(
  host: ModuleHost,
  n: Negotiation,
  auth: Authentication,
  writer: SaslProfile,
  x: Exchange | undefined,
  element: Element,
): Promise<void> {
  const proved = x?.proved;
  if (x === undefined || proved === undefined) return await fail(n, auth, writer, MALFORMED);
  const next = x.tasks[0]!;
  const begins = element.name === "next";
  if (begins === (x.task !== undefined) || (begins && element.attrs.task !== next.name)) {
    return await fail(n, auth, writer, MALFORMED);
  }
  x.task = next;
  const step = await orFailure(async () => await next.step(element));
  if (n.stream.closed) return;
  switch (step.kind) {
    case "failure":
      return await fail(n, auth, writer, step);
    case "data":
      n.stream.send(xml("task-data", SASL2_NS, {}, ...step.content).toString());
      return;
  }
  x.tasks = x.tasks.slice(1);
  x.task = undefined;
  if (x.tasks.length > 0) return sendContinue(n, x.tasks[0]!, undefined);
  await finish(host, n, auth, writer, x, proved, step.content ?? []);
}

/** What has failed with us is no fault of the client's: it may try again. */
async function orFailure<T>(work: () => Promise<T>): Promise<T | SaslFailure> {
  try {
    return await work();
  } catch (e) {
    if (!(e instanceof StanzaError)) throw e;
    return unable(e);
  }
}

function isFailure<T>(value: T | SaslFailure): value is SaslFailure {
  return (value as SaslFailure | undefined)?.kind === "failure";
}

/** XEP-0388 and XEP-0386 know no errors but those of SASL. */
function unable(e: StanzaError): SaslFailure {
  return { kind: "failure", condition: "temporary-auth-failure", text: e.text ?? e.condition };
}

async function fail(
  n: Negotiation,
  auth: Authentication,
  writer: SaslProfile,
  failure: SaslFailure,
  app?: Element,
): Promise<void> {
  // The delay of a failure belongs to the exchange.
  await auth.fail(writer, failure, app);
  over(n);
}

function over(n: Negotiation): void {
  exchange.set(n, undefined);
  n.only = undefined;
}

/**
 * The login itself (§2.6.1): resumption or binding first, then the success with all answers in it.
 * Nothing that others send to the new session may come before.
 */
async function finish(
  host: ModuleHost,
  n: Negotiation,
  auth: Authentication,
  writer: SaslProfile,
  x: Exchange,
  proved: Proved,
  data: readonly (Element | undefined | null | false | string)[],
): Promise<void> {
  const { account } = proved;
  const { stream } = n;
  if (stream.closed) return;
  stream.hold();
  n.authenticated(proved, x.agent);
  let resumption: Resumption | undefined;
  let binding: InlineBinding | undefined;
  try {
    resumption = await host.ask(resumeInline, n, account, x.request);
    if (resumption?.session === undefined) {
      binding = await host.ask(bindInline, n, account, x.request);
    }
  } catch (e) {
    if (!(e instanceof StanzaError)) throw e;
    // Once the stream is a session's, there is nothing to be taken back.
    if (stream.reader !== n) {
      throw new StreamError("internal-server-error", "the session could not be set up");
    }
    n.takeBack(auth);
    stream.release("");
    return await fail(n, auth, writer, unable(e), e.toElement().first());
  }
  const resumed = resumption?.session;
  n.session = resumed ?? binding?.session;
  if (resumed !== undefined) await go(host, n, resumed);
  if (stream.closed) return;
  const more = await success(host, n, proved, x.request);
  if (stream.closed) return;
  const jid = n.session?.jid.full ?? account.bare;
  const text = xml(
    "success",
    SASL2_NS,
    {},
    ...data,
    xml("authorization-identifier", SASL2_NS, {}, jid),
    resumption?.answer,
    binding?.answer,
    ...more,
  ).toString();
  over(n);
  const features = resumed === undefined ? await n.features() : "";
  stream.release(text + features);
  resumption?.proceed();
}

/** The stream is that of a session that goes on. */
async function go(host: ModuleHost, n: Negotiation, session: Session): Promise<void> {
  n.stream.clearDeadline();
  n.server.unbound.delete(n.stream);
  loginOf.set(session, n.login);
  session.changed();
  await host.tell(loggedIn, session, n.login!);
}

async function success(
  host: ModuleHost,
  n: Negotiation,
  { account, mechanism }: Proved,
  request: Element,
): Promise<readonly Element[]> {
  try {
    const more = await host.filter(sasl2Success, [], n, account, mechanism, request);
    return more === DROP ? [] : more;
  } catch {
    return []; // logged under the module's name; the login holds
  }
}
