/**
 * Subscription states and what the eight subscription stanzas do to them: RFC 6121 appendix A with
 * the pre-approvals of §3.4, as one table. From the perspective of the account that has the item.
 */

import type { RosterItem, Subscription } from "../../lib/hooks/roster.ts";

export type State =
  | "None"
  | "None+Out"
  | "None+In"
  | "None+OutIn"
  | "To"
  | "To+In"
  | "From"
  | "From+Out"
  | "Both";

export const SUBSCRIPTION_TYPES = [
  "subscribe",
  "unsubscribe",
  "subscribed",
  "unsubscribed",
] as const;
export type SubscriptionType = typeof SUBSCRIPTION_TYPES[number];

/*
 * A cell is the state that follows (none: it stays), with marks before it:
 *   >  the stanza goes on: routed to the contact, or delivered to the account's resources
 *   <  the server answers in the account's name: subscribe with `subscribed`, unsubscribe with
 *      `unsubscribed`
 *   -  neither
 *   +  neither; the contact is approved in advance
 *   x  neither; such an approval is withdrawn (as it is by every other outbound `unsubscribed`)
 * Behind a slash stands what holds instead for a contact that is approved in advance.
 */

/** Tables 2 to 5. */
const OUTBOUND = `
  state      | subscribe     | unsubscribe | subscribed | unsubscribed
  None       | > None+Out    | >           | +          | x
  None+Out   | >             | > None      | +          | x
  None+In    | > None+OutIn  | >           | > From     | > None
  None+OutIn | >             | > None+In   | > From+Out | > None+Out
  To         | >             | > None      | +          | x
  To+In      | >             | > None+In   | > Both     | > To
  From       | > From+Out    | >           | -          | > None
  From+Out   | >             | > From      | -          | > None+Out
  Both       | >             | > From      | -          | > To
`;

/** Tables 6 to 9. */
const INBOUND = `
  state      | subscribe                 | unsubscribe | subscribed | unsubscribed
  None       | > None+In    / < From     | -           | -          | -
  None+Out   | > None+OutIn / < From+Out | -           | > To       | > None
  None+In    | -                         | >< None     | -          | -
  None+OutIn | -                         | >< None+Out | > To+In    | > None+In
  To         | > To+In      / < Both     | -           | -          | > None
  To+In      | -                         | >< To       | -          | > None+In
  From       | <                         | >< None     | -          | -
  From+Out   | <                         | >< None+Out | > Both     | > From
  Both       | <                         | >< To       | -          | > From
`;

/** What a stanza does to an item. */
export interface Step {
  /** The same object if nothing changes. */
  readonly item: RosterItem;
  /** Whether the stanza is routed (outbound) or delivered (inbound). */
  readonly goesOn: boolean;
  /** What is answered in the account's name to an inbound stanza. */
  readonly reply: "subscribed" | "unsubscribed" | undefined;
}

interface Rule {
  readonly next: State | undefined;
  readonly goesOn: boolean;
  readonly replies: boolean;
  readonly approves: boolean;
}

interface Cell {
  readonly rule: Rule;
  readonly ifApproved: Rule;
}

type Table = Readonly<Record<State, Readonly<Record<SubscriptionType, Cell>>>>;

interface Parts {
  readonly subscription: Subscription;
  readonly out: boolean;
  readonly in: boolean;
}

const PARTS: Readonly<Record<State, Parts>> = {
  "None": { subscription: "none", out: false, in: false },
  "None+Out": { subscription: "none", out: true, in: false },
  "None+In": { subscription: "none", out: false, in: true },
  "None+OutIn": { subscription: "none", out: true, in: true },
  "To": { subscription: "to", out: false, in: false },
  "To+In": { subscription: "to", out: false, in: true },
  "From": { subscription: "from", out: false, in: false },
  "From+Out": { subscription: "from", out: true, in: false },
  "Both": { subscription: "both", out: false, in: false },
};

const outboundTable = parseTable(OUTBOUND);
const inboundTable = parseTable(INBOUND);

/** The state of an item; combinations that cannot be are read as the nearest that can. */
export function stateOf(item: RosterItem): State {
  const pending = item.pendingIn !== undefined;
  switch (item.subscription) {
    case "none":
      if (item.ask) return pending ? "None+OutIn" : "None+Out";
      return pending ? "None+In" : "None";
    case "to":
      return pending ? "To+In" : "To";
    case "from":
      return item.ask ? "From+Out" : "From";
    case "both":
      return "Both";
  }
}

/** The account sends a stanza of that type to the contact. */
export function outbound(item: RosterItem, type: SubscriptionType): Step {
  const { rule } = outboundTable[stateOf(item)][type];
  const approved = type === "unsubscribed" ? false : item.approved || rule.approves;
  // What the account's own client does with a contact puts it in the roster (§3.1.2, §3.4.2).
  const adds = rule.approves ||
    (rule.next !== undefined && PARTS[rule.next].subscription !== "none");
  const listed = item.listed || type === "subscribe" || (type === "subscribed" && adds);
  return step(item, rule, { approved, listed }, undefined, type);
}

/** A stanza of that type comes from the contact; `request` is its text, kept while it is pending. */
export function inbound(item: RosterItem, type: SubscriptionType, request: string): Step {
  const cell = inboundTable[stateOf(item)][type];
  const { approved, listed } = item;
  return step(item, approved ? cell.ifApproved : cell.rule, { approved, listed }, request, type);
}

function step(
  item: RosterItem,
  rule: Rule,
  flags: { approved: boolean; listed: boolean },
  request: string | undefined,
  type: SubscriptionType,
): Step {
  const { subscription, out, in: pending } = PARTS[rule.next ?? stateOf(item)];
  const pendingIn = pending ? item.pendingIn ?? request : undefined;
  const same = subscription === item.subscription && out === item.ask &&
    pendingIn === item.pendingIn && flags.approved === item.approved &&
    flags.listed === item.listed;
  return {
    item: same ? item : { ...item, ...flags, subscription, ask: out, pendingIn },
    goesOn: rule.goesOn,
    reply: rule.replies ? (type === "subscribe" ? "subscribed" : "unsubscribed") : undefined,
  };
}

function parseTable(text: string): Table {
  const [head, ...rows] = text.trim().split("\n").map((line) =>
    line.split("|").map((cell) => cell.trim())
  );
  const table = {} as Record<State, Record<SubscriptionType, Cell>>;
  for (const [state, ...cells] of rows) {
    const row = {} as Record<SubscriptionType, Cell>;
    for (const type of SUBSCRIPTION_TYPES) row[type] = parseCell(cells[head!.indexOf(type) - 1]!);
    table[state as State] = row;
  }
  return table;
}

function parseCell(text: string): Cell {
  const [rule, ifApproved] = text.split("/").map((part) => parseRule(part.trim()));
  return { rule: rule!, ifApproved: ifApproved ?? rule! };
}

function parseRule(text: string): Rule {
  const [marks, next] = text.split(" ");
  return {
    next: next as State | undefined,
    goesOn: marks!.includes(">"),
    replies: marks!.includes("<"),
    approves: marks!.includes("+"),
  };
}
