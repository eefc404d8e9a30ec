/**
 * The configuration of a node: the fields of XEP-0060 §16.4.4 that are supported, all of them in full.
 * It is kept as the texts that were set; everything else follows the defaults of the service.
 */

import { StanzaError } from "../../lib/errors.ts";
import type { Field, Form } from "../../lib/formats/form.ts";
import { answers, readForm } from "../../lib/formats/form.ts";
import type { AccessModel, NodeOptions } from "../../lib/hooks/pubsub.ts";
import type { Element } from "../../lib/xml/element.ts";
import { refusal } from "./errors.ts";
import { NODE_CONFIG, PUBSUB } from "./names.ts";

export type PublishModel = "publishers" | "subscribers" | "open";
export type SendLast = "never" | "on_sub" | "on_sub_and_presence";

/** By the names of the fields behind `pubsub#`. */
export interface NodeConfig {
  readonly title: string;
  readonly description: string;
  /** The namespace that payloads must have; "" for any. */
  readonly type: string;
  readonly language: string;
  readonly contact: readonly string[];
  readonly access_model: AccessModel;
  readonly roster_groups_allowed: readonly string[];
  readonly publish_model: PublishModel;
  readonly publish_node_full: "retract-oldest" | "discard-oldest" | "reject";
  readonly persist_items: boolean;
  /** `max`: as many as the service keeps. */
  readonly max_items: number | "max";
  /** Seconds; `max`: for good. */
  readonly item_expire: number | "max";
  readonly deliver_notifications: boolean;
  readonly deliver_payloads: boolean;
  readonly notification_type: "headline" | "normal";
  readonly notify_config: boolean;
  readonly notify_delete: boolean;
  readonly notify_retract: boolean;
  readonly notify_sub: boolean;
  readonly send_last_published_item: SendLast;
  readonly presence_based_delivery: boolean;
  readonly subscribe: boolean;
  readonly tempsub: boolean;
  /** Bytes. */
  readonly max_payload_size: number;
  readonly itemreply: "publisher" | "none";
}

export interface ConfigLimits {
  readonly items_per_node: number;
  readonly payload_bytes: number;
}

const LEAF = [{ value: "leaf", label: "Items" }];
const options = (...values: readonly (readonly [value: string, label: string])[]) =>
  values.map(([value, label]) => ({ value, label }));

/** The fields of the form, empty. `max_items`, `item_expire` are texts: a number or `max`. */
export const configFields = [
  { var: "title", type: "text-single", label: "A short name of the node" },
  { var: "description", type: "text-single", label: "What the node is about" },
  { var: "type", type: "text-single", label: "The namespace of the payloads" },
  { var: "language", type: "text-single", label: "The language of the items (xml:lang)" },
  { var: "contact", type: "jid-multi", label: "Whom to ask about the node" },
  { var: "node_type", type: "list-single", label: "What the node holds", options: LEAF },
  {
    var: "access_model",
    type: "list-single",
    label: "Who may subscribe and read",
    options: options(
      ["open", "Everybody"],
      ["presence", "Those who see the owner's presence"],
      ["roster", "Those in some groups of the owner's roster"],
      ["authorize", "Subscribers whom an owner has approved"],
      ["whitelist", "Those whom an owner has listed"],
    ),
  },
  { var: "roster_groups_allowed", type: "list-multi", label: "The groups of the roster" },
  {
    var: "publish_model",
    type: "list-single",
    label: "Who may publish",
    options: options(
      ["publishers", "Owners and publishers"],
      ["subscribers", "Subscribers too"],
      ["open", "Everybody"],
    ),
  },
  { var: "persist_items", type: "boolean", label: "Items are kept" },
  { var: "max_items", type: "text-single", label: "How many items are kept (a number, or max)" },
  {
    var: "publish_node_full",
    type: "list-single",
    label: "When there are so many",
    options: options(
      ["retract-oldest", "The oldest goes, and subscribers are told"],
      ["discard-oldest", "The oldest goes"],
      ["reject", "New items are refused"],
    ),
  },
  {
    var: "item_expire",
    type: "text-single",
    label: "For how many seconds an item is kept (a number, or max)",
  },
  { var: "max_payload_size", type: "text-single", label: "How large a payload may be, in bytes" },
  { var: "deliver_notifications", type: "boolean", label: "Subscribers are notified" },
  { var: "deliver_payloads", type: "boolean", label: "Notifications have the payload" },
  {
    var: "notification_type",
    type: "list-single",
    label: "The type of the notifications",
    options: options(
      ["headline", "Headline: for those who are online"],
      ["normal", "Normal: kept for those who are not"],
    ),
  },
  { var: "notify_config", type: "boolean", label: "Subscribers hear of a new configuration" },
  { var: "notify_delete", type: "boolean", label: "Subscribers hear of the node's deletion" },
  { var: "notify_retract", type: "boolean", label: "Subscribers hear of removed items" },
  { var: "notify_sub", type: "boolean", label: "Owners hear of subscribers that come and go" },
  {
    var: "send_last_published_item",
    type: "list-single",
    label: "When the last item is sent",
    options: options(
      ["never", "Never"],
      ["on_sub", "To new subscribers"],
      ["on_sub_and_presence", "To new subscribers, and to subscribers who come online"],
    ),
  },
  {
    var: "presence_based_delivery",
    type: "boolean",
    label: "Only subscribers who are available are notified",
  },
  { var: "subscribe", type: "boolean", label: "Subscriptions are allowed" },
  { var: "tempsub", type: "boolean", label: "Subscriptions end when the subscriber goes offline" },
  {
    var: "itemreply",
    type: "list-single",
    label: "Whom items name",
    options: options(["publisher", "Their publisher"], ["none", "Nobody"]),
  },
] as const satisfies readonly Field[];

export const configNames: ReadonlySet<string> = new Set(configFields.map((f) => f.var));

/** Names as they stand in forms. */
export function prefixed<F extends Field>(fields: readonly F[]): F[] {
  return fields.map((f) => ({ ...f, var: `pubsub#${f.var}` }));
}

const wireFields = prefixed(configFields as readonly Field[]);

/** What a submitted form sets, by the names behind `pubsub#`, checked. */
export function submittedOptions(
  form: Form,
  limits: ConfigLimits,
  formType: string = NODE_CONFIG,
): NodeOptions {
  const model = form.fields.get("pubsub#access_model")?.values[0];
  if (model !== undefined && model !== "" && !ACCESS_MODELS.has(model)) {
    throw refusal("not-acceptable", "unsupported-access-model");
  }
  const given = answers(form, wireFields, formType) as Record<string, unknown>;
  const set: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const short = name.slice("pubsub#".length);
    set[short] = typeof value === "boolean" ? (value ? "1" : "0") : value as string | string[];
  }
  return checkedOptions(set, limits);
}

/** @throws StanzaError `not-acceptable` for values that are no configuration */
export function checkedOptions(set: NodeOptions, limits: ConfigLimits): NodeOptions {
  const checked: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(set)) {
    if (name === "node_type" || !configNames.has(name)) continue;
    if (value === "" && !FREE_TEXT.has(name)) continue; // nothing is chosen: as it was
    checked[name] = checkedValue(name, value, limits);
  }
  return checked;
}

const ACCESS_MODELS: ReadonlySet<string> = new Set<AccessModel>([
  "open",
  "presence",
  "roster",
  "authorize",
  "whitelist",
]);

const FREE_TEXT: ReadonlySet<string> = new Set(["title", "description", "type", "language"]);
const MAX_TEXT = 4096;
const MAX_LIST = 100;
const LONGEST_EXPIRY = 1e9;

function checkedValue(
  name: string,
  value: string | readonly string[],
  limits: ConfigLimits,
): string | readonly string[] {
  switch (name) {
    case "max_items":
      return numberOrMax(name, value, 1, limits.items_per_node);
    case "item_expire":
      return numberOrMax(name, value, 0, LONGEST_EXPIRY);
    case "max_payload_size":
      return numberWithin(name, value, 0, limits.payload_bytes);
  }
  const field = configFields.find((f) => f.var === name)!;
  if ("options" in field && !field.options.some((o) => o.value === value)) {
    throw wrong(name, "this is none of its values");
  }
  if (field.type === "boolean") return value === "1" || value === "true" ? "1" : "0";
  if (typeof value === "string" ? value.length > MAX_TEXT : value.length > MAX_LIST) {
    throw wrong(name, "this is too long");
  }
  return value;
}

function numberOrMax(
  name: string,
  value: string | readonly string[],
  least: number,
  most: number,
): string {
  return value === "max" ? value : numberWithin(name, value, least, most);
}

function numberWithin(
  name: string,
  value: string | readonly string[],
  least: number,
  most: number,
): string {
  const n = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : NaN;
  if (!(n >= least && n <= most)) throw wrong(name, `a number from ${least} to ${most} is needed`);
  return String(n);
}

function wrong(name: string, what: string): StanzaError {
  return new StanzaError("not-acceptable", { text: `pubsub#${name}: ${what}` });
}

/** The configuration of texts over defaults. Texts were checked when they were set. */
export function configOf(set: NodeOptions, defaults: NodeConfig): NodeConfig {
  const config: Record<string, unknown> = { ...defaults };
  for (const [name, value] of Object.entries(set)) {
    const old = config[name];
    if (typeof old === "boolean") config[name] = value === "1";
    else if (Array.isArray(old)) config[name] = typeof value === "string" ? [value] : value;
    else if (NUMBERS.has(name)) config[name] = value === "max" ? value : Number(value);
    else if (old !== undefined) config[name] = value;
  }
  return config as unknown as NodeConfig;
}

const NUMBERS: ReadonlySet<string> = new Set(["max_items", "item_expire", "max_payload_size"]);

/** The fields with the values of a configuration. `groups` are the choices of the owner's roster. */
export function filledFields(config: NodeConfig, groups: readonly string[] = []): Field[] {
  return configFields.map((field) => {
    const name: string = field.var;
    const found = name === "node_type" ? "leaf" : config[name as keyof NodeConfig];
    const value = typeof found === "number" ? String(found) : found;
    const more = name === "roster_groups_allowed"
      ? {
        options: [...new Set([...groups, ...config.roster_groups_allowed])].map((g) => ({
          value: g,
        })),
      }
      : undefined;
    return { ...field, ...more, var: `pubsub#${name}`, value } as Field;
  });
}

/** A data form among the children of an element; `undefined` without one. */
export function formIn(element: Element): Form | undefined {
  const x = element.child("x", "jabber:x:data");
  return x === undefined ? undefined : readForm(x);
}

/**
 * Preconditions of a publish request (XEP-0060 §7.1.5).
 * @throws StanzaError if there is one that is not known
 */
export function preconditions(form: Form, limits: ConfigLimits): NodeOptions {
  for (const name of form.fields.keys()) {
    const known = name.startsWith("pubsub#") && configNames.has(name.slice("pubsub#".length));
    if (!known) throw notMet(`${name.slice(0, 80)} is not known`);
  }
  return submittedOptions(form, limits, `${PUBSUB}#publish-options`);
}

/** @throws StanzaError if the node's configuration is another */
export function checkPreconditions(wanted: NodeOptions, config: NodeConfig): void {
  const met = configOf(wanted, config);
  for (const name of Object.keys(wanted) as (keyof NodeConfig)[]) {
    const [a, b] = [met[name], config[name]];
    const same = Array.isArray(a)
      ? JSON.stringify([...a].sort()) === JSON.stringify([...(b as string[])].sort())
      : a === b;
    if (!same) throw notMet(`pubsub#${name} is not as wanted`);
  }
}

function notMet(text: string): StanzaError {
  return refusal("conflict", "precondition-not-met", { text });
}
