/**
 * XEP-0377: Blocking Command Reports: who blocks somebody may say that it was for spam or abuse.
 *
 * The block itself is the blocking module's. A report is logged, sent to those who run the host, and
 * told to other modules (`contact.reported`). It is passed on to nobody else, so the options of §5
 * have nothing to permit; whoever handles the hook has them.
 */

import * as v from "valibot";
import { defineModule, type ModuleHost } from "../lib/module.ts";
import { bytes, flag, list, setting, value, wholeNumber } from "../lib/config/setting.ts";
import { contactsBlocked, isBlocked } from "../lib/hooks/blocking.ts";
import { discoInfo } from "../lib/hooks/disco.ts";
import { type ContactReport, contactReported } from "../lib/hooks/reports.ts";
import { StanzaError } from "../lib/errors.ts";
import { formatDateTime } from "../lib/formats/datetime.ts";
import { DELAY_NS } from "../lib/formats/delay.ts";
import { STANZA_ID_NS } from "../lib/formats/stanza_id.ts";
import { parseStored } from "../lib/formats/stored.ts";
import { archiveOwner, archiveQuery } from "../lib/hooks/archive.ts";
import { type Jid, parseJid } from "../lib/jid.ts";
import { NS } from "../lib/ns.ts";
import { Quota } from "../lib/quota.ts";
import { message, type Stanza } from "../lib/stanza.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";

const REPORTING_NS = "urn:xmpp:reporting:1";
/** Before a reason's own name. */
const REASON = "urn:xmpp:reporting:";
const JID_NS = "urn:xmpp:jid:0";
const FORWARD_NS = "urn:xmpp:forward:0";

const isAddress = (x: unknown) => typeof x === "string" && parseJid(x) !== undefined;

const config = v.strictObject({
  to_admins: setting(flag(), true, "Reports go to the server's `admins`, as messages."),
  to: setting(
    list(value<string>("a JID", isAddress)),
    [],
    "Further addresses that get the reports: people, rooms, programs.",
  ),
  per_account: setting(
    wholeNumber(1, 10_000),
    20,
    "Reports of one account in an hour; of more only the block is done.",
  ),
  per_hour: setting(wholeNumber(1, 1_000_000), 500, "Reports of all accounts in an hour."),
  text_length: setting(wholeNumber(0, 100_000), 2000, "Characters of its text that are kept."),
  messages: setting(wholeNumber(0, 1000), 50, "Messages that one report may name."),
  quote: setting(
    flag(),
    true,
    "The messages that a report names go with it, as far as the reporter's archive has them.",
  ),
  quote_bytes: setting(
    bytes(1024, 1 << 20),
    "32 KiB",
    "Size of the messages that go with one report.",
  ),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

const HOUR_MS = 3_600_000;

export default defineModule({
  name: "reports",
  description: "Takes reports of spam and abuse that come with a block",
  xeps: { "XEP-0377": "0.4.1" },
  config,
  setup(host) {
    const accounts = new Quota(host.config.per_account, HOUR_MS);
    const all = new Quota(host.config.per_hour, HOUR_MS);
    host.on(discoInfo, (info, target) => {
      if (target.node === "" && host.has(isBlocked)) info.features.add(REPORTING_NS);
    });
    host.on(contactsBlocked, async (account, items) => {
      for (const item of items) {
        const report = readReport(host, account, item);
        if (report === undefined) continue;
        if (!accounts.take(account.bare) || !all.take("")) {
          host.log.warn("too many reports; one is ignored", { reporter: account.bare });
          return;
        }
        host.log.info("a contact was reported", {
          reporter: account.bare,
          reported: report.reported.full,
          reason: report.reason,
          messages: report.messages.length,
        });
        await host.tell(contactReported, report);
      }
    });
    host.on(contactReported, (report) => forward(host, report));
  },
});

/** What an item of a block command reports. A report without a reason is none (§4). */
function readReport(host: Host, reporter: Jid, item: Element): ContactReport | undefined {
  const report = item.child("report", REPORTING_NS);
  const reported = parseJid(item.attrs.jid ?? "");
  const reason = report?.attrs.reason ?? "";
  if (report === undefined || reported === undefined || reason === "") return undefined;
  let left = host.config.text_length;
  const texts = report.elements("text").map((e) => {
    const text = e.text().trim().slice(0, left);
    left -= text.length;
    return { lang: e.attrs["xml:lang"], text };
  });
  const messages = report.elements("stanza-id", STANZA_ID_NS)
    .slice(0, host.config.messages)
    .map(({ attrs: { by = "", id = "" } }) => ({ by, id }))
    .filter(({ id }) => id !== "");
  return {
    reporter,
    reported,
    reason: reason.slice(0, 256),
    texts: texts.filter(({ text }) => text !== ""),
    messages,
    mayTellOrigin: report.child("report-origin") !== undefined,
    mayTellOthers: report.child("third-party") !== undefined,
  };
}

/** Sends a report to those who are to know of it. */
async function forward(host: Host, report: ContactReport): Promise<void> {
  const { to_admins, to } = host.config;
  const recipients = new Set([...to_admins ? host.settings.admins : [], ...to]);
  if (recipients.size === 0) return;
  const quoted = host.config.quote ? await messagesOf(host, report) : [];
  const body = xml("body", NS.client, {}, inWords(report, quoted));
  const data = [asElement(report), ...quoted.map(forwarded)];
  for (const recipient of recipients) {
    const address = parseJid(recipient);
    if (address === undefined) continue;
    const id = `report-${crypto.randomUUID()}`;
    await host.send(message({ id, from: host.jid, to: address }, body, ...data));
  }
}

interface Quoted {
  readonly id: string;
  readonly stamp: number;
  readonly message: Stanza;
}

/** What the reported one has written, from the reporter's own archive. */
async function messagesOf(host: Host, report: ContactReport): Promise<Quoted[]> {
  const { reporter, reported, messages } = report;
  if (!host.has(archiveQuery) || reported.node === "") return [];
  const found: Quoted[] = [];
  let left = host.config.quote_bytes;
  for (const { by, id } of messages) {
    if (by !== "" && by !== reporter.bare) continue;
    const query = { ids: [id], with: reported.toBare() };
    try {
      const page = await host.ask(archiveQuery, archiveOwner(reporter), query);
      for (const { xml: text, stamp } of page?.messages ?? []) {
        left -= text.length;
        if (left < 0) return found;
        found.push({ id, stamp, message: parseStored(text) });
      }
    } catch (e) {
      // It is not there, or not from them.
      if (!(e instanceof StanzaError)) throw e;
    }
  }
  return found;
}

/** XEP-0297. */
function forwarded({ stamp, message }: Quoted): Element {
  const delay = xml("delay", DELAY_NS, { stamp: formatDateTime(stamp) });
  return xml("forwarded", FORWARD_NS, {}, delay, message);
}

function inWords(report: ContactReport, quoted: readonly Quoted[]): string {
  const { reporter, reported, reason, texts, messages } = report;
  const why = reason.startsWith(REASON) ? reason.slice(REASON.length) : reason;
  const lines = [`${reporter.bare} has blocked ${reported.full} and reports: ${why}`];
  for (const { text } of texts) lines.push(`"${text}"`);
  for (const { by, id } of messages) {
    const message = quoted.find((q) => q.id === id)?.message;
    const said = message?.childText("body");
    lines.push(`Message ${id} (archive of ${by || "?"})${said === undefined ? "" : `: ${said}`}`);
  }
  return lines.join("\n");
}

/** For programs: the report with the address it is about. */
function asElement({ reported, reason, texts, messages }: ContactReport): Element {
  return xml(
    "report",
    REPORTING_NS,
    { reason },
    xml("jid", JID_NS, {}, reported.full),
    ...messages.map(({ by, id }) => xml("stanza-id", STANZA_ID_NS, { by, id })),
    ...texts.map(({ lang, text }) => xml("text", REPORTING_NS, { "xml:lang": lang }, text)),
  );
}
