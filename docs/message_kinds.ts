/**
 * What the server does with each kind of message: one example of each, and what is expected. The unit
 * test of `lib/formats/message_traits.ts` goes through it, the protocol test sends every example, and
 * `deno task docs` makes the table in `docs/protocols.md` of it.
 */

export interface MessageKind {
  /** What it is, in a few words. */
  readonly kind: string;
  /** Where it comes from. */
  readonly spec: string;
  /** As a client sends it; without `to`. */
  readonly xml: string;
  /** Kept in the archives of both accounts. */
  readonly archive: boolean;
  /** Kept for an account without an available resource. */
  readonly offline: boolean;
  /** Copied to the other resources of the sender, and of the recipient. */
  readonly carbons: { readonly sent: boolean; readonly received: boolean };
  /** Ends the hold of an inactive client; pushed to one that is not there. */
  readonly urgent: boolean;
  /** Only the last one of a sender is kept for an inactive client. */
  readonly chatState?: boolean;
}

const BOTH = { sent: true, received: true };
const NONE = { sent: false, received: false };

/** A message that is written by a person. */
const SPOKEN = { archive: true, offline: true, carbons: BOTH, urgent: true };
/** Kept and copied, but no reason to wake anybody. */
const QUIET = { ...SPOKEN, urgent: false };
/** Void as soon as it is late. */
const FLEETING = { archive: false, offline: false, carbons: BOTH, urgent: false };
/** For sessions that are there. */
const PASSING = { archive: false, offline: false, carbons: NONE, urgent: false };

const HINTS = "xmlns='urn:xmpp:hints'";
const STORE = `<store ${HINTS}/>`;
const STATES = "http://jabber.org/protocol/chatstates";
const MARKERS = "urn:xmpp:chat-markers:0";
const CALL = "xmlns='urn:xmpp:jingle-message:0' id='ca3cf894'";
const OMEMO_KEY = "<header sid='27183'><keys jid='juliet@capulet.lit'>" +
  "<key rid='31415'>MTIz</key></keys></header>";
const RETRACT = "xmlns='urn:xmpp:message-retract:1'";
const FALLBACK = "xmlns='urn:xmpp:fallback:0'";

const chat = (content: string) => `<message type='chat' id='m'>${content}</message>`;
const normal = (content: string) => `<message id='m'>${content}</message>`;
const typed = (type: string, content: string) =>
  `<message type='${type}' id='m'>${content}</message>`;
const call = (name: string) => chat(`<${name} ${CALL}/>${STORE}`);

export const messageKinds: readonly MessageKind[] = [
  { kind: "chat", spec: "RFC 6121", xml: chat("<body>Hi</body>"), ...SPOKEN },
  { kind: "normal, with a body", spec: "RFC 6121", xml: normal("<body>Hi</body>"), ...SPOKEN },
  {
    kind: "normal, with a subject only",
    spec: "RFC 6121",
    xml: normal("<subject>Dinner at eight</subject>"),
    ...SPOKEN,
    carbons: NONE,
  },
  {
    kind: "headline",
    spec: "RFC 6121",
    xml: typed("headline", "<body>Rain is coming</body>"),
    ...PASSING,
  },
  { kind: "empty, of type normal", spec: "RFC 6121", xml: normal(""), ...PASSING },
  {
    kind: "with a payload unknown here",
    spec: "RFC 6121",
    xml: normal("<x xmlns='https://unknown.example/'/>"),
    ...PASSING,
    offline: true,
  },
  {
    kind: "chat state alone",
    spec: "XEP-0085",
    xml: chat(`<composing xmlns='${STATES}'/>`),
    ...FLEETING,
    chatState: true,
  },
  {
    kind: "chat state alone, of type normal",
    spec: "XEP-0085",
    xml: normal(`<paused xmlns='${STATES}'/><thread>t</thread>`),
    ...FLEETING,
    chatState: true,
  },
  {
    kind: "chat with a chat state",
    spec: "XEP-0085",
    xml: chat(`<body>Hi</body><active xmlns='${STATES}'/>`),
    ...SPOKEN,
  },
  {
    kind: "delivery receipt",
    spec: "XEP-0184",
    xml: normal("<received xmlns='urn:xmpp:receipts' id='a'/>"),
    ...QUIET,
  },
  {
    kind: "displayed marker",
    spec: "XEP-0333",
    xml: chat(`<displayed xmlns='${MARKERS}' id='a'/>`),
    ...QUIET,
  },
  {
    kind: "asking for receipt and marker",
    spec: "XEP-0184, XEP-0333",
    xml: chat(
      `<body>Hi</body><request xmlns='urn:xmpp:receipts'/><markable xmlns='${MARKERS}'/>`,
    ),
    ...SPOKEN,
  },
  {
    kind: "correction",
    spec: "XEP-0308",
    xml: chat("<body>Hello</body><replace xmlns='urn:xmpp:message-correct:0' id='a'/>"),
    ...SPOKEN,
  },
  {
    kind: "retraction, with a fallback",
    spec: "XEP-0424, XEP-0428",
    xml: chat(
      `<retract ${RETRACT} id='a'/><fallback ${FALLBACK} for='urn:xmpp:message-retract:1'/>` +
        `<body>/me retracted a message</body>${STORE}`,
    ),
    ...QUIET,
  },
  {
    kind: "retraction",
    spec: "XEP-0424",
    xml: normal(`<retract ${RETRACT} id='a'/>`),
    ...QUIET,
  },
  {
    kind: "reaction",
    spec: "XEP-0444",
    xml: chat(`<reactions xmlns='urn:xmpp:reactions:0' id='a'><reaction>+</reaction></reactions>`),
    ...QUIET,
  },
  {
    kind: "reply",
    spec: "XEP-0461, XEP-0428",
    xml: chat(
      "<body>&gt; Hi\nHi</body><reply xmlns='urn:xmpp:reply:0' id='a' to='romeo@montague.lit'/>" +
        `<fallback ${FALLBACK} for='urn:xmpp:reply:0'><body start='0' end='5'/></fallback>`,
    ),
    ...SPOKEN,
  },
  {
    kind: "encrypted, without a body",
    spec: "XEP-0384",
    xml: chat(
      `<encrypted xmlns='urn:xmpp:omemo:2'>${OMEMO_KEY}<payload>MTIz</payload></encrypted>${STORE}`,
    ),
    ...SPOKEN,
  },
  {
    kind: "encrypted, without body and hint, of type normal",
    spec: "XEP-0384",
    xml: normal(
      "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/>" +
        "<payload>MTIz</payload></encrypted><encryption xmlns='urn:xmpp:eme:0' " +
        "namespace='eu.siacs.conversations.axolotl' name='OMEMO'/>",
    ),
    ...SPOKEN,
  },
  {
    kind: "keys for an encrypted session",
    spec: "XEP-0384",
    xml: chat(`<encrypted xmlns='urn:xmpp:omemo:2'>${OMEMO_KEY}</encrypted>${STORE}`),
    ...QUIET,
  },
  {
    kind: "encrypted by OpenPGP",
    spec: "XEP-0373",
    xml: normal("<openpgp xmlns='urn:xmpp:openpgp:0'>MTIz</openpgp>"),
    ...SPOKEN,
  },
  {
    kind: "link to a file",
    spec: "XEP-0066",
    xml: chat("<x xmlns='jabber:x:oob'><url>https://example.org/a.jpg</url></x>"),
    ...SPOKEN,
  },
  {
    kind: "action in the third person",
    spec: "XEP-0245",
    xml: chat("<body>/me waves</body>"),
    ...SPOKEN,
  },
  {
    kind: "forwarded message",
    spec: "XEP-0297",
    xml: normal(
      "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' " +
        "from='a@example.org' to='b@example.org'><body>Hi</body></message></forwarded>",
    ),
    ...SPOKEN,
  },
  { kind: "call: proposed", spec: "XEP-0353", xml: call("propose"), ...SPOKEN },
  { kind: "call: rings", spec: "XEP-0353", xml: call("ringing"), ...SPOKEN },
  { kind: "call: accepted", spec: "XEP-0353", xml: call("proceed"), ...SPOKEN },
  { kind: "call: rejected", spec: "XEP-0353", xml: call("reject"), ...SPOKEN },
  { kind: "call: given up", spec: "XEP-0353", xml: call("retract"), ...SPOKEN },
  { kind: "call: over", spec: "XEP-0353", xml: call("finish"), ...QUIET },
  {
    kind: "invitation to a room",
    spec: "XEP-0249",
    xml: normal("<x xmlns='jabber:x:conference' jid='coven@chat.example'/>"),
    ...SPOKEN,
  },
  {
    kind: "invitation by the room",
    spec: "XEP-0045 §7.8.2",
    xml: normal(
      "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='crone@example.org'/></x>",
    ),
    ...SPOKEN,
  },
  {
    kind: "private message in a room",
    spec: "XEP-0045 §7.5",
    xml: chat("<body>Psst</body><x xmlns='http://jabber.org/protocol/muc#user'/>"),
    ...SPOKEN,
    carbons: { sent: true, received: false },
  },
  {
    kind: "mentioned in a room, and not there",
    spec: "XEP-0452",
    xml: normal(
      "<mentions xmlns='urn:xmpp:mmn:0'><forwarded xmlns='urn:xmpp:forward:0'>" +
        "<message xmlns='jabber:client' type='groupchat' from='coven@chat.example/firstwitch'>" +
        "<body>Hail, Juliet</body></message></forwarded></mentions>",
    ),
    ...SPOKEN,
  },
  {
    kind: "news of a room, of type normal",
    spec: "XEP-0045",
    xml: normal(
      "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner'/></x>",
    ),
    ...PASSING,
    offline: true,
  },
  {
    kind: "in a room",
    spec: "XEP-0045",
    xml: typed("groupchat", "<body>Hi</body>"),
    ...PASSING,
    urgent: true,
  },
  {
    kind: "subject of a room",
    spec: "XEP-0045",
    xml: typed("groupchat", "<subject>Witches</subject>"),
    ...PASSING,
  },
  {
    kind: "moderation in a room",
    spec: "XEP-0425",
    xml: typed(
      "groupchat",
      `<retract ${RETRACT} id='a'><moderated xmlns='urn:xmpp:message-moderate:1'/></retract>`,
    ),
    ...PASSING,
  },
  {
    kind: "nickname alone",
    spec: "XEP-0172",
    xml: normal("<nick xmlns='http://jabber.org/protocol/nick'>Ishmael</nick>"),
    ...PASSING,
  },
  {
    kind: "event of a personal node (avatar, nickname, what was read)",
    spec: "XEP-0163, XEP-0490",
    xml: typed(
      "headline",
      "<event xmlns='http://jabber.org/protocol/pubsub#event'>" +
        "<items node='urn:xmpp:mds:displayed:0'/></event>",
    ),
    ...PASSING,
  },
  {
    kind: "event of a node, of type normal",
    spec: "XEP-0060",
    xml: normal(
      "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='news'/></event>",
    ),
    ...PASSING,
    offline: true,
  },
  {
    kind: "attention",
    spec: "XEP-0224",
    xml: typed("headline", "<attention xmlns='urn:xmpp:attention:0'/>"),
    ...PASSING,
    urgent: true,
  },
  {
    kind: "text while it is typed",
    spec: "XEP-0301",
    xml: chat("<rtt xmlns='urn:xmpp:rtt:0' seq='1'><t>H</t></rtt>"),
    ...FLEETING,
  },
  {
    kind: "asking for a confirmation",
    spec: "XEP-0070",
    xml: normal(
      "<confirm xmlns='http://jabber.org/protocol/http-auth' id='a' method='GET' url='https://a/'/>",
    ),
    ...PASSING,
    offline: true,
    urgent: true,
  },
  {
    kind: "hint: no-store",
    spec: "XEP-0334",
    xml: chat(`<body>Hi</body><no-store ${HINTS}/>`),
    ...SPOKEN,
    archive: false,
    offline: false,
  },
  {
    kind: "hint: no-permanent-store",
    spec: "XEP-0334",
    xml: chat(`<body>Hi</body><no-permanent-store ${HINTS}/>`),
    ...SPOKEN,
    archive: false,
  },
  {
    kind: "hint: store, without a body",
    spec: "XEP-0334",
    xml: normal(`<x xmlns='https://unknown.example/'/>${STORE}`),
    ...QUIET,
    carbons: NONE,
  },
  {
    kind: "hints: store and no-store",
    spec: "XEP-0334",
    xml: chat(`<body>Hi</body>${STORE}<no-store ${HINTS}/>`),
    ...SPOKEN,
    archive: false,
    offline: false,
  },
  {
    kind: "hint: no-copy, and private",
    spec: "XEP-0280 §9, XEP-0334",
    xml: chat(`<body>Hi</body><private xmlns='urn:xmpp:carbons:2'/><no-copy ${HINTS}/>`),
    ...SPOKEN,
    carbons: NONE,
  },
  {
    kind: "error, in answer to nothing that was copied",
    spec: "RFC 6120",
    xml:
      `<message type='error' id='never sent'><body>Hi</body><store ${HINTS}/><error type='cancel'>` +
      "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
    ...PASSING,
    urgent: true,
  },
];
