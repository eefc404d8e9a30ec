/** Making, configuring and deleting nodes (XEP-0060 §8.1-8.4). */

import { StanzaError } from "../../lib/errors.ts";
import { form } from "../../lib/formats/form.ts";
import { rosterGet } from "../../lib/hooks/roster.ts";
import { pubsubDefaults, pubsubRetracted } from "../../lib/hooks/pubsub.ts";
import type { Jid } from "../../lib/jid.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import { whyNotRead } from "./access.ts";
import { settle, tellSubscriber } from "./authorize.ts";
import { configOf, filledFields, formIn, submittedOptions } from "./config.ts";
import type { Engine } from "./engine.ts";
import { badRequest, nodeOf } from "./errors.ts";
import { hearers, introduceNew } from "./last_item.ts";
import { EVENT, NODE_CONFIG, OWNER, PUBSUB } from "./names.ts";
import { affiliationOf, type Node } from "./node.ts";

/** `<create/>`, with `<configure/>` if there is one. */
export async function handleCreate(engine: Engine, iq: Stanza, request: Element): Promise<Element> {
  const create = request.child("create")!;
  const [owner, who] = [iq.to!, iq.from!];
  const configure = request.child("configure");
  const [first] = request.elements();
  if (first !== create || configure?.attrs.node !== undefined) {
    throw badRequest("configure follows create and names no node");
  }
  // An instant node has a name of our choice.
  const name = create.attrs.node === undefined || create.attrs.node === ""
    ? crypto.randomUUID()
    : nodeOf(create);
  const submitted = configure === undefined ? undefined : formIn(configure);
  const options = submitted === undefined || submitted.type === "cancel"
    ? {}
    : submittedOptions(submitted, engine.realm.host.config);
  if (!engine.realm.mayCreate(owner, who)) throw new StanzaError("forbidden");
  await engine.nodes.alone(owner, name, async () => {
    const there = await engine.nodes.find(owner, name, who);
    if (there !== undefined) throw new StanzaError("conflict");
    await engine.nodes.create(owner, name, who, options);
  });
  return xml("pubsub", PUBSUB, {}, xml("create", PUBSUB, { node: name }));
}

/** The node, for an owner of it. */
export async function ownNode(engine: Engine, owner: Jid, name: string, who: Jid): Promise<Node> {
  const node = await engine.nodes.needKept(owner, name, who);
  if (affiliationOf(engine.realm, node, who) !== "owner") throw new StanzaError("forbidden");
  return node;
}

/** `<configure/>`: the form, or its submission. */
export async function handleConfigure(
  engine: Engine,
  iq: Stanza,
  request: Element,
): Promise<Element | undefined> {
  const configure = request.child("configure")!;
  const [owner, who] = [iq.to!, iq.from!];
  const name = nodeOf(configure);
  const node = await ownNode(engine, owner, name, who);
  if (iq.type === "get") {
    const fields = filledFields(node.config, await groupsOf(engine, owner));
    const x = form({ type: "form", formType: NODE_CONFIG, fields });
    return xml("pubsub", OWNER, {}, xml("configure", OWNER, { node: name }, x));
  }
  const submitted = formIn(configure);
  if (submitted === undefined) throw badRequest("the form is missing");
  if (submitted.type === "cancel") return undefined;
  const options = submittedOptions(submitted, engine.realm.host.config);
  const removed = await engine.nodes.alone(owner, name, async () => {
    const node = await ownNode(engine, owner, name, who);
    const before = node.config;
    const heard = await hearers(engine, node);
    await engine.nodes.configure(node, options);
    const gone = await engine.trim(node);
    if (before.access_model !== node.config.access_model || options.roster_groups_allowed) {
      await recheck(engine, node);
      await introduceNew(engine, node, heard);
    }
    if (!node.config.notify_config) return gone;
    const x = node.config.deliver_payloads &&
      form({ type: "result", formType: NODE_CONFIG, fields: filledFields(node.config) });
    await engine.notify(node, xml("configuration", EVENT, { node: name }, x));
    return gone;
  });
  if (removed.length > 0) await engine.realm.host.tell(pubsubRetracted, owner, name, removed);
  return undefined;
}

/** Subscriptions that the node's access model does not allow any more end. Within `alone`. */
export async function recheck(engine: Engine, node: Node, bare?: string): Promise<void> {
  for (const { jid, state } of [...node.subscriptions.values()]) {
    if (bare !== undefined && jid.bare !== bare) continue;
    const why = await whyNotRead(engine.realm, node, jid);
    if (why === undefined) {
      // Nobody need approve it any more.
      if (state === "pending") await settle(engine, node, jid, true);
      continue;
    }
    if (why === "pending" && state === "pending") continue;
    await engine.nodes.removeSubscription(node, jid.full);
    tellSubscriber(engine, node, jid, "none");
  }
}

/** The groups of an account's roster: the choices of `pubsub#roster_groups_allowed`. */
async function groupsOf(engine: Engine, owner: Jid): Promise<string[]> {
  if (engine.realm.kind !== "pep") return [];
  const roster = await engine.realm.host.ask(rosterGet, owner);
  const groups = new Set<string>();
  for (const item of roster!.items.values()) for (const g of item.groups) groups.add(g);
  return [...groups].sort();
}

/** `<default/>`: the configuration of new nodes. */
export async function handleDefault(
  engine: Engine,
  iq: Stanza,
  request: Element,
): Promise<Element> {
  const { node } = request.child("default")!.attrs;
  const { defaults, host } = engine.realm;
  const wellKnown = node === undefined
    ? {}
    : await host.ask(pubsubDefaults, iq.to!, nodeOf(request.child("default")!)) ?? {};
  const x = form({
    type: "form",
    formType: NODE_CONFIG,
    fields: filledFields(configOf(wellKnown, defaults)),
  });
  return xml("pubsub", OWNER, {}, xml("default", OWNER, {}, x));
}

/** `<delete/>`; `<redirect/>` says where the node is from now on. */
export async function handleDelete(engine: Engine, iq: Stanza, request: Element): Promise<void> {
  const element = request.child("delete")!;
  const [owner, who] = [iq.to!, iq.from!];
  const name = nodeOf(element);
  const redirect = element.child("redirect");
  const uri = redirect?.attrs.uri;
  if (redirect !== undefined && (uri === undefined || uri === "")) {
    throw badRequest("the redirection has no URI");
  }
  await ownNode(engine, owner, name, who);
  await deleteNode(engine, owner, name, { uri, who });
}

/** Deletes a node and tells its subscribers; false if there is none. */
export async function deleteNode(
  engine: Engine,
  owner: Jid,
  name: string,
  { uri, who }: { readonly uri?: string | undefined; readonly who?: Jid } = {},
): Promise<boolean> {
  const deleted = await engine.nodes.alone(owner, name, async () => {
    const node = who === undefined
      ? await engine.nodes.get(owner, name)
      : await ownNode(engine, owner, name, who);
    if (node === undefined) return false;
    // In this order: whoever has the name next must not find the old archive.
    await engine.wipeArchive(node);
    await engine.nodes.delete(node, uri);
    for (const jid of node.subscriptions.keys()) engine.temporary.forget(node, jid);
    if (node.config.notify_delete) {
      const redirect = uri !== undefined && xml("redirect", EVENT, { uri });
      const event = xml("delete", EVENT, { node: name }, redirect);
      await engine.notify(node, event, { pending: true });
    }
    return true;
  });
  if (deleted) await engine.realm.host.tell(pubsubRetracted, owner, name, []);
  return deleted;
}
