/** The options of a subscription (XEP-0060 §6.3, §16.4.2), those that are supported. */

import { StanzaError } from "../../lib/errors.ts";
import { formatDateTime, parseDateTime } from "../../lib/formats/datetime.ts";
import type { Field, Form } from "../../lib/formats/form.ts";
import { answers, form } from "../../lib/formats/form.ts";
import type { NodeOptions } from "../../lib/hooks/pubsub.ts";
import type { Element } from "../../lib/xml/element.ts";
import { refusal } from "./errors.ts";
import { SUBSCRIBE_OPTIONS } from "./names.ts";

export interface SubscriptionOptions {
  readonly deliver: boolean;
  /** ms since the epoch (§12.19), or with the subscriber's presence (§12.5). */
  readonly expire: number | "presence" | undefined;
  /** Presence in which notifications are wanted; undefined for any, none included. */
  readonly show: ReadonlySet<string> | undefined;
}

export const DEFAULT_OPTIONS: SubscriptionOptions = {
  deliver: true,
  expire: undefined,
  show: undefined,
};

const SHOWS = [
  { value: "away", label: "Away" },
  { value: "chat", label: "Free to chat" },
  { value: "dnd", label: "Do not disturb" },
  { value: "online", label: "Available" },
  { value: "xa", label: "Away for longer" },
] as const;

const fields = [
  { var: "pubsub#deliver", type: "boolean", label: "Notifications are wanted" },
  {
    var: "pubsub#expire",
    type: "text-single",
    label: "When the subscription ends: a date and time, or presence for when you go offline",
  },
  {
    var: "pubsub#show-values",
    type: "list-multi",
    label: "In which states notifications are wanted (none: in all)",
    options: SHOWS,
  },
] as const satisfies readonly Field[];

/** The form of the options as they are. */
export function optionsForm(options: SubscriptionOptions, type: "form" | "result"): Element {
  const { deliver, expire, show } = options;
  const values = [deliver, expireText(expire), show === undefined ? [] : [...show]];
  return form({
    type,
    formType: SUBSCRIBE_OPTIONS,
    fields: fields.map((f, i) => ({ ...f, value: values[i] }) as Field),
  });
}

function expireText(expire: SubscriptionOptions["expire"]): string {
  return typeof expire === "number" ? formatDateTime(expire) : expire ?? "";
}

/**
 * The options after a submission.
 * @throws StanzaError `bad-request` with `invalid-options` (§6.3.6.2)
 */
export function changedOptions(old: SubscriptionOptions, submitted: Form): SubscriptionOptions {
  let given;
  try {
    given = answers(submitted, fields, SUBSCRIBE_OPTIONS);
  } catch (e) {
    throw invalid(e instanceof StanzaError ? e.text : undefined);
  }
  const show = given["pubsub#show-values"];
  const expire = given["pubsub#expire"];
  return {
    deliver: given["pubsub#deliver"] ?? old.deliver,
    expire: expire === undefined ? old.expire : readExpire(expire),
    show: show === undefined ? old.show : show.length === 0 ? undefined : new Set(show),
  };
}

function readExpire(text: string): SubscriptionOptions["expire"] {
  if (text === "") return undefined;
  if (text === "presence") return text;
  const end = parseDateTime(text);
  if (end === undefined || end <= Date.now()) {
    throw invalid("pubsub#expire is no date and time to come");
  }
  return end;
}

function invalid(text: string | undefined): StanzaError {
  return refusal("bad-request", "invalid-options", { text });
}

/** As they are kept: what differs from the default. */
export function storedOptions({ deliver, expire, show }: SubscriptionOptions): NodeOptions {
  return {
    ...(deliver ? {} : { deliver: "0" }),
    ...(expire === undefined ? {} : { expire: String(expire) }),
    ...(show === undefined ? {} : { show: [...show] }),
  };
}

export function readStored(stored: NodeOptions): SubscriptionOptions {
  const { deliver, expire, show } = stored;
  if (deliver === undefined && expire === undefined && show === undefined) return DEFAULT_OPTIONS;
  return {
    deliver: deliver !== "0",
    expire: expire === undefined ? undefined : expire === "presence" ? "presence" : Number(expire),
    show: show === undefined ? undefined : new Set(show),
  };
}
